"""Split chunks of text into blocks of records, at the speed of bytes.split wherever the quotes allow it.

The rules are those of RFC 4180, with any line end and any delimiter and quote of one byte. Blank lines are dropped and
stray quotes are kept.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress, repeat
from operator import add, contains
from re import Pattern

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block
from systemscripts.tables.text import quotes

# PostgreSQL accepts rows of up to 1 GB, but a file without line ends must not fill the memory.
MAX_LINE_BYTES = 256 * 2**20
# While one pattern is matched, no other thread can run: the one that sends the block before must not wait long.
SLICE_BYTES = 2**18


def _compile_sound(delimiter: bytes, quote: bytes, width: int) -> Pattern[bytes]:
    """Return the pattern of a clean record with `width` fields."""
    d, q = re.escape(delimiter), re.escape(quote)
    # |(?!) ends a repetition that fails: Python before 3.11.5 forgets where it began (cpython issue 106052).
    field = rb"(?:%s(?:[^%s]++|%s%s|(?!))*+%s|[^%s%s\r\n]*+)" % (q, q, q, q, q, d, q)
    return re.compile(rb"(?:%s%s){%d}%s" % (field, d, max(width - 1, 0), field))


class RecordSplitter:
    """Splits one text. Afterwards `stray_quotes` is the number of fields whose quotes were read as characters."""

    def __init__(self, delimiter: bytes, quote: bytes, line_end: bytes, width: int, trusted: bool = False) -> None:
        self.rules = quotes.compile_rules(delimiter, quote, width, trusted)
        self.line_end = line_end
        self._sound = _compile_sound(delimiter, quote, width)
        self.stray_quotes = 0
        self._line = 1
        self._records: list[bytes] = []
        # None while the rows are consecutive from _first on
        self._rows: array[int] | None = None
        self._first = 1
        self._expected: Pattern[bytes] | None = None

    def expect(self, record: bytes) -> None:
        """Split text at once as far as its records match a pattern without groups; blocks of them say so."""
        # a line that ends with CR alone needs a closer look
        if self.line_end != b"\r":
            self._expected = re.compile(rb"(%s)%s" % (record, rb"\n" if self.line_end == b"\n" else rb"\r?\n"))

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[Block]:
        """Yield a block for each chunk. Raises BadDataError when a line is longer than 256 MB."""
        rest = b""
        for chunk in chunks:
            data = rest + chunk if rest else chunk
            end = self._find_last_line_end(data)
            if end == 0:
                if len(data) > MAX_LINE_BYTES:
                    raise BadDataError(f"not a table: no line end in {len(data) >> 20} MB")
                rest = data
                continue
            block, used = self._split_expected(data)
            if block is not None:
                rest = data[used:]
                yield block
                continue
            used = self._split_body(data[:end], final=False)
            rest = data[used:]
            yield from self._take_block()
        if rest:
            self._split_body(rest, final=True)
            yield from self._take_block()

    def _find_last_line_end(self, data: bytes) -> int:
        """Return the offset after the last line that is surely complete."""
        if self.line_end:
            position = data.rfind(self.line_end)
            return position + len(self.line_end) if position >= 0 else 0
        # A CR at the end may be the first half of CRLF.
        return max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1

    def _split_expected(self, data: bytes) -> tuple[Block | None, int]:
        """Return the records of `data` if all match the expected pattern, and the number of bytes used."""
        records: list[bytes] = []
        used, end = 0, self._find_record_end(data, 0) if self._expected else 0
        while self._expected and end > used:
            records += self._expected.findall(data, used, end)
            used, end = end, self._find_record_end(data, end)
        if not records or b"" in records:
            return None, 0
        rows = self._count_lines(records, data, used)
        return (Block(records, rows, matches=True) if rows else None), used

    def _find_record_end(self, data: bytes, start: int) -> int:
        """Return the end of the last record within a slice, if all quotes enclose fields."""
        end = data.rfind(b"\n", start, start + SLICE_BYTES) + 1
        is_open = data.count(self.rules.quote, start, end) & 1
        # after an odd number of quotes, the line break is inside a quoted field
        while is_open and end > start:
            before = data.rfind(b"\n", start, end - 1) + 1
            is_open ^= data.count(self.rules.quote, before, end) & 1
            end = before
        return end

    def _count_lines(self, records: list[bytes], data: bytes, used: int) -> Sequence[int]:
        """Return the lines of the records; none unless they and their ends are all of the `data` that was used."""
        length = sum(map(len, records)) + len(records)
        breaks, first = data.count(b"\n", 0, used) - len(records), self._line
        if b"\r" in data:
            pairs = data.count(b"\r\n", 0, used)
            inside = b"".join(records).count(b"\r\n")
            length += pairs - inside if data.count(b"\r", 0, used) == pairs else -used
        if length != used:
            return ()
        self._line += len(records) + breaks
        if not breaks:
            return range(first, self._line)
        # 10 is the line feed, and a number is found faster than a text; usually no field has more than one
        counts: list[int] = list(map(contains, records, repeat(10)))
        if sum(counts) != breaks:
            counts = list(map(bytes.count, records, repeat(10)))
            if max(counts) >= self.rules.max_lines:
                self._line = first
                return ()
        return list(map(add, accumulate(counts[:-1], initial=first), range(len(counts))))

    def _split_body(self, body: bytes, final: bool) -> int:
        """Split `body`, which ends at a line end, into complete records. Return the number of bytes used."""
        rules = self.rules
        if rules.quote not in body:
            self._add_lines(self._split_lines(body))
            return len(body)
        position = 0
        while position < len(body):
            end = self._find_clean_end(body, position)
            if end > position:
                self._add_quoted(body[position:end] if position or end < len(body) else body)
                position = end
                continue
            record = quotes.read_record(body, position, rules, final)
            if record is None:
                break
            self.stray_quotes += record.stray_quotes
            position = self._add_parsed(body, position, record)
        return position

    def _find_clean_end(self, body: bytes, start: int) -> int:
        """Return the end of the last record before the first doubtful quote."""
        match = self.rules.clean.match(body, start)
        end = match.end() if match else start
        if end == len(body):
            return end
        while True:
            end = max(body.rfind(b"\n", start, end), body.rfind(b"\r", start, end)) + 1
            if end <= start:
                return start
            half_pair = body[end - 1 : end + 1] == b"\r\n"
            # After an odd number of quotes, the line break is inside a quoted field.
            if not half_pair and body.count(self.rules.quote, start, end) % 2 == 0:
                return end
            end -= 1

    def _split_lines(self, body: bytes) -> list[bytes]:
        """Return the lines of `body` without their ends."""
        if not self.line_end:
            # For bytes, splitlines splits at LF, CRLF and CR only.
            return body.splitlines()
        lines = body.split(self.line_end)
        if not lines[-1]:
            lines.pop()
        return lines

    def _add_quoted(self, body: bytes) -> None:
        """Add clean records. A line with an odd number of quotes begins or ends a record of several lines."""
        quote, lines = self.rules.quote, self._split_lines(body)
        odd = [number for number, line in enumerate(lines) if quote in line and line.count(quote) & 1]
        if not odd:
            self._add_lines(lines)
            return
        ends = None if self.line_end else body.splitlines(keepends=True)
        records: list[bytes] = []
        rows, first, done = array("q"), self._line, 0
        for opening, closing in zip(odd[0::2], odd[1::2], strict=True):
            joined = self._join_lines(lines, ends, opening, closing)
            if not self._is_sound(joined, closing - opening) and self._is_swallowed(lines[opening : closing + 1]):
                lines[opening : closing + 1] = map(self._read_literally, lines[opening : closing + 1])
                continue
            records += lines[done:opening]
            rows.extend(range(first + done, first + opening + 1))
            records.append(joined)
            done = closing + 1
        records += lines[done:]
        rows.extend(range(first + done, first + len(lines)))
        self._line += len(lines)
        if b"" in records:
            rows = array("q", compress(rows, records))
            records = list(filter(None, records))
        self._extend(records, rows)

    def _join_lines(self, lines: list[bytes], ends: list[bytes] | None, opening: int, closing: int) -> bytes:
        """Return several lines as one record; `ends`: the lines with their ends, where these are mixed."""
        if ends is None:
            return self.line_end.join(lines[opening : closing + 1])
        return b"".join(ends[opening:closing]) + lines[closing]

    def _is_sound(self, record: bytes, breaks: int) -> bool:
        """Return whether a record with quoted line breaks surely is one: it has the usual number of fields."""
        return breaks < self.rules.max_lines and (self.rules.width < 2 or self._sound.fullmatch(record) is not None)

    def _is_swallowed(self, lines: list[bytes]) -> bool:
        """Return whether two stray quotes only look like a field of several lines: each line is a complete record."""
        if len(lines) > self.rules.max_lines:
            return True
        rules = self.rules
        if rules.width < 2 or lines[0].count(rules.delimiter) != rules.width - 1:
            return False
        record = quotes.read_record(b"\n".join(lines), 0, rules, final=True)
        return record is not None and b"\n" not in record.content

    def _read_literally(self, line: bytes) -> bytes:
        """Return one line as a record, whose stray quotes are characters."""
        record = quotes.read_record(line, 0, self.rules, final=True)
        if record is None or not line:
            return b""
        self.stray_quotes += record.stray_quotes
        return record.content

    def _add_parsed(self, body: bytes, start: int, record: quotes.ParsedRecord) -> int:
        """Add a record and return where the next one begins."""
        lines = len(self.rules.line_break.findall(body, start, record.end)) + 1
        if record.content:
            self._add(record.content, lines)
        else:
            self._line += lines
        after = self.rules.line_break.match(body, record.end)
        return after.end() if after else len(body)

    def _add_lines(self, lines: list[bytes]) -> None:
        """Add lines that are each a record or blank."""
        count = len(lines)
        if b"" not in lines:
            self._extend(lines, range(self._line, self._line + count))
        else:
            self._extend([line for line in lines if line], [self._line + n for n, line in enumerate(lines) if line])
        self._line += count

    def _add(self, record: bytes, lines: int) -> None:
        self._extend([record], (self._line,))
        self._line += lines

    def _extend(self, records: list[bytes], rows: Sequence[int]) -> None:
        if not records:
            return
        if not self._records:
            self._first = rows[0]
        follows = rows[0] == self._first + len(self._records) and rows[-1] - rows[0] == len(rows) - 1
        if self._rows is None and not follows:
            self._rows = array("q", range(self._first, self._first + len(self._records)))
        if self._rows is not None:
            self._rows.extend(rows)
        if self._records:
            self._records.extend(records)
        else:
            self._records = records

    def _take_block(self) -> Iterator[Block]:
        if self._records:
            rows = self._rows or range(self._first, self._first + len(self._records))
            yield Block(self._records, rows)
        self._records, self._rows = [], None
