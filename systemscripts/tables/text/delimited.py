"""Read delimited text (CSV, TSV and others) as raw bytes, split at the ends of records."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.model import Block, Detected, Lines, ReadingOptions, Table
from systemscripts.tables.text import damaged_bytes, dialect, fixed_width, record_types, select_records, table_bounds
from systemscripts.tables.text.dialect import Dialect
from systemscripts.tables.text.dialect_adapter import DialectAdapter, find_absent_bytes, needs_adapter
from systemscripts.tables.text.text_file import TextFile

# Some thousand rows at the beginning, where titles and header are, and some hundred elsewhere.
FIRST_SAMPLE_BYTES = 256 * 2**10
LATER_SAMPLE_BYTES = 64 * 2**10
# What a decoder writes for damaged bytes.
REPLACEMENT = "\ufffd".encode()
# Control characters that text does not contain. The others are white space, delimiters or the old end-of-file mark.
BINARY_BYTES = bytes(set(range(1, 32)) - set(b"\t\n\r\x01\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f"))
# Damaged text has a few of them, binary data many.
MAX_BINARY_SHARE = 0.05


class DelimitedTable(Table):
    """One text file. Its records keep their bytes if COPY supports its encoding and dialect."""

    def __init__(self, file: TextFile, options: ReadingOptions) -> None:
        """Detect dialect and header. Raises BadDataError if two delimiters fit, or the declared one does not."""
        if options.region or options.title:
            raise BadDataError(f"{file.path.name} is text, but region and title are for workbooks and web pages")
        options = _complete_options(options)
        self._file, self._options = file, options
        control_lines = record_types.take_control_lines(file, options)
        self._error_tail = damaged_bytes.find_error_tail(file)
        samples = file.read_samples(FIRST_SAMPLE_BYTES, LATER_SAMPLE_BYTES)
        detected = _choose_dialect(samples, options)
        if options.delimiter and not any(options.delimiter in text for text in samples):
            _refuse_another_delimiter(file, samples, options)
        if detected.doubt:
            raise BadDataError(f"{file.path.name}: {detected.doubt}", "Set reading.delimiter of the import.")
        self._one_column = Notice("one_column", detected.one_column) if detected.one_column else None
        self._adapter = self._make_adapter(detected)
        self._reader = table_bounds.RowReader(self._adapter, file.line_end)
        self.wire = self._adapter.wire
        self.columns: list[str] = []
        self._control_rows = self.skipped = len(control_lines)
        self.warnings: list[Notice] = []
        self._findings: table_bounds.Findings | None = None
        delimiter = self._adapter.dialect.delimiter
        self.detected = Detected("csv", file.encoding, delimiter, detected.quote, notes=[file.note, detected.note])
        if not file.line_end:
            self.detected.notes.append("mixed line ends: LF, CRLF and CR all end a record")
        if detected.escape:
            self.detected.notes.append("a backslash escapes a quote")
        self.detected.positions = detected.positions
        self.control_lines = control_lines
        self.control_records = {which: split_control_record(line, delimiter) for which, line in control_lines.items()}
        self._analyse(detected.width)

    def blocks(self) -> Iterator[Block]:
        """Yield the records below the header, one block for about 1 MB of the file.

        Raises TryLaterError when the file changes meanwhile, BadDataError when it cannot be decoded.
        """
        return self.blocks_matching(b"")

    def blocks_matching(self, record: bytes) -> Iterator[Block]:
        """Yield the same records, faster where they match; see Table."""
        findings = self._findings
        if findings is None:
            return
        selector = select_records.RecordSelector(findings, self.wire)
        types = record_types.TypeSelector(self.wire, self._options)
        splitter = self._reader.make_splitter(findings.width)
        if record and not self._options.row_code and not needs_adapter(self._adapter.dialect):
            splitter.expect(record)
        text = self._adapter.adapt_text(table_bounds.limit_bytes(self._file.chunks(), findings.end))
        blocks = map(self._adapter.restore_records, splitter.blocks(text))
        selected = selector.select_records(blocks, self._options.stop_at_blank_row)
        for block in types.select(selected) if self._options.row_code else selected:
            self.skipped = selector.skipped + self._control_rows + types.skipped
            yield block
        self.skipped = selector.skipped + self._control_rows + types.skipped
        self.warnings = self._collect_warnings(splitter.stray_quotes) + selector.notices

    def content_sha256(self) -> str:
        """Return the SHA-256 of the file."""
        return self._file.sha256()

    def lines(self) -> Lines | None:
        """Return the file, unless rows were repaired or left out, or COPY does not support its dialect or encoding."""
        findings, file = self._findings, self._file
        if findings is None or findings.end is not None or findings.changes or self._options.stop_at_blank_row:
            return None
        if self._control_rows or findings.is_surplus or self._options.row_code:
            return None
        is_usual = file.is_utf8 and file.encoding in ("utf-8", "ascii") and file.line_end in (b"\n", b"\r\n")
        if not is_usual or needs_adapter(self._adapter.dialect):
            return None
        header_line = file.read_line(findings.header_end) if findings.is_partial and findings.header.row else b""
        count = file.count_lines(header_line)
        if count is None:
            return None
        return Lines(file.path, findings.header_end + 1, count, self.wire, file.line_end.decode())

    def file_sha256(self) -> str | None:
        """Return the SHA-256 of the file."""
        return self._file.sha256()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _make_adapter(self, detected: Dialect) -> DialectAdapter:
        """Return the adapter. One column gets a delimiter that the file does not contain, since COPY needs one."""
        encoding = self._file.wire_encoding
        if needs_adapter(detected):
            return DialectAdapter(detected, encoding, find_absent_bytes(self._file.chunks()))
        if self._options.delimiter or detected.width > 1:
            return DialectAdapter(detected, encoding)
        absent = set(dialect.SINGLE_COLUMN_DELIMITERS)
        for chunk in self._file.chunks():
            absent -= {delimiter for delimiter in absent if delimiter.encode() in chunk}
        choice = next((mark for mark in dialect.SINGLE_COLUMN_DELIMITERS if mark in absent), detected.delimiter)
        return DialectAdapter(Dialect(choice, detected.quote, 1, detected.note), encoding)

    def _analyse(self, width: int) -> None:
        file, options = self._file, self._options
        if file.size <= table_bounds.MAX_WHOLE_BYTES:
            data = b"".join(file.chunks())
            findings = table_bounds.analyse_whole(data, self._reader, width, options)
        else:
            head = file.read_head(FIRST_SAMPLE_BYTES)
            tail, size = file.read_tail(table_bounds.TAIL_BYTES)
            findings = table_bounds.analyse_parts(head, tail, size, self._reader, width, options)
        if not findings.header.columns:
            self.detected.format = "empty"
            return
        if any("\ufffd" in name for name in findings.header.columns) and REPLACEMENT not in file.head:
            raise BadDataError(
                f"{file.path.name}: the header (row {findings.header.row}) is not valid {file.encoding}",
                "Set the encoding.",
            )
        self._findings = findings
        # declared names, also where the file has a header
        names = [name for name, _, _ in options.fixed_width]
        self.columns, self.skipped = names or findings.header.columns, findings.skipped + self._control_rows
        self.detected.header_row = findings.header.row
        self.detected.notes += [*findings.notes, *(doubt.text for doubt in findings.doubts)]
        self.warnings = self._collect_warnings()

    def _collect_warnings(self, stray_quotes: int = 0) -> list[Notice]:
        """Return a warning for each guess, and for stray quotes, which are counted in a pass over all records."""
        warnings = [notice for notice in (self._file.doubt, self._error_tail, self._one_column) if notice]
        if stray_quotes:
            warnings.append(Notice("stray_quotes", f"{stray_quotes} stray quotes were kept as characters"))
        return warnings + (self._findings.doubts if self._findings else [])


def open_delimited(path: Path, options: ReadingOptions) -> Table:
    """Open delimited text. Raises BadDataError when the file is not text or two delimiters fit equally well."""
    file = TextFile(path, options.encoding)
    try:
        # Only in UTF-16 and UTF-32 zeros and control characters are parts of letters.
        if not file.encoding.startswith(("utf-16", "utf-32")):
            if _is_binary(file.head):
                raise BadDataError(
                    f"{path.name} is not a table: it contains binary data", "Ask the sender for a CSV file."
                )
            damaged_bytes.refuse_zero_bytes(file)
        return DelimitedTable(file, options)
    except BaseException:
        file.close()
        raise


def _complete_options(options: ReadingOptions) -> ReadingOptions:
    """Return the options with what declared columns and types of records imply."""
    if options.fixed_width:
        names = tuple(name for name, _, _ in options.fixed_width)
        # the lines below a header are records, whatever they look like
        return replace(options, names=names, no_header=options.header_row is None, keep_all_rows=True)
    return replace(options, keep_all_rows=True) if options.row_code else options


def _choose_dialect(samples: list[str], options: ReadingOptions) -> Dialect:
    if options.fixed_width:
        return fixed_width.declare_dialect(options.fixed_width)
    return dialect.detect_dialect(_drop_half_lines(samples), options.delimiter, options.quote, options.escape)


def split_control_record(line: str, delimiter: str) -> list[str]:
    """Split a record with totals by the delimiter of the rows, or by another one where it does not have that."""
    if not delimiter or delimiter not in line:
        delimiter = next((mark for mark in "|;\t," if mark in line), " ")
    return next(csv.reader([line.strip()], delimiter=delimiter), [])


def _refuse_another_delimiter(file: TextFile, samples: list[str], options: ReadingOptions) -> None:
    """Raise BadDataError if the declared delimiter is missing and another one fits: it would load as one column."""
    detected = dialect.detect_dialect(_drop_half_lines(samples), None, options.quote, options.escape)
    if detected.width > 1 and detected.delimiter in samples[0].partition("\n")[0]:
        raise BadDataError(
            f"{file.path.name} does not contain the declared delimiter {options.delimiter!r}; "
            f"{detected.delimiter!r} splits it into {detected.width} columns",
            f"Set reading.delimiter of the import to {detected.delimiter!r}, or remove it.",
        )


def _is_binary(head: bytes) -> bool:
    return len(head) - len(head.translate(None, BINARY_BYTES)) > MAX_BINARY_SHARE * len(head)


def _drop_half_lines(samples: list[str]) -> list[str]:
    """Return samples without the half line that each one after the first begins with."""
    return samples[:1] + [text.partition("\n")[2] for text in samples[1:]]
