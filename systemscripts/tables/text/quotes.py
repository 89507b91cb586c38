"""Read records whose quotes do not follow RFC 4180, and write them so that COPY reads the same fields.

A quote opens a field only at its beginning and closes it only at its end. Any other quote is a character. For
PostgreSQL's COPY every quote opens or closes, wherever it is, so such a record is rewritten with that field quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from re import Pattern

# A field may contain line breaks, but a missing closing quote must not swallow the file.
MAX_FIELD_LINES = 1000
MAX_FIELD_BYTES = 2**20
# Ways to read one line with unescaped quotes: their number grows exponentially.
MAX_TRIES = 60
UNLIMITED = 2**62


@dataclass(frozen=True)
class QuoteRules:
    """The patterns of one dialect, for bytes."""

    delimiter: bytes
    quote: bytes
    # the number of fields of most records, 0 if unknown
    width: int
    max_lines: int
    max_bytes: int
    # the longest stretch in which every quote opens or closes a field
    clean: Pattern[bytes]
    quoted_field: Pattern[bytes]
    # a quoted field whose end has not been read yet
    open_field: Pattern[bytes]
    line_break: Pattern[bytes]
    field_end: Pattern[bytes]


@dataclass(frozen=True)
class ParsedRecord:
    """One record. `content`: its bytes for COPY; `end`: its end in the text; `stray_quotes`: fields that had some."""

    content: bytes
    end: int
    stray_quotes: int


def compile_rules(delimiter: bytes, quote: bytes, width: int, trusted: bool = False) -> QuoteRules:
    """Compile the patterns for a delimiter and a quote of one byte. Fields of `trusted` text may have any size."""
    d, q = re.escape(delimiter), re.escape(quote)
    edge = rb"[^%s\r\n%s]" % (d, q)
    # |(?!) ends a repetition that fails: Python before 3.11.5 forgets where it began (cpython issue 106052).
    clean = rb"(?:[^%s]*+(?<!%s)%s[^%s]*+%s(?!%s)|(?!))*+[^%s]*+" % (q, edge, q, q, q, edge, q)
    # Blanks are allowed between a quote and the delimiter: `"x, y" ,3`.
    blanks = b"" if delimiter == b" " else rb" *+"
    closed = rb"%s(%s(?:[^%s]++|%s%s)*+%s)%s(?=[%s\r\n]|\Z)" % (blanks, q, q, q, q, q, blanks, d)
    still_open = rb"%s%s(?:[^%s]++|%s%s)*+\Z" % (blanks, q, q, q, q)
    patterns = (re.compile(pattern) for pattern in (clean, closed, still_open, rb"\r\n|\n|\r", rb"[%s\r\n]" % d))
    limits = (UNLIMITED, UNLIMITED) if trusted else (MAX_FIELD_LINES, MAX_FIELD_BYTES)
    return QuoteRules(delimiter, quote, width, *limits, *patterns)


def read_record(body: bytes, start: int, rules: QuoteRules, final: bool) -> ParsedRecord | None:
    """Read the record at `start`. Return None when a quoted field is not closed at the end of `body`.

    If `final`, or when the field exceeds the limits, its opening quote is read as a character instead.
    """
    simple = _read_unquoted(body, start, rules)
    if simple is not None:
        return simple
    whole = _PartialRecord(start)
    while not whole.done:
        if not _can_add_field(whole, body, rules, len(body)):
            if not final and _may_still_close(body, start, whole.end, rules):
                return None
            _add_literal(whole, body, rules, len(body))
    if _may_be_loose(whole, rules) and (loose := _read_loose_record(body, start, rules)) is not None:
        return loose
    if rules.width and len(whole.fields) != rules.width:
        alone = _read_one_line(body, start, rules)
        if alone.end < whole.end and len(alone.fields) == rules.width:
            return _finish_record(alone, rules)
    return _finish_record(whole, rules)


def _may_be_loose(record: _PartialRecord, rules: QuoteRules) -> bool:
    """Return whether unescaped quotes may explain a record: it is too wide, or a field begins and ends with one."""
    if not record.literal or len(record.fields) < rules.width:
        return False
    quote = rules.quote
    enclosed = any(
        record.fields[number].startswith(quote) and record.fields[number].endswith(quote) for number in record.literal
    )
    return enclosed or len(record.fields) > rules.width


def _read_loose_record(body: bytes, start: int, rules: QuoteRules) -> ParsedRecord | None:
    """Read a line whose quoted fields contain unescaped quotes (`"say "hi", then go"`), by the usual width.

    Such a field ends at a quote before a delimiter or the line end. None unless the record then has the usual width.
    """
    match = rules.line_break.search(body, start)
    line = body[start : match.start() if match else len(body)]
    if not rules.width or len(line) > rules.max_bytes:
        return None
    fields = _split_loose_fields(line, rules, rules.width, [MAX_TRIES + 2 * rules.width])
    if fields is None:
        return None
    quote, stray = rules.quote, 0
    for number, content in enumerate(fields):
        if len(content) > 1 and content.startswith(quote) and content.endswith(quote):
            inner = content[1:-1].replace(quote * 2, quote)
            quoted = quote + inner.replace(quote, quote * 2) + quote
            stray += quoted != content
            fields[number] = quoted
        elif quote in content:
            fields[number] = quote + content.replace(quote, quote * 2) + quote
            stray += 1
    return ParsedRecord(rules.delimiter.join(fields), start + len(line), stray)


def _split_loose_fields(line: bytes, rules: QuoteRules, count: int, tries: list[int]) -> list[bytes] | None:
    """Split a line into `count` fields with quoted ones as short as possible. Give up when `tries[0]` is used up."""
    tries[0] -= 1
    if tries[0] < 0:
        return None
    for end in _list_field_ends(line, rules):
        if end == len(line):
            if count == 1:
                return [line]
        elif count > 1:
            rest = _split_loose_fields(line[end + 1 :], rules, count - 1, tries)
            if rest is not None:
                return [line[:end], *rest]
    return None


def _list_field_ends(line: bytes, rules: QuoteRules) -> Iterator[int]:
    """Yield where the first field of a line may end: at the first delimiter, or if quoted, at a quote before one."""
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


def _read_unquoted(body: bytes, start: int, rules: QuoteRules) -> ParsedRecord | None:
    """Read a line in which no field begins with a quote (5" pipe), the usual case. None when one does."""
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
    return ParsedRecord(rules.delimiter.join(fields), end, stray)


@dataclass
class _PartialRecord:
    """A record while it is split. `end`: where its next field begins, or where a record ends that is done."""

    end: int
    # as they are in the file
    fields: list[bytes] = field(default_factory=list)
    # positions of the fields whose quotes are characters
    literal: list[int] = field(default_factory=list)
    done: bool = False

    def add(self, body: bytes, stop: int, limit: int, delimiter: bytes, content: bytes | None = None) -> None:
        """Add the field that ends at `stop`. `content`: the field without the blanks around it."""
        self.fields.append(body[self.end : stop] if content is None else content)
        self.done = stop >= limit or body[stop : stop + 1] != delimiter
        self.end = stop if self.done else stop + 1


def _read_one_line(body: bytes, start: int, rules: QuoteRules) -> _PartialRecord:
    """Return the record that ends with its first line, even if a quote is open."""
    match = rules.line_break.search(body, start)
    limit = match.start() if match else len(body)
    record = _PartialRecord(start)
    while not record.done:
        if not _can_add_field(record, body, rules, limit):
            _add_literal(record, body, rules, limit)
    return record


def _can_add_field(record: _PartialRecord, body: bytes, rules: QuoteRules, limit: int) -> bool:
    """Add the next field. Return False, without it, when it begins with a quote that is never closed."""
    begins = body[record.end : record.end + 1]
    if begins not in (rules.quote, b" ") or record.end >= limit:
        _add_literal(record, body, rules, limit)
        return True
    match = rules.quoted_field.match(body, record.end, limit)
    if match is None and begins == b" " and not _has_quote_behind_blanks(body, record.end, limit, rules):
        _add_literal(record, body, rules, limit)
        return True
    if match is None or match.end() - record.end > rules.max_bytes:
        return False
    if len(rules.line_break.findall(body, record.end, match.end())) > rules.max_lines:
        return False
    record.add(body, match.end(), limit, rules.delimiter, match[1])
    return True


def _has_quote_behind_blanks(body: bytes, start: int, limit: int, rules: QuoteRules) -> bool:
    """Return whether a quote follows the blanks at the beginning of a field."""
    while start < limit and body[start : start + 1] == b" ":
        start += 1
    return start < limit and body[start : start + 1] == rules.quote and rules.delimiter != b" "


def _add_literal(record: _PartialRecord, body: bytes, rules: QuoteRules, limit: int) -> None:
    """Add the next field up to a delimiter or line break, with its quotes as characters."""
    match = rules.field_end.search(body, record.end, limit)
    stop = match.start() if match else limit
    if body.find(rules.quote, record.end, stop) >= 0:
        record.literal.append(len(record.fields))
    record.add(body, stop, limit, rules.delimiter)


def _may_still_close(body: bytes, start: int, field_start: int, rules: QuoteRules) -> bool:
    if len(body) - start > rules.max_bytes or not rules.open_field.match(body, field_start):
        return False
    return len(rules.line_break.findall(body, start)) < rules.max_lines


def _finish_record(record: _PartialRecord, rules: QuoteRules) -> ParsedRecord:
    quote = rules.quote
    for number in record.literal:
        record.fields[number] = quote + record.fields[number].replace(quote, quote + quote) + quote
    return ParsedRecord(rules.delimiter.join(record.fields), record.end, len(record.literal))
