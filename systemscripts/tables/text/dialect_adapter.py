"""Dialects that COPY cannot take, brought to one that it can: a stand-in before the text is cut, mended in each record.

COPY knows one delimiter of one byte, and quotes that are doubled (PostgreSQL, "COPY", CSV format). So a delimiter of
two characters is replaced by a byte that the file does not hold, and put back where it stood inside quotes; an escaped
quote likewise becomes a doubled one. Most records then pass at the speed of bytes.replace.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block, Wire
from systemscripts.tables.text import fixed_width
from systemscripts.tables.text.dialect import Dialect

# COPY takes none of these for more than a character, and no text holds them
STAND_INS = tuple(bytes([number]) for number in (0x1F, 0x1E, 0x1D, 0x1C, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06))


class DialectAdapter:
    """From the text of a file to records in `wire`, for one dialect."""

    def __init__(self, dialect: Dialect, encoding: str, absent: Sequence[bytes] = ()) -> None:
        """`absent`: bytes that the file does not hold, three of them where the dialect is special()."""
        self.dialect = dialect
        quote = dialect.quote.encode(encoding)
        self._quote, self._delimiter = quote, dialect.delimiter.encode(encoding)
        self._stand_in = absent[0] if needs_stand_in(dialect) else self._delimiter
        self._escaped, self._backslash = absent[1:3] if dialect.escape else (b"", b"")
        q = re.escape(quote)
        self._quoted = re.compile(rb"%s(?:[^%s]|%s%s)*+%s" % (q, q, q, q, q))
        self.wire = Wire(self._stand_in.decode(encoding), dialect.quote, encoding)

    def before(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The text with stand-ins, for the cutter."""
        chunks = self._escapes_out(chunks) if self.dialect.escape else iter(chunks)
        if self.dialect.runs or self.dialect.positions:
            return self._runs_out(chunks)
        return self._delimiters_out(chunks) if len(self._delimiter) > 1 else chunks

    def after(self, block: Block) -> Block:
        """The records with their own characters again."""
        records = block.records
        if self.dialect.escape:
            records = [self._unescaped(record) for record in records]
        if len(self._delimiter) > 1:
            quote, sub = self._quote, self._quoted.sub
            records = [sub(self._put_back, record) if quote in record else record for record in records]
        if self.dialect.wrapped:
            records = [self._unwrapped(record) for record in records]
        return Block(records, block.rows)

    def _delimiters_out(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        rest, size = b"", len(self._delimiter)
        for chunk in chunks:
            text = (rest + chunk).replace(self._delimiter, self._stand_in)
            # half a delimiter at the end waits for its other half
            half = next((n for n in range(size - 1, 0, -1) if text.endswith(self._delimiter[:n])), 0)
            rest = text[len(text) - half :] if half else b""
            yield text[: len(text) - half]
        if rest:
            # `a, ,` at the very end of a file: the space of the last delimiter was cut off by some editor
            yield rest

    def _escapes_out(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks:
            text = rest + chunk
            open_end = (len(text) - len(text.rstrip(b"\\"))) % 2
            rest = text[len(text) - open_end :] if open_end else b""
            text = text[: len(text) - open_end]
            yield text.replace(b"\\\\", self._backslash).replace(b"\\" + self._quote, self._escaped)
        if rest:
            yield rest

    def _runs_out(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks:
            text = rest + chunk
            end = text.rfind(b"\n") + 1
            rest = text[end:]
            yield self._one_stand_in(text[:end])
        if rest:
            yield self._one_stand_in(rest)

    def _one_stand_in(self, text: bytes) -> bytes:
        if self.dialect.positions:
            lines = text.decode(self.wire.encoding, "surrogateescape").splitlines(keepends=True)
            mark, quote, positions = self.wire.delimiter, self.wire.quote, self.dialect.positions
            cut = "".join(fixed_width.delimit_line(line, positions, mark, quote) for line in lines)
            return cut.encode(self.wire.encoding, "surrogateescape")
        # only a run of blanks as a whole is tried: each of its ends would be a second pass over a long one
        stripped = re.sub(rb"(?m)^[ \t]+|(?<![ \t])[ \t]++(?=\r?$)", b"", text)
        return re.sub(rb" {2,}|\t+", self._stand_in, stripped)

    def _put_back(self, match: re.Match[bytes]) -> bytes:
        return match.group().replace(self._stand_in, self._delimiter)

    def _unescaped(self, record: bytes) -> bytes:
        if self._escaped not in record and self._backslash not in record:
            return record
        record = record.replace(self._backslash, b"\\")
        if self._escaped in self._quoted.sub(b"", record):  # in a field without quotes, which then needs some
            fields = split_record(record, self.wire)
            mark = self._escaped.decode()
            return join_record([field.replace(mark, self.wire.quote) for field in fields], self.wire)
        return record.replace(self._escaped, self._quote * 2)

    def _unwrapped(self, record: bytes) -> bytes:
        quote = self._quote
        if len(record) > 1 and record.startswith(quote) and record.endswith(quote):
            return record[1:-1].replace(quote * 2, quote)
        return record


def needs_adapter(dialect: Dialect) -> bool:
    """True when COPY cannot take this dialect as it stands."""
    return needs_stand_in(dialect) or bool(dialect.escape) or dialect.wrapped


def needs_stand_in(dialect: Dialect) -> bool:
    """True when its delimiter is not one byte that COPY takes."""
    return len(dialect.delimiter.encode()) > 1 or dialect.runs or bool(dialect.positions) or dialect.delimiter == "\\"


def find_absent_bytes(chunks: Iterable[bytes]) -> list[bytes]:
    """Control bytes that a text does not hold, three at least. Raises BadDataError when it holds nearly all."""
    absent = set(STAND_INS)
    for chunk in chunks:
        absent -= {byte for byte in absent if byte in chunk}
    if len(absent) < 3:
        raise BadDataError("the file holds so many control characters that it can hardly be text")
    return sorted(absent, key=STAND_INS.index)


def split_record(record: bytes, wire: Wire, errors: str = "strict") -> list[str]:
    """Cut one record of a wire; a damaged one as well as possible."""
    text = record.decode(wire.encoding, errors=errors)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=wire.delimiter, quotechar=wire.quote)
    return [field for row in reader for field in row]


def split_records(records: Sequence[bytes], wire: Wire) -> list[list[str]]:
    """Cut many records at once, which is several times quicker; damaged ones as well as possible."""
    texts = [record.decode(wire.encoding, errors="replace") for record in records]
    try:
        rows = list(csv.reader(texts, delimiter=wire.delimiter, quotechar=wire.quote))
    except csv.Error:  # a line end outside quotes
        rows = []
    if len(rows) == len(records):
        return rows
    return [split_record(record, wire, "replace") for record in records]


def join_record(fields: Sequence[str], wire: Wire) -> bytes:
    """Write one record in a wire: quotes only where they are needed."""
    quote, needing = wire.quote, (wire.delimiter, wire.quote, "\n", "\r")
    written = (
        quote + field.replace(quote, quote * 2) + quote if any(mark in field for mark in needing) else field
        for field in fields
    )
    return wire.delimiter.join(written).encode(wire.encoding, errors="replace")
