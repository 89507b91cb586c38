"""Delimited text: CSV, TSV and their relatives, as raw bytes cut at record ends."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.model import Block, Detected, Lines, ReadingOptions, Table
from systemscripts.tables.text import analysis, damaged_bytes, dialect
from systemscripts.tables.text.dialect import Dialect
from systemscripts.tables.text.dialect_adapter import DialectAdapter, find_absent_bytes, needs_adapter
from systemscripts.tables.text.text_file import TextFile

SAMPLE_BEGIN = 256 * 2**10
SAMPLE_OTHER = 64 * 2**10
REPLACEMENT = "\ufffd".encode()  # stands for damaged bytes once they are decoded
CONTROL = bytes(set(range(1, 32)) - set(b"\t\n\r\x01\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f"))


def _refuse_another_delimiter(file: TextFile, samples: list[str], options: ReadingOptions) -> None:
    """Refuse a file without the declared delimiter whose header has another one: it would be loaded as one column."""
    found = dialect.detect_dialect(_whole_lines(samples), None, options.quote, options.escape)
    if found.width > 1 and found.delimiter in samples[0].partition("\n")[0]:
        raise BadDataError(
            f"{file.path.name}: the declared delimiter {options.delimiter!r} does not occur in it, "
            f"{found.delimiter!r} cuts it into {found.width} columns",
            "Set reading.delimiter of the import to that one, or leave it out.",
        )


class DelimitedTable(Table):
    """One text file. Its records keep their bytes where COPY takes encoding and dialect."""

    def __init__(self, file: TextFile, options: ReadingOptions) -> None:
        self._file, self._options = file, options
        self._error_tail = damaged_bytes.find_error_tail(file)
        samples = file.samples(SAMPLE_BEGIN, SAMPLE_OTHER)
        found = dialect.detect_dialect(_whole_lines(samples), options.delimiter, options.quote, options.escape)
        if options.delimiter and not any(options.delimiter in text for text in samples):
            _refuse_another_delimiter(file, samples, options)
        if found.doubt:
            raise BadDataError(f"{file.path.name}: {found.doubt}", "Set delimiter in the import's reading options.")
        self._one_column = Notice("one_column", found.one_column) if found.one_column else None
        self._wiring = self._wired(found)
        self._reader = analysis.RowReader(self._wiring, file.line_end)
        self.wire = self._wiring.wire
        self.columns: list[str] = []
        self.skipped = 0
        self.warnings: list[Notice] = []
        self._found: analysis.Findings | None = None
        delimiter = self._wiring.dialect.delimiter
        self.detected = Detected("csv", file.encoding, delimiter, found.quote, notes=[file.note, found.note])
        if not file.line_end:
            self.detected.notes.append("line ends of several kinds: each of LF, CRLF and CR ends a record")
        if found.escape:
            self.detected.notes.append("a backslash before a quote makes it a character")
        self._analyse(found.width)

    def blocks(self) -> Iterator[Block]:
        """Yield the records below the header, one block for about 4 MB of the file.

        Raises TryLaterError when the file changes meanwhile, BadDataError when it cannot be decoded.
        """
        if self._found is None:
            return
        self.skipped = self._found.skipped
        cutter = self._reader.cutter(self._found.width)
        chunks = analysis.limit_bytes(self._file.chunks(), self._found.end)
        blocks = self._below_header(map(self._wiring.after, cutter.blocks(self._wiring.before(chunks))), self._found)
        yield from self._until_blank_row(blocks) if self._options.stop_at_blank_row else blocks
        self.warnings = self._doubts(cutter.stray_quotes)

    def content_sha256(self) -> str:
        """SHA-256 of the bytes of the file."""
        return self._file.sha256()

    def lines(self) -> Lines | None:
        """The file as it stands, unless rows were mended or left out, or its dialect or encoding is an odd one."""
        found, file = self._found, self._file
        plain = found is not None and found.end is None and not found.changes and not self._options.stop_at_blank_row
        usual = file.is_utf8 and file.encoding in ("utf-8", "ascii") and file.line_end in (b"\n", b"\r\n")
        if found is None or not plain or not usual or needs_adapter(self._wiring.dialect):
            return None
        count = file.lines()
        if count is None:
            return None
        return Lines(file.path, found.header_end + 1, count, self.wire, file.line_end.decode())

    def file_sha256(self) -> str | None:
        """SHA-256 of the file's bytes."""
        return self._file.sha256()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _wired(self, found: Dialect) -> DialectAdapter:
        """For one column a delimiter that the file does not contain: the wire needs one, and COPY would cut at it."""
        encoding = self._file.wire_encoding
        if needs_adapter(found):
            return DialectAdapter(found, encoding, find_absent_bytes(self._file.chunks()))
        if self._options.delimiter or found.width > 1:
            return DialectAdapter(found, encoding)
        absent = set(dialect.SINGLE_COLUMN_DELIMITERS)
        for chunk in self._file.chunks():
            absent -= {delimiter for delimiter in absent if delimiter.encode() in chunk}
        choice = next((mark for mark in dialect.SINGLE_COLUMN_DELIMITERS if mark in absent), found.delimiter)
        return DialectAdapter(Dialect(choice, found.quote, 1, found.note), encoding)

    def _analyse(self, width: int) -> None:
        file, options = self._file, self._options
        if file.size <= analysis.WHOLE_BYTES:
            data = b"".join(file.chunks())
            found = analysis.analyse_whole(data, self._reader, width, options)
        else:
            head = file.head_text(SAMPLE_BEGIN)
            tail, size = file.tail_text(analysis.TAIL_BYTES)
            found = analysis.analyse_parts(head, tail, size, self._reader, width, options)
        if not found.header.columns:
            self.detected.format = "empty"
            return
        if any("\ufffd" in name for name in found.header.columns) and REPLACEMENT not in file.head:
            raise BadDataError(
                f"{file.path.name}: the header (row {found.header.row}) is not {file.encoding}", "Set the encoding."
            )
        self._found = found
        self.columns, self.skipped = found.header.columns, found.skipped
        self.detected.header_row = found.header.row
        self.detected.notes += [*found.notes, *(doubt.text for doubt in found.doubts)]
        self.warnings = self._doubts()

    def _doubts(self, stray_quotes: int = 0) -> list[Notice]:
        """Warn of each guess, and of stray quotes, which are known after a pass over all records."""
        found = [notice for notice in (self._file.doubt, self._error_tail, self._one_column) if notice]
        if stray_quotes:
            found.append(Notice("stray_quotes", f"{stray_quotes} stray quotes were kept as characters"))
        return found + (self._found.doubts if self._found else [])

    def _below_header(self, blocks: Iterator[Block], found: analysis.Findings) -> Iterator[Block]:
        for block in blocks:
            if block.rows and block.rows[0] <= found.header_end:
                start = bisect_right(block.rows, found.header_end)
                block = Block(block.records[start:], block.rows[start:])
            if found.changes and not found.changes.keys().isdisjoint(block.rows):
                block = _changed(block, found.changes)
            if block.records:
                yield block

    def _until_blank_row(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The records before the first blank line, or row of nothing but delimiters; the others count as skipped."""
        blank = {b"", self.wire.delimiter.encode(self.wire.encoding)}
        expected = self._found.header_end + 1 if self._found and self._found.header_end else None
        stopped = False
        for block in blocks:
            if stopped:
                self.skipped += len(block.records)
                continue
            for position, (record, row) in enumerate(zip(block.records, block.rows, strict=True)):
                stopped = (expected is not None and row > expected) or set(_letters(record)) <= blank
                if stopped:
                    self.skipped += len(block.records) - position
                    block = Block(block.records[:position], block.rows[:position])
                    break
                expected = row + 1 + len(record.splitlines()) - 1
            if block.records:
                yield block


def open_delimited(path: Path, options: ReadingOptions) -> Table:
    """Open delimited text. Raises BadDataError when the bytes are no text, or two delimiters fit equally well."""
    file = TextFile(path, options.encoding)
    try:
        # UTF-16 and UTF-32 alone have zeros and controls as parts of their characters
        if not file.encoding.startswith(("utf-16", "utf-32")):
            if _is_binary(file.head):
                raise BadDataError(
                    f"{path.name} is not a table: it holds binary data", "Ask the sender for a CSV file."
                )
            damaged_bytes.refuse_zero_bytes(file)
        return DelimitedTable(file, options)
    except BaseException:
        file.close()
        raise


def _changed(block: Block, changes: dict[int, bytes | None]) -> Block:
    kept = [
        (record, row)
        for old, row in zip(block.records, block.rows, strict=True)
        if (record := changes.get(row, old)) is not None
    ]
    return Block([record for record, _ in kept], [row for _, row in kept])


def _letters(record: bytes) -> list[bytes]:
    return [record[place : place + 1] for place in range(len(record))] if len(record) < 1000 else [record]


def _is_binary(head: bytes) -> bool:
    return len(head) - len(head.translate(None, CONTROL)) > 0.05 * len(head)


def _whole_lines(samples: list[str]) -> list[str]:
    """Samples from the middle without the half line they begin with."""
    return samples[:1] + [text.partition("\n")[2] for text in samples[1:]]
