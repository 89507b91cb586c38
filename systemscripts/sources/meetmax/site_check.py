"""Check a scan as a whole: whether the site still answers with event pages.

One page alone can be misleading: a notice in another language, an error that calls every id invalid, the page of one
event for all ids. Such responses are recognized by comparison with each other and with earlier scans.
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

# Fewer may be a coincidence, since some events end every week.
MIN_SUSPECTS = 5
# If there are fewer known events, all of them may have ended.
MIN_KNOWN = 3
# If a larger share of the events changes at once, the site has changed.
MAX_SUSPECT_SHARE = 0.25


def refuse_bad_scan(path: Path, outcome: ScanOutcome, repeated: int, titles: Mapping[int, str] | None) -> None:
    """Raise EtlError for a scan that found nothing, gave up, or is not plausible, whose results are then discarded.

    `path`: the file of its results. `repeated`: how many of them are the same page. `titles`: as for `find_site_fault`,
    or None to accept all results.
    """
    fault = "" if titles is None else find_site_fault(results.newest_results(path), titles)
    if outcome.everything_failed or outcome.ended == results.GAVE_UP:
        failures = outcome.failures | ({page_kinds.SAME_PAGE: repeated} if repeated else {})
        missing = {"HTTP 404": outcome.missing} if outcome.missing else {page_kinds.SAME_PAGE: outcome.existing}
        explanation, hint = results.explain_failures(failures or missing)
        if fault or hint == page_kinds.HINT:
            _forget_scan(path, outcome, titles or {})
        details = list_failures(failures) or ", ".join(missing)
        raise EtlError(f"{explanation}: {details} ({outcome.answered} pages requested)", hint)
    if fault and outcome.complete:
        _forget_scan(path, outcome, titles or {})
        raise EtlError(
            f"MeetMax is not serving its event pages: {fault}",
            f"{page_kinds.HINT} If the site is right: {format_command('meetmax_url_check', '--accept-drop')}",
        )


def list_failures(failures: Mapping[str, int]) -> str:
    """Return each failure with its number, on one line."""
    return ", ".join(f"{count} {status}" for status, count in failures.items())


def find_site_fault(scanned: Mapping[int, PageResult], titles: Mapping[int, str]) -> str:
    """Return why a scan is not plausible, in a sentence, or "".

    `scanned`: the results of the scan by id. `titles`: of the events that existed at their last check. An event with
    its list, or with a page that has its title, is confirmed; others are suspects. If some events are confirmed, events
    without a page (404, or an unknown id according to the site) have ended. A scan is not plausible if many events are
    suspects at once, if many responses are not event pages, or if all known events look like ids that never existed.
    """
    foreign = {event: result for event, result in scanned.items() if result.StatusCode in page_kinds.EXPLANATIONS}
    foreign |= find_repeated_pages(scanned, titles)
    answered = [event for event, result in scanned.items() if not result.failed or event in foreign]
    asked = [event for event in answered if event in titles]
    suspects = [event for event in asked if event in foreign or not _is_confirmed(scanned[event], titles[event])]
    is_any_confirmed = len(suspects) < len(asked) or any(result.IsDownloadable for result in scanned.values())
    if is_any_confirmed:
        suspects = [event for event in suspects if event in foreign or scanned[event].IfExists]
    kinds = Counter(result.StatusCode for result in foreign.values())
    seen = f": {list_failures(dict(kinds.most_common()))}" if kinds else ""
    if _is_mass(len(suspects), len(asked)):
        return f"{len(suspects)} of {len(asked)} known events lost their page or title at once{seen}"
    if _is_mass(len(foreign), len(answered)):
        return f"{len(foreign)} of {len(answered)} pages are not event pages{seen}"
    if not is_any_confirmed and MIN_KNOWN <= len(asked) < len(answered):
        return f"all {len(asked)} known events now look like ids that never existed{seen}"
    return ""


def find_repeated_pages(scanned: Mapping[int, PageResult], titles: Mapping[int, str]) -> dict[int, PageResult]:
    """Return a failed result for each event whose page without a list equals many others, except for numbers."""
    unconfirmed = {
        event: result
        for event, result in scanned.items()
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
    """Discard the results of a scan, and all earlier ones if they are not plausible either."""
    results.forget_since(path, outcome.began_at)
    if find_site_fault(results.newest_results(path), titles):
        path.unlink()


def _is_confirmed(result: PageResult, title_before: str) -> bool:
    return bool(result.IsDownloadable or (result.IfExists and result.Title.casefold() == title_before.casefold()))


def _is_mass(suspects: int, all_of_them: int) -> bool:
    return suspects >= MIN_SUSPECTS and suspects > MAX_SUSPECT_SHARE * all_of_them
