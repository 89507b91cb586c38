"""Convert dialects that COPY does not support into one that it does, before and after the text is split.

COPY supports a delimiter of one byte and doubled quotes (PostgreSQL, "COPY", CSV format). So a delimiter of two
characters is replaced by a stand-in, a byte that the file does not contain, and restored where it was inside quotes. An
escaped quote becomes a doubled one in the same way. Most records then pass at the speed of bytes.replace.
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

# None of these has a meaning for COPY, and text hardly ever contains them.
STAND_INS = tuple(bytes([number]) for number in (0x1F, 0x1E, 0x1D, 0x1C, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06))


class DialectAdapter:
    """Converts the text of a file in one dialect to records in the format `wire`."""

    def __init__(self, dialect: Dialect, encoding: str, absent: Sequence[bytes] = ()) -> None:
        """Prepare the patterns. `absent`: three bytes that the file does not contain, if the dialect needs_adapter."""
        self.dialect = dialect
        quote = dialect.quote.encode(encoding)
        self._quote, self._delimiter = quote, dialect.delimiter.encode(encoding)
        self._stand_in = absent[0] if needs_stand_in(dialect) else self._delimiter
        self._escaped, self._backslash = absent[1:3] if dialect.escape else (b"", b"")
        q = re.escape(quote)
        self._quoted = re.compile(rb"%s(?:[^%s]|%s%s)*+%s" % (q, q, q, q, q))
        self.wire = Wire(self._stand_in.decode(encoding), dialect.quote, encoding)

    def adapt_text(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the text with stand-ins, ready to be split."""
        chunks = self._replace_escapes(chunks) if self.dialect.escape else iter(chunks)
        if self.dialect.runs or is_fixed_width(self.dialect):
            return self._replace_runs(chunks)
        return self._replace_delimiters(chunks) if len(self._delimiter) > 1 else chunks

    def restore_records(self, block: Block) -> Block:
        """Return the records with their own characters instead of stand-ins."""
        records = block.records
        if self.dialect.escape:
            records = [self._unescape(record) for record in records]
        if len(self._delimiter) > 1:
            quote, sub = self._quote, self._quoted.sub
            records = [sub(self._restore_delimiter, record) if quote in record else record for record in records]
        if self.dialect.wrapped:
            records = [self._unwrap(record) for record in records]
        return Block(records, block.rows, block.matches)

    def _replace_delimiters(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        rest, size = b"", len(self._delimiter)
        for chunk in chunks:
            text = (rest + chunk).replace(self._delimiter, self._stand_in)
            # Half a delimiter at the end waits for its other half.
            half = next((n for n in range(size - 1, 0, -1) if text.endswith(self._delimiter[:n])), 0)
            rest = text[len(text) - half :] if half else b""
            yield text[: len(text) - half]
        if rest:
            # `a, ,` at the end of a file: an editor has stripped the space of the last delimiter.
            yield rest

    def _replace_escapes(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks:
            text = rest + chunk
            open_end = (len(text) - len(text.rstrip(b"\\"))) % 2
            rest = text[len(text) - open_end :] if open_end else b""
            text = text[: len(text) - open_end]
            yield text.replace(b"\\\\", self._backslash).replace(b"\\" + self._quote, self._escaped)
        if rest:
            yield rest

    def _replace_runs(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks:
            text = rest + chunk
            end = text.rfind(b"\n") + 1
            rest = text[end:]
            yield self._replace_line_delimiters(text[:end])
        if rest:
            yield self._replace_line_delimiters(rest)

    def _replace_line_delimiters(self, text: bytes) -> bytes:
        if is_fixed_width(self.dialect):
            lines = text.decode(self.wire.encoding, "surrogateescape")
            delimited = fixed_width.delimit_text(lines, self.dialect, self.wire.delimiter, self.wire.quote)
            return delimited.encode(self.wire.encoding, "surrogateescape")
        # A run of blanks matches as a whole: trying each of its ends would make a long one slow.
        stripped = re.sub(rb"(?m)^[ \t]+|(?<![ \t])[ \t]++(?=\r?$)", b"", text)
        return re.sub(rb" {2,}|\t+", self._stand_in, stripped)

    def _restore_delimiter(self, match: re.Match[bytes]) -> bytes:
        return match.group().replace(self._stand_in, self._delimiter)

    def _unescape(self, record: bytes) -> bytes:
        if self._escaped not in record and self._backslash not in record:
            return record
        record = record.replace(self._backslash, b"\\")
        # The field was not quoted and now needs quotes.
        if self._escaped in self._quoted.sub(b"", record):
            fields = split_record(record, self.wire)
            mark = self._escaped.decode()
            return join_record([field.replace(mark, self.wire.quote) for field in fields], self.wire)
        return record.replace(self._escaped, self._quote * 2)

    def _unwrap(self, record: bytes) -> bytes:
        quote = self._quote
        if len(record) > 1 and record.startswith(quote) and record.endswith(quote):
            return record[1:-1].replace(quote * 2, quote)
        return record


def needs_adapter(dialect: Dialect) -> bool:
    """Return whether COPY does not support this dialect as it is."""
    return needs_stand_in(dialect) or bool(dialect.escape) or dialect.wrapped


def is_fixed_width(dialect: Dialect) -> bool:
    """Return whether the columns are at fixed positions, detected or declared."""
    return bool(dialect.positions or dialect.spans)


def needs_stand_in(dialect: Dialect) -> bool:
    """Return whether the delimiter is not one byte that COPY accepts."""
    return len(dialect.delimiter.encode()) > 1 or dialect.runs or is_fixed_width(dialect) or dialect.delimiter == "\\"


def find_absent_bytes(chunks: Iterable[bytes]) -> list[bytes]:
    """Return at least three control bytes that a text does not contain. Raises BadDataError when there are fewer."""
    absent = set(STAND_INS)
    for chunk in chunks:
        absent -= {byte for byte in absent if byte in chunk}
    if len(absent) < 3:
        raise BadDataError("the file contains too many control characters to be text")
    return sorted(absent, key=STAND_INS.index)


def split_record(record: bytes, wire: Wire, errors: str = "strict") -> list[str]:
    """Split one record into fields. `errors`: as for bytes.decode."""
    text = record.decode(wire.encoding, errors=errors)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=wire.delimiter, quotechar=wire.quote)
    return [field for row in reader for field in row]


def split_records(records: Sequence[bytes], wire: Wire) -> list[list[str]]:
    """Split many records at once, which is several times faster, and damaged ones as well as possible."""
    texts = [record.decode(wire.encoding, errors="replace") for record in records]
    try:
        rows = list(csv.reader(texts, delimiter=wire.delimiter, quotechar=wire.quote))
    # a line end outside quotes
    except csv.Error:
        rows = []
    if len(rows) == len(records):
        return rows
    return [split_record(record, wire, "replace") for record in records]


def join_record(fields: Sequence[str], wire: Wire) -> bytes:
    """Return one record in a wire format, with quotes only where they are needed."""
    quote, special = wire.quote, (wire.delimiter, wire.quote, "\n", "\r")
    texts = (
        quote + field.replace(quote, quote * 2) + quote if any(mark in field for mark in special) else field
        for field in fields
    )
    return wire.delimiter.join(texts).encode(wire.encoding, errors="replace")
