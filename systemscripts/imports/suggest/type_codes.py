"""Recognise files whose records begin with their type: a header, rows, perhaps others, and a trailer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MARKS = "|;\t,~^"
# fewer lines look like anything
MIN_LINES = 4
# types of records between header and trailer
MAX_TYPES = 4
MAX_CODE_LETTERS = 10
_CODE = re.compile(r"[A-Z]+[0-9]*|[0-9]+")
_LETTERS = re.compile(r"[A-Z]+")
# digits that may be a type, the likeliest first
_DIGIT_LENGTHS = (2, 1)


@dataclass(frozen=True)
class Types:
    """The types of the records of a file; `mark` is the delimiter, "" for fixed width."""

    mark: str
    header: str
    rows: str
    others: tuple[str, ...]
    trailer: str

    def find_type(self, line: str) -> str:
        """Return what a line begins with."""
        return line.split(self.mark)[0].strip('"') if self.mark else line[: len(self.rows)]

    def as_reading(self) -> dict[str, object]:
        """Return the value of `record_types` under reading."""
        types: dict[str, object] = {"header": self.header, "rows": self.rows, "skip": list(self.others)}
        return {key: value for key, value in (types | {"trailer": self.trailer}).items() if value}


def find_types(lines: Sequence[str], has_end: bool = True) -> Types | None:
    """Return the types of the records of some lines, None if they do not seem to have types.

    `has_end`: whether the last one is the last line of the file.
    """
    if len(lines) < MIN_LINES or not has_end:
        return None
    for mark in MARKS:
        if sum(mark in line for line in lines) > len(lines) / 2:
            codes = [line.split(mark)[0].strip('"') for line in lines]
            sizes = [line.count(mark) for line in lines]
            return _judge(mark, codes, sizes, lines)
    for length in _list_lengths(lines):
        types = _judge("", [line[:length] for line in lines], [], lines)
        if types is not None and types.header and types.trailer:
            return types
    return None


def _list_lengths(lines: Sequence[str]) -> Iterator[int]:
    """Yield how many letters the types may have, the likeliest first."""
    runs = [match[0] if (match := _LETTERS.match(line)) else "" for line in (lines[0], lines[1], lines[-1])]
    if all(runs):
        yield min(map(len, runs))
    elif all(line[:1].isdigit() for line in lines):
        yield from _DIGIT_LENGTHS


def _judge(mark: str, codes: Sequence[str], sizes: Sequence[int], lines: Sequence[str]) -> Types | None:
    """Return the types if first and last record are unlike the others, which have few types."""
    kinds = [_get_kind(code) for code in codes]
    if not kinds[1] or len(set(codes[1:-1])) > MAX_TYPES:
        return None
    rows = Counter(codes[1:-1]).most_common(1)[0][0]
    usual = {size for size, code in zip(sizes, codes, strict=False) if code == rows}

    def is_apart(index: int) -> bool:
        """Return whether the first or the last record is of a type of its own."""
        if codes.count(codes[index]) > 1 or kinds[index] != kinds[1]:
            return False
        if mark:
            return sizes[index] not in usual
        return any(letter.isdigit() for letter in lines[index][len(codes[index]) :])

    first, last = is_apart(0), is_apart(-1)
    inner = codes[1 if first else 0 : -1 if last else None]
    if not (first or last) or any(_get_kind(code) != kinds[1] for code in inner):
        return None
    # with one side alone, a second type of rows might be a column of words
    if not (first and last) and len(set(inner)) > 1:
        return None
    others = tuple(sorted(set(inner) - {rows}))
    return Types(mark, codes[0] if first else "", rows, others, codes[-1] if last else "")


def _get_kind(code: str) -> str:
    """Return what kind of text a type is, "" if it cannot be one; all types of a file are of one kind."""
    if len(code) > MAX_CODE_LETTERS or not _CODE.fullmatch(code):
        return ""
    return f"{'digits' if code.isdigit() else 'letters'} {len(code) if code.isdigit() else ''}"
