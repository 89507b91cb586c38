"""Delimited text: CSV, TSV and their relatives, as raw bytes cut at record ends."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables import dialect, header
from systemscripts.tables.model import Block, Detected, ReadingOptions, Table, Wire
from systemscripts.tables.records import RecordCutter
from systemscripts.tables.text_file import TextFile

SAMPLE_BEGIN = 256 * 2**10
SAMPLE_OTHER = 64 * 2**10
CONTROL = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f"))


class DelimitedTable(Table):
    """One text file. Its records keep their bytes, unless the encoding cannot be cut at bytes (then they are UTF-8)."""

    def __init__(self, file: TextFile, options: ReadingOptions) -> None:
        self._file = file
        samples = file.samples(SAMPLE_BEGIN, SAMPLE_OTHER)
        found = dialect.find(_whole_lines(samples), options.delimiter, options.quote)
        self._width = found.width
        self.wire = Wire(self._delimiter(found, options), found.quote, file.wire_encoding)
        self.columns: list[str] = []
        self.skipped = 0
        self.warnings: list[str] = []
        self._header_end = 0
        self.detected = Detected("csv", file.encoding, self.wire.delimiter, found.quote, notes=[file.note, found.note])
        if not file.line_end:
            self.detected.notes.append("line ends of several kinds: each of LF, CRLF and CR ends a record")
        self._read_header(options)

    def blocks(self) -> Iterator[Block]:
        """Yield the records below the header, one block for about 4 MB of the file.

        Raises TryLaterError when the file changes meanwhile, BadDataError when it cannot be decoded.
        """
        cutter = self._cutter()
        for block in cutter.blocks(self._file.chunks()):
            if block.rows[0] <= self._header_end:
                start = bisect_right(block.rows, self._header_end)
                block = Block(block.records[start:], block.rows[start:])
            if block.records:
                yield block
        if cutter.stray_quotes:
            self.warnings = [f"{cutter.stray_quotes} stray quotes were kept as characters"]

    def content_sha256(self) -> str:
        """SHA-256 of the bytes of the file."""
        return self._file.sha256

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _cutter(self) -> RecordCutter:
        wire = self.wire
        delimiter, quote = wire.delimiter.encode(wire.encoding), wire.quote.encode(wire.encoding)
        return RecordCutter(delimiter, quote, self._file.line_end, self._width)

    def _delimiter(self, found: dialect.Dialect, options: ReadingOptions) -> str:
        """For one column a delimiter that the file does not contain: the wire needs one, and COPY would cut at it."""
        if options.delimiter or found.width > 1:
            return found.delimiter
        absent = set(dialect.SINGLE_COLUMN_DELIMITERS)
        for chunk in self._file.chunks():
            absent -= {delimiter for delimiter in absent if delimiter.encode() in chunk}
        return next(
            (candidate for candidate in dialect.SINGLE_COLUMN_DELIMITERS if candidate in absent), found.delimiter
        )

    def _read_header(self, options: ReadingOptions) -> None:
        first = next(self._cutter().blocks(self._file.chunks()), None)
        if first is None:
            self.detected.format = "empty"
            return
        rows = [
            (row, self._parse_loosely(record))
            for record, row in zip(first.records[: header.ROWS_TO_SEARCH], first.rows, strict=False)
        ]
        found = header.find(rows, options, self._width)
        self.columns, self.skipped = found.columns, found.skipped
        self.detected.header_row = found.row
        self.detected.notes.append(found.note)
        if found.first_data:
            self._header_end = rows[min(found.first_data, len(rows)) - 1][0]

    def _parse_loosely(self, record: bytes) -> list[str]:
        """Fields of a record among which damaged bytes do no harm: only to find the header."""
        wire = self.wire
        return self.parse(record.decode(wire.encoding, errors="replace").encode(wire.encoding, errors="replace"))


def open_delimited(path: Path, options: ReadingOptions) -> Table:
    """Open delimited text. Raises BadDataError when the bytes are not text at all."""
    file = TextFile(path, options.encoding)
    try:
        if file.wire_encoding == file.encoding and _is_binary(file.head):
            raise BadDataError(f"{path.name} is not a table: it holds binary data")
        return DelimitedTable(file, options)
    except BaseException:
        file.close()
        raise


def _is_binary(head: bytes) -> bool:
    return len(head) - len(head.translate(None, CONTROL)) > 0.05 * len(head)


def _whole_lines(samples: list[str]) -> list[str]:
    """Samples from the middle without the half line they begin with."""
    return samples[:1] + [text.partition("\n")[2] for text in samples[1:]]
