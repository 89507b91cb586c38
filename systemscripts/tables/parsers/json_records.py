"""Finds the records of JSON at a path: value by value, or through the outermost list where one value is very large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from systemscripts.tables.parsers.json_stream import JsonStream, ValueTooLargeError
from systemscripts.tables.parsers.record_paths import (
    SELECTION,
    UP,
    VALUE,
    find_records,
    pick_fields,
    refuse_late_field,
    refuse_missing_path,
)


def read_records(name: str, stream: JsonStream) -> Iterator[tuple[int, object]]:
    """Yield the records with their declared fields, numbered from 1. Raises BadDataError where the path is missing."""
    count, has_path, names = 0, False, dict[str, None]()
    for value in _read_values(stream, SELECTION.steps):
        around, inner, steps = value
        has_path = has_path or _has_path(inner, steps)
        if isinstance(inner, dict):
            names |= dict.fromkeys(inner)
        for line in find_records(inner, steps, around):
            count += 1
            record = line[-1] if isinstance(line[-1], dict) else {VALUE: line[-1]}
            yield count, {**record, **pick_fields(line, _step_into)}
    if not has_path and names:
        refuse_missing_path(name, list(names))


def _read_values(stream: JsonStream, steps: list[str]) -> Iterator[tuple[tuple[Any, ...], object, list[str]]]:
    """Yield values with the objects around them, and the steps that lead from each to its records."""
    if stream.peek() == "[":
        for _, value in stream.read_array():
            yield (), value, steps
        return
    count = 0
    try:
        for _, value in stream.read_all():
            count += 1
            yield (), value, steps
    except ValueTooLargeError:
        if count:
            raise
        stream.rewind()
        yield from _read_through(stream, steps, ())


def _read_through(
    stream: JsonStream, steps: list[str], around: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], object, list[str]]]:
    """Yield the entries of the first list on the path; what stands before it in its object is around them."""
    if stream.peek() == "[":
        for _, value in stream.read_array():
            yield around, value, steps
        return
    known: dict[str, object] = {}
    needed = {path[path.count(UP)] for path in SELECTION.fields.values() if UP in path}
    is_below = False
    for key in stream.read_keys():
        if steps and key == steps[0]:
            yield from _read_through(stream, steps[1:], (*around, known))
            is_below = True
            continue
        known[key] = stream.read_value()
        if is_below and key in needed:
            refuse_late_field(key)


def _has_path(value: object, steps: list[str]) -> bool:
    if isinstance(value, list):
        return not value or any(_has_path(item, steps) for item in value)
    if not steps:
        return True
    return isinstance(value, dict) and steps[0] in value and _has_path(value[steps[0]], steps[1:])


def _step_into(value: object, step: str) -> object:
    return value.get(step) if isinstance(value, dict) else None
