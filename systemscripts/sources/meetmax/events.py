"""Which event ids to ask: `119179-119184,120001` or `known+500`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from systemscripts.errors import UsageError

EXAMPLE = "Write ids and ranges such as 119179-119184,120001, or known+500."
HIGHEST_ID = 99_999_999  # far above any id in use (140,000); a typing error must not become a scan of years


def parse_event_ids(text: str) -> list[int]:
    """Turn `119179-119184,120001` into sorted ids, each once.

    Raises UsageError for anything that is not an id or a rising range of ids.
    """
    ids: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,12})\s*(?:-\s*(\d{1,12})\s*)?", part, re.ASCII)
        if not found:
            raise UsageError(f"{part.strip()!r} is not an event id or a range of them", EXAMPLE)
        first, last = int(found[1]), int(found[2] or found[1])
        if not 0 < first <= last <= HIGHEST_ID:
            raise UsageError(f"The event ids {part.strip()} do not rise from 1 to at most {HIGHEST_ID}", EXAMPLE)
        ids.update(range(first, last + 1))
    return sorted(ids)


def events_to_check(
    expression: str, known_ids: Iterable[int], first_ids: Iterable[int], unanswered_ids: Iterable[int] = ()
) -> list[int]:
    """Say which ids a scan asks for, sorted, each once.

    expression: parts with commas between them; a part is an id, a range, or `known+N`: every id that ever existed and
    the next N beyond the highest of them. `known_ids` are those ids; while there are none, `first_ids` (a setting)
    stand in for `known+N`. `unanswered_ids`: those whose checks have all failed so far; asked with the known ones,
    as the next N may lie beyond them by now. Raises UsageError when the expression is neither.
    """
    ids: set[int] = set()
    unanswered = set(unanswered_ids)
    for part in expression.split(","):
        found = re.fullmatch(r"\s*known\s*(?:\+\s*(\d{1,7})\s*)?", part, re.ASCII | re.IGNORECASE)
        if not found:
            ids.update(parse_event_ids(part))
            continue
        known = set(known_ids)
        highest = max(known, default=0)
        ids |= known | set(range(highest + 1, highest + 1 + int(found[1] or 0))) if known else set(first_ids)
        ids |= unanswered
    return sorted(ids)
