"""The results that the demo should have, computed from the plain data and not from the files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from demo.companies import BY_KEY
from demo.events import EDITS, EVENTS, FIELDS, FIRST_ID, INVALID, LAST_ID, LIST, find_edits, list_rows

# the ids that the scan of the demo checks
EVENT_RANGE = f"{FIRST_ID}-{LAST_ID}"


@dataclass(frozen=True)
class ChangedValue:
    """One cell that differs: the company's key, the header of the column, the texts before and after."""

    key: str
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """The changes of the list of one event from one week to the next."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[ChangedValue, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def count_asked_ids() -> int:
    """Return how many ids the scan of the demo checks."""
    return LAST_ID - FIRST_ID + 1


def list_existing(week: int) -> list[int]:
    """Return the events that exist in a week."""
    return [event_id for event_id, event in EVENTS.items() if event.shows[week - 1] != INVALID]


def count_list_rows(week: int) -> dict[int, int]:
    """Return the events with a list in a week, each with its number of data rows."""
    lists = (event_id for event_id, event in EVENTS.items() if event.shows[week - 1] == LIST)
    return {event_id: len(list_rows(event_id, week)) for event_id in lists}


def find_changes(week: int) -> dict[int, Changes]:
    """Return the changes since the week before of each event that has a list in both weeks, even if there are none."""
    both = (event_id for event_id in count_list_rows(week) if event_id in count_list_rows(week - 1))
    return {event_id: _find_event_changes(event_id, week) for event_id in both}


def list_published(week: int) -> list[int]:
    """Return the events whose list is new in a week."""
    return sorted(set(count_list_rows(week)) - set(count_list_rows(week - 1)))


def find_disappeared(week: int) -> dict[int, str]:
    """Return the events whose list disappeared since the week before, each with INVALID or PAGE."""
    gone = set(count_list_rows(week - 1)) - set(count_list_rows(week))
    return {event_id: EVENTS[event_id].shows[week - 1] for event_id in sorted(gone)}


def _find_event_changes(event_id: int, week: int) -> Changes:
    edit = EDITS.get(week, {}).get(event_id)
    if edit is None:
        return Changes()
    changed = (
        ChangedValue(key, header, _format_value(_find_value_before(event_id, week, key, header)), _format_value(value))
        for key, header, value in edit.changed
    )
    return Changes(edit.added, edit.removed, tuple(changed))


def _find_value_before(event_id: int, week: int, key: str, header: str) -> Any:
    """Return a cell's value before the edits of `week`."""
    for edit in reversed(find_edits(event_id, week - 1)):
        for changed_key, changed_header, value in edit.changed:
            if (changed_key, changed_header) == (key, header):
                return value
    return FIELDS[dict(EVENTS[event_id].columns)[header]](BY_KEY[key])


def _format_value(value: Any) -> str:
    """Return a value as a clean table should show it: whole numbers without a decimal point, dates in ISO."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
