"""Where quotes do not follow RFC 4180: read one record with sense, and write it so that COPY reads the same.

A quote opens a field only at its begin and closes it only at its end; any other quote is a character. PostgreSQL's COPY
takes every quote as opening or closing, wherever it stands, so such a record is written anew with that field quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern

# A field may hold line breaks, but a quote that somebody forgot must not swallow the file.
MOST_LINES = 1000
MOST_BYTES = 2**20


@dataclass(frozen=True)
class Quoting:
    """The patterns of one dialect, for bytes."""

    delimiter: bytes
    quote: bytes
    width: int  # how many fields most records have, 0 when unknown
    clean: Pattern[bytes]  # the longest stretch in which every quote opens or closes a field
    quoted_field: Pattern[bytes]
    open_field: Pattern[bytes]  # one whose end has not been read yet
    line_break: Pattern[bytes]


@dataclass(frozen=True)
class Careful:
    """One record read carefully: its bytes for the wire, where the next begins, and how many stray quotes it had."""

    record: bytes
    end: int
    stray: int


def quoting(delimiter: bytes, quote: bytes, width: int) -> Quoting:
    """Prepare the patterns for a delimiter and a quote of one byte each."""
    d, q = re.escape(delimiter), re.escape(quote)
    edge = rb"[^%s\r\n%s]" % (d, q)
    clean = rb"(?:[^%s]*+(?<!%s)%s[^%s]*+%s(?!%s))*+[^%s]*+" % (q, edge, q, q, q, edge, q)
    field = rb"%s((?:[^%s]++|%s%s)*+)%s(?=[%s\r\n]|\Z)" % (q, q, q, q, q, d)
    still_open = rb"%s(?:[^%s]++|%s%s)*+\Z" % (q, q, q, q)
    patterns = (re.compile(pattern) for pattern in (clean, field, still_open, rb"\r\n|\n|\r"))
    return Quoting(delimiter, quote, width, *patterns)


def careful_record(body: bytes, start: int, rules: Quoting, final: bool) -> Careful | None:
    """Read the record at `start`; None when a quoted field is still open at the end of `body` and more may come.

    With `final`, or when the field grows beyond any sense, its quote is taken as a character instead.
    """
    line_end = _end_of_line(body, start, rules)
    alone = _fields(body, start, line_end, rules)
    opened = next((i for i, field in enumerate(alone.fields) if field[:1] == rules.quote and i in alone.unclosed), None)
    if opened is None:
        return _written(alone, rules)
    field_start = alone.starts[opened]
    match = rules.quoted_field.match(body, field_start, field_start + MOST_BYTES)
    if match is None:
        more = not final and len(body) - start < MOST_BYTES and rules.open_field.match(body, field_start)
        return None if more and len(rules.line_break.findall(body, start)) < MOST_LINES else _written(alone, rules)
    if len(rules.line_break.findall(match.group())) > MOST_LINES:
        return _written(alone, rules)
    longer = _fields(body, start, _end_of_line(body, match.end(), rules), rules)
    looks_whole = rules.width and len(alone.fields) == rules.width and len(longer.fields) != rules.width
    return _written(alone if looks_whole else longer, rules)


@dataclass(frozen=True)
class _Cut:
    fields: list[bytes]  # as they stand in the file
    starts: list[int]
    unclosed: set[int]  # numbers of the fields whose quotes are characters
    end: int


def _fields(body: bytes, start: int, end: int, rules: Quoting) -> _Cut:
    fields: list[bytes] = []
    starts: list[int] = []
    unclosed: set[int] = set()
    position = start
    while True:
        match = rules.quoted_field.match(body, position, end)
        stop = match.end() if match else body.find(rules.delimiter, position, end)
        stop = end if stop < 0 else stop
        field = body[position:stop]
        if not match and rules.quote in field:
            unclosed.add(len(fields))
        fields.append(field)
        starts.append(position)
        if stop >= end:
            return _Cut(fields, starts, unclosed, end)
        position = stop + 1


def _written(cut: _Cut, rules: Quoting) -> Careful:
    quote = rules.quote
    for number in cut.unclosed:
        cut.fields[number] = quote + cut.fields[number].replace(quote, quote + quote) + quote
    return Careful(rules.delimiter.join(cut.fields), cut.end, len(cut.unclosed))


def _end_of_line(body: bytes, start: int, rules: Quoting) -> int:
    match = rules.line_break.search(body, start)
    return match.start() if match else len(body)
