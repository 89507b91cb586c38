"""Page by key: the next page starts after the last row of this one, even if rows were added meanwhile."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from systemscripts.errors import UsageError

# every number of so many digits is a valid bigint
BIGINT_DIGITS = 18
# of the number of a block of a table, which has 32 bits
BLOCK_DIGITS = 10


@dataclass(frozen=True)
class Page:
    """Some rows, the key after which the next page starts and the one before which the previous one ends (or None)."""

    rows: list[dict[str, Any]]
    following: str | None
    preceding: str | None = None


def make_page(rows: list[dict[str, Any]], size: int, *names: str) -> Page:
    """Return a page of `size` rows from up to one more; `names`: the columns of the order."""
    if len(rows) <= size:
        return Page(rows, None)
    last = rows[size - 1]
    return Page(rows[:size], encode_key([last[name] for name in names]))


def slice_page(rows: list[dict[str, Any]], size: int, after: str | None) -> Page:
    """Return a page of a list that is short enough to be read whole; its key is the number of rows before the page."""
    start = decode_number(after) or 0
    following = encode_key([start + size]) if start + size < len(rows) else None
    return Page(rows[start : start + size], following)


def encode_row(row: dict[str, Any], names: Sequence[str]) -> str:
    """Return the key of a row; `names`: the columns of the order."""
    return encode_key([row[name] for name in names])


def find_block(ctid: str) -> str:
    """Return the block of a place such as (12,3); raise UsageError if it is not a place."""
    block, _, _ = ctid.strip("()").partition(",")
    if not (block.isascii() and block.isdecimal() and len(block) <= BLOCK_DIGITS):
        raise _make_bad_key_error()
    return block


def encode_key(values: list[Any]) -> str:
    """Return a key as text for an address."""
    text = json.dumps([None if value is None else str(value) for value in values])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_number(text: str | None) -> int | None:
    """Return a key of one number from 0 on, None for the first page; raise UsageError if it is not a number."""
    parts = decode_key(text, 1)
    if parts is None:
        return None
    digits = parts[0] or ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= BIGINT_DIGITS):
        raise _make_bad_key_error()
    return int(digits)


def decode_key(text: str | None, count: int) -> list[str | None] | None:
    """Return the `count` parts of a key, None for the first page; raise UsageError if it is not such a key."""
    if not text:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, UnicodeError):
        parts = None
    if not isinstance(parts, list) or len(parts) != count:
        raise _make_bad_key_error()
    if not all(part is None or isinstance(part, str) for part in parts):
        raise _make_bad_key_error()
    if any("\x00" in part for part in parts if part):
        raise _make_bad_key_error()
    return parts


def _make_bad_key_error() -> UsageError:
    return UsageError("this page does not belong to the list", "Start again from the first page.")
