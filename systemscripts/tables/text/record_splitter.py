"""Chunks of text -> blocks of records, at the speed of bytes.split wherever the quotes allow it.

Rules: RFC 4180, with any line end, any one-byte delimiter and quote; blank lines dropped, stray quotes kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block
from systemscripts.tables.text import quotes

MAX_LINE_BYTES = 256 * 2**20


class RecordSplitter:
    """Cuts one text; afterwards `stray_quotes` says how many fields had quotes that were taken as characters."""

    def __init__(self, delimiter: bytes, quote: bytes, line_end: bytes, width: int, trusted: bool = False) -> None:
        self.rules = quotes.compile_rules(delimiter, quote, width, trusted)
        self.line_end = line_end
        self.stray_quotes = 0
        self._line = 1
        self._records: list[bytes] = []
        self._rows: array[int] | None = None  # None while rows are simply counted on from _first
        self._first = 1

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[Block]:
        """Yield a block for each chunk. Raises BadDataError when no line ends for 256 MB."""
        rest = b""
        for chunk in chunks:
            data = rest + chunk if rest else chunk
            cut = self._last_line_end(data)
            if cut == 0:
                if len(data) > MAX_LINE_BYTES:
                    raise BadDataError(f"no line end in {len(data) >> 20} MB: this is not a table")
                rest = data
                continue
            used = self._cut(data[:cut], final=False)
            rest = data[used:]
            yield from self._take()
        if rest:
            self._cut(rest, final=True)
            yield from self._take()

    def _last_line_end(self, data: bytes) -> int:
        """How many bytes lie before the end of the last line that is surely whole."""
        if self.line_end:
            found = data.rfind(self.line_end)
            return found + len(self.line_end) if found >= 0 else 0
        # A return at the very end may be half of a pair.
        return max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1

    def _cut(self, body: bytes, final: bool) -> int:
        """Cut whole records off `body`, which ends at a line end; return how many bytes were used."""
        rules = self.rules
        if rules.quote not in body:
            self._add_lines(self._lines(body))
            return len(body)
        position = 0
        while position < len(body):
            end = self._clean_until(body, position)
            if end > position:
                self._add_quoted(body[position:end] if position or end < len(body) else body)
                position = end
                continue
            found = quotes.read_record(body, position, rules, final)
            if found is None:
                break
            self.stray_quotes += found.stray
            position = self._add_careful(body, position, found)
        return position

    def _clean_until(self, body: bytes, start: int) -> int:
        """The end of the last record before the first doubtful quote."""
        match = self.rules.clean.match(body, start)
        end = match.end() if match else start
        if end == len(body):
            return end
        while True:
            end = max(body.rfind(b"\n", start, end), body.rfind(b"\r", start, end)) + 1
            if end <= start:
                return start
            half_pair = body[end - 1 : end + 1] == b"\r\n"
            # An odd number of quotes before it: this line break lies inside a quoted field.
            if not half_pair and body.count(self.rules.quote, start, end) % 2 == 0:
                return end
            end -= 1

    def _lines(self, body: bytes) -> list[bytes]:
        """The lines of `body` without their ends."""
        if not self.line_end:
            return body.splitlines()  # for bytes exactly LF, CRLF and CR
        lines = body.split(self.line_end)
        if not lines[-1]:
            lines.pop()
        return lines

    def _add_quoted(self, body: bytes) -> None:
        """Add clean records; a line with an odd number of quotes opens or closes a record of several lines."""
        quote = self.rules.quote
        lines = self._lines(body)
        odd = [number for number, line in enumerate(lines) if line.count(quote) & 1]
        if not odd:
            self._add_lines(lines)
            return
        with_ends = body.splitlines(keepends=True) if not self.line_end else None
        done = 0
        for opening, closing in zip(odd[0::2], odd[1::2], strict=True):
            self._add_lines(lines[done:opening])
            several = lines[opening : closing + 1]
            if self._is_swallowed(several):
                for line in several:
                    self._add_literally(line)
            else:
                joined = (
                    self.line_end.join(several)
                    if with_ends is None
                    else b"".join(with_ends[opening:closing]) + lines[closing]
                )
                self._add(joined, closing + 1 - opening)
            done = closing + 1
        self._add_lines(lines[done:])

    def _is_swallowed(self, lines: list[bytes]) -> bool:
        """Two stray quotes can look like one field of several lines: when each line is a whole record without it."""
        if len(lines) > self.rules.most_lines:
            return True
        rules = self.rules
        if rules.width < 2 or lines[0].count(rules.delimiter) != rules.width - 1:
            return False
        cut = quotes.read_record(b"\n".join(lines), 0, rules, final=True)
        return cut is not None and b"\n" not in cut.record

    def _add_literally(self, line: bytes) -> None:
        found = quotes.read_record(line, 0, self.rules, final=True)
        if found is not None and line:
            self.stray_quotes += found.stray
            self._add(found.record, 1)
        else:
            self._line += 1

    def _add_careful(self, body: bytes, start: int, found: quotes.CarefulRecord) -> int:
        lines = len(self.rules.line_break.findall(body, start, found.end)) + 1
        if found.record:
            self._add(found.record, lines)
        else:
            self._line += lines
        after = self.rules.line_break.match(body, found.end)
        return after.end() if after else len(body)

    def _add_lines(self, lines: list[bytes]) -> None:
        """Add lines of which each is a record, or blank."""
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

    def _take(self) -> Iterator[Block]:
        if self._records:
            rows = self._rows or range(self._first, self._first + len(self._records))
            yield Block(self._records, rows)
        self._records, self._rows = [], None
