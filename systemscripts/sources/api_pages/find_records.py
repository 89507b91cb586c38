"""Find the list of records in an answer, where `records` is auto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from systemscripts.errors import BadDataError
from systemscripts.http_client import redact_url

# envelopes of APIs are not deeper
MAX_DEPTH = 6
# lists beside the records
NOT_RECORDS = frozenset({"error", "errors", "exceptions", "faults", "warnings", "messages"})


def find_path(answer: Any, url: str) -> str | None:
    """Return the path of the only list of objects in an answer, "" if the answer is that list.

    None where several lists are all empty: another page tells. Raises BadDataError if there is none, or several: even
    if only one has objects, the records may be the empty one.
    """
    if isinstance(answer, list):
        return "" if answer else None
    lists = dict(_list_lists(answer, (), 0))
    if len(lists) == 1:
        return next(iter(lists))
    if lists and not any(lists.values()):
        return None
    if not lists:
        keys = ", ".join(map(str, answer))[:200] if isinstance(answer, dict) else type(answer).__name__
        raise BadDataError(
            f"{redact_url(url)}: there is no list of objects in the answer, but {keys}",
            "Set records to the path of the list.",
        )
    raise BadDataError(
        f"{redact_url(url)}: several lists may be the records: {', '.join(lists)[:300]}",
        f"Set records to the path of the right one, such as records: {next(iter(lists))}.",
    )


def find_empty_path(answer: Any) -> str:
    """Return the path of an empty list in an answer without records, "" if the answer is that list."""
    return next((path for path, _ in _list_lists(answer, (), 0)), "")


def _list_lists(value: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield path and items of each list of objects that is not itself within a list."""
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _list_lists(item, (*path, key), depth + 1)
        elif isinstance(item, list) and key.lower() not in NOT_RECORDS and _may_be_records(item):
            yield ".".join((*path, key)), item


def _may_be_records(items: list[Any]) -> bool:
    """Return whether all items are objects, and not links to other pages."""
    return all(isinstance(item, dict) and not {"href", "rel"} <= set(item) for item in items)
