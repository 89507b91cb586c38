"""The table that every reader returns: records in blocks of bytes, in one wire format."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from systemscripts.summary import Notice

# A field of PostgreSQL holds 1 GB; the csv module stops at 128 KB by default.
MAX_FIELD_BYTES = 2**30
csv.field_size_limit(MAX_FIELD_BYTES)


@dataclass(frozen=True)
class ReadingOptions:
    """What the configuration says about reading. None means: detect it from the file."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    # row number from 1, or the names that the row must contain
    header_row: int | tuple[str, ...] | None = None
    # the number of rows of the header
    header_rows: int | None = None
    no_header: bool = False
    # the columns of a file without a header
    names: tuple[str, ...] = ()
    # name, pattern (with *), index from 0, or "all"
    sheet: str | int | None = None
    # every cell of a merged range gets the value of its top-left cell
    fill_merged: bool = False
    # "\\" if a backslash escapes a quote, "" if not
    escape: str | None = None
    # rows after the first blank row of the table are skipped
    stop_at_blank_row: bool = False
    # the columns that the import expects: they show which of several sheets to read
    known_columns: frozenset[str] = frozenset()
    # every row below the header is a record: the end of the table is not detected and no row is repaired
    keep_all_rows: bool = False
    # the first, the last record of a text file has totals and is not part of the table
    header_is_control: bool = False
    trailer_is_control: bool = False
    # the columns of a file of fixed width: name, start in letters from 0, end; None: the end of the line
    fixed_width: tuple[tuple[str, int, int | None], ...] = ()
    # what the first, the last and the other records begin with, where a file has several types of them
    header_code: str = ""
    trailer_code: str = ""
    row_code: str = ""
    # records that are left out
    skipped_codes: tuple[str, ...] = ()
    # the path of the records in JSON or XML, and column -> path of more values, from the record
    records: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    # one of several tables of a sheet: its cells, such as B4:F30, or the title above it
    region: str = ""
    title: str = ""
    # headers, or ranges of them, whose columns become rows; the columns with their headers and values
    unpivot: tuple[str, ...] = ()
    unpivot_names: tuple[str, str] = ("name", "value")
    # of protected workbooks and zips, tried in order
    passwords: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Wire:
    """How the bytes of the blocks are written. COPY gets the same options (PostgreSQL, "COPY", CSV format)."""

    delimiter: str = ","
    quote: str = '"'
    # Python's name
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Block:
    """Some complete records, without their line ends.

    `records`: bytes in the table's wire format; quoted line breaks remain in the record.
    `rows`: for each record the line of the file where it starts, or its row of the sheet, from 1. Usually a range.
    `matches`: every record matches the pattern that was given to `blocks_matching`.
    """

    records: list[bytes]
    rows: Sequence[int]
    matches: bool = False


@dataclass(frozen=True)
class Lines:
    """A UTF-8 file without NUL bytes in which each line below the header is one record: another program can read it."""

    path: Path
    # lines of the first and the last record, from 1
    first: int
    last: int
    wire: Wire
    line_end: str


@dataclass
class Detected:
    """What was detected in the file, and why. Shown by --dry-run and stored in dba.tfile.detected."""

    # csv, xlsx, xls, html ...
    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    header_row: int | None = None
    sheet: str = ""
    # where the columns of a file of fixed width begin, in letters from 0
    positions: tuple[int, ...] = ()
    # the reasons, as sentences; every doubt is also a warning of the table
    notes: list[str] = field(default_factory=list)


class Table(ABC):
    """One clean table. As a context manager it closes the file and ends child processes."""

    # the headers as the client wrote them, "" if blank
    columns: list[str]
    detected: Detected
    wire: Wire
    # the number of rows that are neither header nor data (titles, a second table), complete after the last block
    skipped: int
    # for the operator, complete after the last block
    warnings: list[Notice]
    # the number of columns at the beginning that the reader added and the file does not have
    added_columns: int = 0
    # several records of a block may come from one line of the file
    repeats_lines: bool = False
    # header -> how the column would be declared, of formats that have types
    column_types: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    # the fields of the records with totals, which are not part of the table: header, trailer
    control_records: Mapping[str, list[str]] = MappingProxyType({})
    # the same records as they are written, for totals at fixed positions
    control_lines: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield the records in the order of the file, about 4 MB at a time. Each call starts a new pass.

        Raises BadDataError when the file is truncated or the rest of it cannot be read.
        """

    def blocks_matching(self, record: bytes) -> Iterator[Block]:
        """Yield the same records as `blocks()`, faster where all of a block match a pattern; `record`: for one of them.

        The pattern has no groups, and matches only records that the reader would leave unchanged.
        """
        return self.blocks()

    @abstractmethod
    def content_sha256(self) -> str:
        """Return the hash that identifies the content: of the bytes of text, of columns and rows of workbooks."""

    def lines(self) -> Lines | None:
        """Return the file if each of its lines seems to be a record, which is not verified; else None."""
        return None

    def standard_text(self) -> tuple[int, Iterator[bytes]] | None:
        """Return the number of records and their standard CSV in pieces, if it exists already; else None."""
        return None

    def file_sha256(self) -> str | None:
        """Return the SHA-256 of the file if reading has computed it, which saves a second pass; else None."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Close the file and end child processes. A second call does nothing."""

    def parse(self, record: bytes) -> list[str]:
        """Split one record into its fields, as text.

        Raises csv.Error or UnicodeDecodeError when it cannot be split.
        """
        text = record.decode(self.wire.encoding)
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=self.wire.delimiter, quotechar=self.wire.quote, strict=True
        )
        rows = list(reader)
        if len(rows) > 1:
            raise csv.Error("a line break outside quotes")
        return rows[0] if rows else []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
