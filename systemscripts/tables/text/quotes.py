"""Where quotes do not follow RFC 4180: read one record with sense, and write it so that COPY reads the same.

A quote opens a field only at its begin and closes it only at its end; any other quote is a character. PostgreSQL's COPY
takes every quote as opening or closing, wherever it stands, so such a record is written anew with that field quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from re import Pattern

# A field may hold line breaks, but a quote that somebody forgot must not swallow the file.
MOST_LINES = 1000
MOST_BYTES = 2**20
MOST_TRIES = 60  # ways to read one line of quotes that nobody escaped


@dataclass(frozen=True)
class QuoteRules:
    """The patterns of one dialect, for bytes."""

    delimiter: bytes
    quote: bytes
    width: int  # how many fields most records have, 0 when unknown
    most_lines: int
    most_bytes: int
    clean: Pattern[bytes]  # the longest stretch in which every quote opens or closes a field
    quoted_field: Pattern[bytes]
    open_field: Pattern[bytes]  # one whose end has not been read yet
    line_break: Pattern[bytes]
    field_end: Pattern[bytes]


@dataclass(frozen=True)
class CarefulRecord:
    """One record read carefully: its bytes for the wire, where the next begins, and how many stray quotes it had."""

    record: bytes
    end: int
    stray: int


def compile_rules(delimiter: bytes, quote: bytes, width: int, trusted: bool = False) -> QuoteRules:
    """Prepare the patterns for a delimiter and a quote of one byte; a field of `trusted` text may be of any size."""
    d, q = re.escape(delimiter), re.escape(quote)
    edge = rb"[^%s\r\n%s]" % (d, q)
    # |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
    clean = rb"(?:[^%s]*+(?<!%s)%s[^%s]*+%s(?!%s)|(?!))*+[^%s]*+" % (q, edge, q, q, q, edge, q)
    # blanks may stand between a quote and the delimiter: `"x, y" ,3`
    blanks = b"" if delimiter == b" " else rb" *+"
    closed = rb"%s(%s(?:[^%s]++|%s%s)*+%s)%s(?=[%s\r\n]|\Z)" % (blanks, q, q, q, q, q, blanks, d)
    still_open = rb"%s%s(?:[^%s]++|%s%s)*+\Z" % (blanks, q, q, q, q)
    patterns = (re.compile(pattern) for pattern in (clean, closed, still_open, rb"\r\n|\n|\r", rb"[%s\r\n]" % d))
    limits = (2**62, 2**62) if trusted else (MOST_LINES, MOST_BYTES)
    return QuoteRules(delimiter, quote, width, *limits, *patterns)


def read_record(body: bytes, start: int, rules: QuoteRules, final: bool) -> CarefulRecord | None:
    """Read the record at `start`; None when a quoted field is still open at the end of `body` and more may come.

    With `final`, or when the field grows beyond any sense, its quote is taken as a character instead.
    """
    simple = _without_opening_quote(body, start, rules)
    if simple is not None:
        return simple
    whole = _Cut(start)
    while not whole.done:
        if not _add_field(whole, body, rules, len(body)):
            if not final and _may_still_close(body, start, whole.end, rules):
                return None
            _add_literal(whole, body, rules, len(body))
    if _may_be_loose(whole, rules) and (loose := _loose_record(body, start, rules)) is not None:
        return loose
    if rules.width and len(whole.fields) != rules.width:
        alone = _one_line(body, start, rules)
        if alone.end < whole.end and len(alone.fields) == rules.width:
            return _written(alone, rules)
    return _written(whole, rules)


def _may_be_loose(cut: _Cut, rules: QuoteRules) -> bool:
    """True when quotes that nobody escaped may explain a record: too wide, or a field begins and ends with one."""
    if not cut.literal or len(cut.fields) < rules.width:
        return False
    quote = rules.quote
    enclosed = any(
        cut.fields[number].startswith(quote) and cut.fields[number].endswith(quote) for number in cut.literal
    )
    return enclosed or len(cut.fields) > rules.width


def _loose_record(body: bytes, start: int, rules: QuoteRules) -> CarefulRecord | None:
    """Read a line whose quoted fields hold quotes that nobody escaped (`"say "hi", then go"`), by the usual width.

    Such a field ends at a quote before a delimiter or the line end; None unless that gives just the usual width.
    """
    match = rules.line_break.search(body, start)
    line = body[start : match.start() if match else len(body)]
    if not rules.width or len(line) > rules.most_bytes:
        return None
    fields = _loose_fields(line, rules, rules.width, [MOST_TRIES + 2 * rules.width])
    if fields is None:
        return None
    quote, stray = rules.quote, 0
    for number, content in enumerate(fields):
        if len(content) > 1 and content.startswith(quote) and content.endswith(quote):
            inner = content[1:-1].replace(quote * 2, quote)
            written = quote + inner.replace(quote, quote * 2) + quote
            stray += written != content
            fields[number] = written
        elif quote in content:
            fields[number] = quote + content.replace(quote, quote * 2) + quote
            stray += 1
    return CarefulRecord(rules.delimiter.join(fields), start + len(line), stray)


def _loose_fields(line: bytes, rules: QuoteRules, count: int, tries: list[int]) -> list[bytes] | None:
    """Cut a line into `count` fields, each quoted one as short as that allows; `tries` is counted down to give up."""
    tries[0] -= 1
    if tries[0] < 0:
        return None
    for end in _field_ends(line, rules):
        if end == len(line):
            if count == 1:
                return [line]
        elif count > 1:
            rest = _loose_fields(line[end + 1 :], rules, count - 1, tries)
            if rest is not None:
                return [line[:end], *rest]
    return None


def _field_ends(line: bytes, rules: QuoteRules) -> Iterator[int]:
    """Where the first field of a line may end: at the first delimiter, or at any quote before one if it is quoted."""
    if line.startswith(rules.quote):
        quoted = rules.quoted_field.match(line)
        if quoted:
            yield quoted.end()
        closing = rules.quote + rules.delimiter
        end = line.find(closing, 1)
        while end >= 0:
            if not quoted or quoted.end() != end + 1:
                yield end + 1
            end = line.find(closing, end + 1)
        if len(line) > 1 and line.endswith(rules.quote):
            yield len(line)
        return
    end = line.find(rules.delimiter)
    yield len(line) if end < 0 else end


def _without_opening_quote(body: bytes, start: int, rules: QuoteRules) -> CarefulRecord | None:
    """The usual case, quickly: no field of the line begins with a quote (5" pipe); None when one does."""
    match = rules.line_break.search(body, start)
    end = match.start() if match else len(body)
    fields = body[start:end].split(rules.delimiter)
    quote, stray = rules.quote, 0
    for number, content in enumerate(fields):
        if quote in content:
            if content.lstrip(b" ").startswith(quote):
                return None
            fields[number] = quote + content.replace(quote, quote + quote) + quote
            stray += 1
    return CarefulRecord(rules.delimiter.join(fields), end, stray)


@dataclass
class _Cut:
    """A record while it is cut; `end`: where its next field begins, or the record ends when it is done."""

    end: int
    fields: list[bytes] = field(default_factory=list)  # as they stand in the file
    literal: list[int] = field(default_factory=list)  # numbers of the fields whose quotes are characters
    done: bool = False

    def add(self, body: bytes, stop: int, limit: int, delimiter: bytes, content: bytes | None = None) -> None:
        """Take the field that ends at `stop`; `content`: what stands between the blanks around it."""
        self.fields.append(body[self.end : stop] if content is None else content)
        self.done = stop >= limit or body[stop : stop + 1] != delimiter
        self.end = stop if self.done else stop + 1


def _one_line(body: bytes, start: int, rules: QuoteRules) -> _Cut:
    """The record that ends with its first line, whatever the quotes say."""
    match = rules.line_break.search(body, start)
    limit = match.start() if match else len(body)
    cut = _Cut(start)
    while not cut.done:
        if not _add_field(cut, body, rules, limit):
            _add_literal(cut, body, rules, limit)
    return cut


def _add_field(cut: _Cut, body: bytes, rules: QuoteRules, limit: int) -> bool:
    """Take the next field; False when it begins with a quote that nothing closes."""
    begins = body[cut.end : cut.end + 1]
    if begins not in (rules.quote, b" ") or cut.end >= limit:
        _add_literal(cut, body, rules, limit)
        return True
    match = rules.quoted_field.match(body, cut.end, limit)
    if match is None and begins == b" " and not _opens_behind_blanks(body, cut.end, limit, rules):
        _add_literal(cut, body, rules, limit)
        return True
    if match is None or match.end() - cut.end > rules.most_bytes:
        return False
    if len(rules.line_break.findall(body, cut.end, match.end())) > rules.most_lines:
        return False
    cut.add(body, match.end(), limit, rules.delimiter, match[1])
    return True


def _opens_behind_blanks(body: bytes, start: int, limit: int, rules: QuoteRules) -> bool:
    """True when a quote follows the blanks that a field begins with."""
    while start < limit and body[start : start + 1] == b" ":
        start += 1
    return start < limit and body[start : start + 1] == rules.quote and rules.delimiter != b" "


def _add_literal(cut: _Cut, body: bytes, rules: QuoteRules, limit: int) -> None:
    """Take the next field up to a delimiter or line break, its quotes as characters."""
    match = rules.field_end.search(body, cut.end, limit)
    stop = match.start() if match else limit
    if body.find(rules.quote, cut.end, stop) >= 0:
        cut.literal.append(len(cut.fields))
    cut.add(body, stop, limit, rules.delimiter)


def _may_still_close(body: bytes, start: int, field_start: int, rules: QuoteRules) -> bool:
    if len(body) - start > rules.most_bytes or not rules.open_field.match(body, field_start):
        return False
    return len(rules.line_break.findall(body, start)) < rules.most_lines


def _written(cut: _Cut, rules: QuoteRules) -> CarefulRecord:
    quote = rules.quote
    for number in cut.literal:
        cut.fields[number] = quote + cut.fields[number].replace(quote, quote + quote) + quote
    return CarefulRecord(rules.delimiter.join(cut.fields), cut.end, len(cut.literal))
