"""Paging by key: the next page begins after the last row of this one, however many rows there are by then."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from systemscripts.errors import UsageError


@dataclass(frozen=True)
class Page:
    """Some rows, and the key after which the next ones begin (None: these were the last)."""

    rows: list[dict[str, Any]]
    following: str | None


def cut(rows: list[dict[str, Any]], size: int, *names: str) -> Page:
    """A page of `size` rows out of one more than that; `names`: the columns that the order goes by."""
    if len(rows) <= size:
        return Page(rows, None)
    last = rows[size - 1]
    return Page(rows[:size], written([last[name] for name in names]))


def written(values: list[Any]) -> str:
    """A key as it stands in an address."""
    text = json.dumps([None if value is None else str(value) for value in values])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_number(text: str | None) -> int | None:
    """A key that is one number (0 and more), None for the first page; raises UsageError where it is none."""
    found = read(text, 1)
    if found is None:
        return None
    digits = found[0] or ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):  # of a bigint
        raise _none_of_this_list()
    return int(digits)


def read(text: str | None, count: int) -> list[str | None] | None:
    """The `count` parts of a key from an address, None for the first page; raises UsageError where it is none."""
    if not text:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, UnicodeError):
        found = None
    if not isinstance(found, list) or len(found) != count or not all(p is None or isinstance(p, str) for p in found):
        raise _none_of_this_list()
    if any("\x00" in part for part in found if part):
        raise _none_of_this_list()
    return found


def _none_of_this_list() -> UsageError:
    return UsageError("the page that was asked for is none of this list", "Start again from the first page.")
