"""Select the event ids of a scan: `119179-119184,120001` or `known+500`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from systemscripts.errors import UsageError

EXAMPLE = "Write ids and ranges such as 119179-119184,120001, or known+500."
# Far above any id in use (140,000): a typing error must not start a scan that takes years.
HIGHEST_ID = 99_999_999


def parse_event_ids(text: str) -> list[int]:
    """Return the sorted ids of an expression such as `119179-119184,120001`, without duplicates.

    Raises UsageError for anything that is not an id or an ascending range of ids.
    """
    ids: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,12})\s*(?:-\s*(\d{1,12})\s*)?", part, re.ASCII)
        if not match:
            raise UsageError(f"{part.strip()!r} is not an event id or a range of them", EXAMPLE)
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 < first <= last <= HIGHEST_ID:
            raise UsageError(f"The event ids {part.strip()} are not an ascending range from 1 to {HIGHEST_ID}", EXAMPLE)
        ids.update(range(first, last + 1))
    return sorted(ids)


def select_events(
    expression: str, known_ids: Iterable[int], first_ids: Iterable[int], unanswered_ids: Iterable[int] = ()
) -> list[int]:
    """Return the sorted ids that a scan requests, without duplicates.

    `expression`: parts separated by commas. A part is an id, a range, or `known+N`: every id that ever existed, and the
    next N above the highest of them. `known_ids`: the ids that ever existed; if there are none, `known+N` means
    `first_ids` (a setting). `unanswered_ids`: ids whose checks have all failed so far. They are requested together with
    the known ones, because the next N may start above them. Raises UsageError for any other expression.
    """
    ids: set[int] = set()
    unanswered = set(unanswered_ids)
    for part in expression.split(","):
        match = re.fullmatch(r"\s*known\s*(?:\+\s*(\d{1,7})\s*)?", part, re.ASCII | re.IGNORECASE)
        if not match:
            ids.update(parse_event_ids(part))
            continue
        known = set(known_ids)
        highest = max(known, default=0)
        ids |= known | set(range(highest + 1, highest + 1 + int(match[1] or 0))) if known else set(first_ids)
        ids |= unanswered
    return sorted(ids)
