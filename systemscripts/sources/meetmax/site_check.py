"""Judge a scan as a whole: does the site still answer with event pages?

One page alone can deceive: a notice in another language, an error that calls every id invalid, one event's page for
all. Compared with what was known before the scan, and with each other, such answers give themselves away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from systemscripts.commands import format_command
from systemscripts.errors import EtlError
from systemscripts.sources.meetmax import page_kinds, results
from systemscripts.sources.meetmax.pages import PageResult
from systemscripts.sources.meetmax.results import ScanOutcome

MIN_SUSPECTS = 5  # fewer may be chance: some events end every week
MIN_KNOWN = 3  # all of fewer may have ended
MAX_SUSPECT_SHARE = 0.25  # of the events; where more change at once, it is the site that changed


def refuse_bad_scan(path: Path, outcome: ScanOutcome, repeated: int, titles: Mapping[int, str] | None) -> None:
    """Raise EtlError for a scan that found nothing, gave up, or must not be believed; the latter leaves no trace.

    path: the file of its results. repeated: how many of them are one and the same page. titles: as for
    `find_site_fault`; None to believe the site whatever it says.
    """
    fault = "" if titles is None else find_site_fault(results.newest_results(path), titles)
    if outcome.everything_failed or outcome.ended == results.GAVE_UP:
        failures = outcome.failures | ({page_kinds.SAME_PAGE: repeated} if repeated else {})
        missing = {"HTTP 404": outcome.missing} if outcome.missing else {page_kinds.SAME_PAGE: outcome.existing}
        what, hint = results.explain_failures(failures or missing)
        if fault or hint == page_kinds.HINT:
            _forget_scan(path, outcome, titles or {})
        told = list_failures(failures) or ", ".join(missing)
        raise EtlError(f"{what}: {told} ({outcome.answered} pages asked)", hint)
    if fault and outcome.complete:
        _forget_scan(path, outcome, titles or {})
        raise EtlError(
            f"MeetMax is not serving its event pages: {fault}",
            f"{page_kinds.HINT} Where the site is right: {format_command('meetmax_url_check', '--accept-drop')}",
        )


def list_failures(failures: Mapping[str, int]) -> str:
    """Return each failure with its number, on one line."""
    return ", ".join(f"{count} {status}" for status, count in failures.items())


def find_site_fault(found: Mapping[int, PageResult], titles: Mapping[int, str]) -> str:
    """Say in a sentence why a scan must not be believed, or return "".

    found: results of the scan, by id. titles: of the events that existed at their last check. An event that shows its
    list, or its page under the title it had, is confirmed; one that does not is a suspect. One that is gone (404, or an
    unknown id in the site's own words) has ended, where the scan also saw confirmed events: such a site is well. The
    scan is not believed where many events are suspects at once, many answers are not event pages, or all known events
    say no more than ids never seen.
    """
    foreign = {event: result for event, result in found.items() if result.StatusCode in page_kinds.EXPLANATIONS}
    foreign |= find_repeated_pages(found, titles)
    answered = [event for event, result in found.items() if not result.failed or event in foreign]
    asked = [event for event in answered if event in titles]
    suspects = [event for event in asked if event in foreign or not _is_confirmed(found[event], titles[event])]
    is_any_confirmed = len(suspects) < len(asked) or any(result.IsDownloadable for result in found.values())
    if is_any_confirmed:
        suspects = [event for event in suspects if event in foreign or found[event].IfExists]
    kinds = Counter(result.StatusCode for result in foreign.values())
    seen = f": {list_failures(dict(kinds.most_common()))}" if kinds else ""
    if _is_mass(len(suspects), len(asked)):
        return f"{len(suspects)} of {len(asked)} known events lost their page or title at once{seen}"
    if _is_mass(len(foreign), len(answered)):
        return f"{len(foreign)} of {len(answered)} pages are not event pages{seen}"
    if not is_any_confirmed and MIN_KNOWN <= len(asked) < len(answered):
        return f"all {len(asked)} known events now look like ids that never existed{seen}"
    return ""


def find_repeated_pages(found: Mapping[int, PageResult], titles: Mapping[int, str]) -> dict[int, PageResult]:
    """Return a failed result for each event whose page without a list is, but for numbers, the page of many others."""
    unconfirmed = {
        event: result
        for event, result in found.items()
        if result.Fingerprint and not (event in titles and _is_confirmed(result, titles[event]))
    }
    counts = Counter(result.Fingerprint for result in unconfirmed.values())
    repeated = {mark for mark, count in counts.items() if count >= MIN_SUSPECTS}
    return {
        event: PageResult(event, StatusCode=page_kinds.SAME_PAGE)
        for event, result in unconfirmed.items()
        if result.Fingerprint in repeated
    }


def _forget_scan(path: Path, outcome: ScanOutcome, titles: Mapping[int, str]) -> None:
    """Drop the answers of a scan, and those before it where they are not better."""
    results.forget_since(path, outcome.began_at)
    if find_site_fault(results.newest_results(path), titles):
        path.unlink()


def _is_confirmed(result: PageResult, title_before: str) -> bool:
    return bool(result.IsDownloadable or (result.IfExists and result.Title.casefold() == title_before.casefold()))


def _is_mass(suspects: int, all_of_them: int) -> bool:
    return suspects >= MIN_SUSPECTS and suspects > MAX_SUSPECT_SHARE * all_of_them
