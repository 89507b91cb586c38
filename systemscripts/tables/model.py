"""What a file becomes: a table of records in blocks, in one wire format."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from systemscripts.summary import Notice

csv.field_size_limit(2**30)  # PostgreSQL's own limit for a field; the csv module stops at 128 KB unless told


@dataclass(frozen=True)
class ReadingOptions:
    """What the configuration says about reading; None means: find out from the file."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header_row: int | tuple[str, ...] | None = None  # row number from 1, or the names it must hold
    header_rows: int | None = None  # how many rows the header has
    no_header: bool = False
    names: tuple[str, ...] = ()  # the columns of a file without a header
    sheet: str | int | None = None  # name, pattern (with *), index from 0, or "all"
    fill_merged: bool = False  # merged cells repeat their top-left value
    escape: str | None = None  # "\\" where a backslash makes a quote a character, "" where not
    stop_at_blank_row: bool = False  # what follows the first blank row of the table counts as skipped
    known_columns: frozenset[str] = frozenset()  # that the import knows: they tell which of several sheets is meant
    keep_all_rows: bool = False  # every row below the header is a record as it stands: no end is looked for, no repair


@dataclass(frozen=True)
class Wire:
    """How the bytes of the blocks are written; also what COPY must be told (PostgreSQL, "COPY", CSV format)."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"  # Python's name


@dataclass(frozen=True)
class Block:
    """Some complete records, without their line ends.

    `records`: bytes in the table's wire format; a quoted line break inside a record stays in it.
    `rows`: for each record the line of the file where it starts, or the row of the sheet, from 1. Mostly a range.
    """

    records: list[bytes]
    rows: Sequence[int]


@dataclass(frozen=True)
class Lines:
    """A UTF-8 file without NUL of which, below the header, each line is one record: others may read it as it stands."""

    path: Path
    first: int  # line of the first record, from 1
    last: int  # line of the last one
    wire: Wire
    line_end: str


@dataclass
class Detected:
    """What was found in the file, and why; shown by --dry-run and kept in dba.tfile.detected."""

    format: str = ""  # csv, xlsx, xls, html ...
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    header_row: int | None = None
    sheet: str = ""
    notes: list[str] = field(default_factory=list)  # sentences: why; every doubt is a warning of the table too


class Table(ABC):
    """One clean table; a context manager that frees what reading needs."""

    columns: list[str]  # headers as the client wrote them, "" where blank
    detected: Detected
    wire: Wire
    skipped: int  # rows that are neither header nor data (titles, a second table), known after the last block
    warnings: list[Notice]  # for the operator, known after the last block
    added_columns: int = 0  # so many columns at the beginning are none of the file's: reading tells them

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield the records in the file's order, about 4 MB at a time; may be called again for a second pass.

        Raises BadDataError when the file breaks off or cannot be read further.
        """

    @abstractmethod
    def content_sha256(self) -> str:
        """The identity of the content: of the bytes for text, of columns and clean rows for workbooks."""

    def lines(self) -> Lines | None:
        """The file itself, where its lines are the records as far as is known without cutting them; else None."""
        return None

    def standard_text(self) -> tuple[int, Iterator[bytes]] | None:
        """How many records follow the header, and their standard CSV in pieces, where it need not be cut; else None."""
        return None

    def file_sha256(self) -> str | None:
        """SHA-256 of the file's bytes where reading has found it anyway, so that nobody reads the file for it again."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Free files and child processes; may be called twice."""

    def parse(self, record: bytes) -> list[str]:
        """Cut one record into its fields, as text.

        Raises csv.Error or UnicodeDecodeError when it cannot be cut.
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
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
