"""Where the records of a nested file are: a path of keys or elements, and more values from around and within each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from systemscripts.errors import BadDataError

# Enough names to choose from.
MAX_NAMES_SHOWN = 12
# the column of a record that is only a value, as in a list of numbers
VALUE = "value"
UP = ".."


@dataclass
class Selection:
    """The keys `records` and `fields` under reading; only the process of a parser knows them."""

    # of the records from the outermost object or element; empty: no path is declared
    steps: list[str] = field(default_factory=list)
    # column -> steps from the record; ".." is the object around it
    fields: dict[str, list[str]] = field(default_factory=dict)

    def set(self, records: str, fields: dict[str, str]) -> None:
        """Set what the configuration says: steps are separated by slashes."""
        self.steps = [step for step in records.split("/") if step]
        self.fields = {column: path.split("/") for column, path in fields.items()}


SELECTION = Selection()


def find_records(value: object, steps: Sequence[str], around: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield each record below a value, after the objects around it; lists on the way are walked through."""
    if isinstance(value, list):
        for item in value:
            yield from find_records(item, steps, around)
    elif not steps:
        if value is not None:
            yield *around, value
    elif isinstance(value, dict) and steps[0] in value:
        yield from find_records(value[steps[0]], steps[1:], (*around, value))


def pick_fields(line: tuple[Any, ...], step_into: Callable[[Any, str], Any]) -> dict[str, Any]:
    """Return the values of the declared fields; None where there is none. `line`: the record, after what is around it.

    `step_into` returns what an object has under a name.
    """
    values = {}
    for column, steps in SELECTION.fields.items():
        ups = steps.count(UP)
        if ups >= len(line):
            raise BadDataError(f"fields: {column} goes {ups} levels up, but only {len(line) - 1} are around it")
        value = line[-1 - ups]
        for step in steps[ups:]:
            value = None if value is None else step_into(value, step)
        values[column] = value
    return values


def refuse_late_field(name: str) -> None:
    """Raise BadDataError for a value around the records that comes after them: those before it lack it already."""
    raise BadDataError(
        f"{name} stands after the records that need it, in a file too large to be read as a whole",
        "Ask the sender to write it before them, or remove it from reading.fields of the import.",
    )


def refuse_missing_path(name: str, names: Sequence[str]) -> None:
    """Raise BadDataError for a file that has nothing at the path. `names`: what it has instead."""
    shown = ", ".join(names[:MAX_NAMES_SHOWN]) or "nothing"
    raise BadDataError(
        f"{name} has no records at {'/'.join(SELECTION.steps)}; it has: {shown}",
        "Correct reading.records of the import, or ask the sender.",
    )
