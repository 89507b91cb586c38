"""Describes what a file contains besides the sheet that is read: names, sizes and first rows of other tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows
from systemscripts.tables.parsers.workbook import Book, Sheet

# among which a header is searched
MAX_TOP_ROWS = 30
# More sheets would cost more time than the warning is worth.
MAX_SHEETS_EXAMINED = 10
AsChunks = Callable[[Sheet], Iterable[Chunk | CsvRows]]


@dataclass
class OtherTable:
    """Another table; its `rows` are counted until they exceed those of the table that is read."""

    name: str
    visible: bool
    rows: int = 0
    is_more: bool = False
    top: list[list[str]] = field(default_factory=list)


def describe_others(book: Book, read: Sheet, rows: int, as_chunks: AsChunks) -> list[dict[str, Any]]:
    """Return the tables other than `read`, of which `rows` rows were sent; one that cannot be read has no rows."""
    tables = []
    others = [sheet for sheet in book.sheets if sheet is not read and sheet.weight >= 0]
    others = [sheet for sheet in others if not book.is_related(sheet, read)]
    for sheet in others[:MAX_SHEETS_EXAMINED]:
        other = OtherTable(sheet.name, sheet.visible)
        for way in _list_ways(sheet) if sheet.visible else ():
            other = OtherTable(sheet.name, sheet.visible)
            with suppress(Exception):
                _count_rows(way, rows, as_chunks, other)
                break
        if other.rows or not sheet.visible:
            tables.append(asdict(other))
    return tables


def find_known_sheet(sheets: list[Sheet], known: frozenset[str], as_chunks: AsChunks) -> Sheet:
    """Return the sheet whose header has most of the known names; the first of equals."""
    best, most = sheets[0], -1
    for sheet in sheets[:MAX_SHEETS_EXAMINED]:
        score = 0
        for way in _list_ways(sheet):
            # A sheet that cannot be read is not the one.
            with suppress(Exception):
                score = count_known_names(_read_top_rows(_read_pieces(as_chunks(way))), known)
                break
        if score > most:
            best, most = sheet, score
    return best


def _list_ways(sheet: Sheet) -> list[Sheet]:
    """Return the sheet with its fast reader, which may fail, and with the general one."""
    return [sheet, replace(sheet, chunks=None)] if sheet.chunks else [sheet]


def count_known_names(top: Iterable[list[str]], known: frozenset[str]) -> int:
    """Return how many of the known names the best of the rows contains."""
    return max((len(known.intersection(make_column_names(row))) for row in top if any(row)), default=0)


def _count_rows(sheet: Sheet, most: int, as_chunks: AsChunks, other: OtherTable) -> None:
    for count, content in _read_pieces(as_chunks(sheet)):
        if not other.top:
            other.top = _read_top_rows([(count, content)])
        other.rows += count
        if other.rows > most:
            other.is_more = True
            return


def _read_pieces(chunks: Iterable[Chunk | CsvRows]) -> Iterator[tuple[int, bytes]]:
    """Yield number of rows and CSV of each run of rows with values."""
    for chunk in chunks:
        left, right = chunk.extent()
        if right:
            yield from ((count, content) for _, count, content in chunk.runs(left, right))


def _read_top_rows(pieces: Iterable[tuple[int, bytes]]) -> list[list[str]]:
    rows: list[list[str]] = []
    for _, content in pieces:
        rows += islice(csv.reader(io.StringIO(content.decode(), newline="")), MAX_TOP_ROWS - len(rows))
        if len(rows) >= MAX_TOP_ROWS:
            break
    return rows
