"""Judge a scan as a whole: does the site still answer with event pages?

One page alone can deceive: a notice in another language, an error that calls every id invalid, one event's page for
all. Compared with what was known before the scan, and with each other, such answers give themselves away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from systemscripts.sources.meetmax import page_kinds
from systemscripts.sources.meetmax.pages import PageResult

MIN_SUSPECTS = 5  # fewer may be chance: some events end every week
MAX_SUSPECT_SHARE = 0.25  # of the events; where more change at once, it is the site that changed


@dataclass(frozen=True)
class KnownEvent:
    """What the last check that was loaded said of an event that existed then."""

    title: str


def find_site_fault(results: Mapping[int, PageResult], known: Mapping[int, KnownEvent]) -> str:
    """Say in a sentence why a scan must not be believed, or return "".

    results: of this scan, by id. known: the events that existed at their last check. An event that shows its list, or
    its page under the title it had, is confirmed; one that does not is a suspect. The scan is not believed where many
    events are suspects at once, many answers are not event pages, or known events say no more than ids never seen.
    """
    foreign = {event: result for event, result in results.items() if result.StatusCode in page_kinds.EXPLANATIONS}
    foreign |= find_repeated_pages(results, known)
    answered = [event for event, result in results.items() if not result.failed or event in foreign]
    asked = [event for event in answered if event in known]
    suspects = [event for event in asked if event in foreign or not _is_confirmed(results[event], known[event])]
    kinds = Counter(result.StatusCode for result in foreign.values())
    seen = ": " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) if kinds else ""
    if _is_mass(len(suspects), len(asked)):
        return f"{len(suspects)} of {len(asked)} known events lost their page or title at once{seen}"
    if _is_mass(len(foreign), len(answered)):
        return f"{len(foreign)} of {len(answered)} pages are not event pages{seen}"
    if len(suspects) == len(asked) > 1 and len(answered) > len(asked):
        return f"all {len(asked)} known events answer like ids that never existed{seen}"
    return ""


def find_repeated_pages(results: Mapping[int, PageResult], known: Mapping[int, KnownEvent]) -> dict[int, PageResult]:
    """Return a failed result for each event whose page without a list is, but for numbers, the page of many others."""
    unconfirmed = {
        event: result
        for event, result in results.items()
        if result.Fingerprint and not (event in known and _is_confirmed(result, known[event]))
    }
    counts = Counter(result.Fingerprint for result in unconfirmed.values())
    repeated = {mark for mark, count in counts.items() if count >= MIN_SUSPECTS}
    return {
        event: PageResult(event, StatusCode=page_kinds.SAME_PAGE)
        for event, result in unconfirmed.items()
        if result.Fingerprint in repeated
    }


def _is_confirmed(result: PageResult, before: KnownEvent) -> bool:
    return bool(result.IsDownloadable or (result.IfExists and result.Title.casefold() == before.title.casefold()))


def _is_mass(suspects: int, all_of_them: int) -> bool:
    return suspects >= MIN_SUSPECTS and suspects > MAX_SUSPECT_SHARE * all_of_them
