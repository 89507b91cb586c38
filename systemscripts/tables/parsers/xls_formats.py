"""Reads from the BIFF stream of an XLS what calamine omits: number formats, and cells with an error.

Only cells whose format shows a date-time or leading zeros are searched, by patterns of their records (MS-XLS 2.4:
Number 180, RK 220, MulRk 175, Formula 127, BoolErr 24, Format 126, XF 353, BoundSheet8 28, Date1904 77).
"""

from __future__ import annotations

import re
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from xlrd import compdoc

from systemscripts.tables.parsers import container_check, xlsx_cell_text
from systemscripts.tables.parsers.xlsx_cell_text import Format

DIMENSIONS = re.compile(rb"\x00\x02\x0e\x00....(....)..(..)", re.DOTALL)
# A smaller sheet is expanded quickly enough.
MIN_SPARSE_CELLS = 2_000_000
# Patterns of numbers, as doubles and packed (RK). A double whose low half is 0 may be a whole number of days.
ANY_NUMBER = (b".{8}", b".{4}")
MIDNIGHT = (rb"\x00{4}.{4}", b".{4}")
# 60 to 61 days: 29 February 1900, which calamine reads as the 28th
LEAP_DAY = (rb".{5}[\x00-\x7f]\x4e\x40", rb"(?:\xf2\x00{3}|.[\x00-\x7f]\x4e\x40)")
PACKED_LEAP_DAY = re.compile(LEAP_DAY[1], re.DOTALL)
POSITION = struct.Struct("<HHH")
RK_CELL = struct.Struct("<H4s")
HEADER = struct.Struct("<HH")
# 256 columns
MAX_PACKED_BYTES = 6 * 256
BOUND_SHEET, FORMAT, XF, DATE_1904, END_OF_PART = 0x85, 0x041E, 0xE0, 0x22, 0x0A
BIFF8 = 0x0600
STYLE_XF = 0x04
FORMULA = rb"\x06\x00"
ERROR_CELL = re.compile(rb"\x05\x02\x08\x00.{7}\x01", re.DOTALL)
ERROR_FORMULA = re.compile(rb"\x06\x00..{7}\x02.{5}\xff\xff", re.DOTALL)


@dataclass
class Globals:
    """The first part of the stream: where each sheet begins, and the format of each cell style (XF)."""

    stream: bytes
    starts: dict[str, int] = field(default_factory=dict)
    formats: list[Format] = field(default_factory=list)
    is_biff8: bool = True

    def get_sheet_records(self, name: str) -> bytes:
        """Return the records of one sheet."""
        start = self.starts.get(name, len(self.stream))
        after = min((other for other in self.starts.values() if other > start), default=len(self.stream))
        return self.stream[start:after]


def read_globals(path: Path) -> Globals:
    """Read the first part of the stream; raises any error where the container or the records are damaged."""
    container = compdoc.CompDoc(path.read_bytes(), logfile=container_check.NullLog())
    stream = container.get_named_stream("Workbook") or container.get_named_stream("Book")
    book_globals = Globals(stream or b"")
    codes: dict[int, str] = {}
    numbers: list[int] = []
    is_1904 = False
    for record_type, content in _read_records(book_globals.stream):
        if record_type == 0x0809:
            book_globals.is_biff8 = content[:2] == struct.pack("<H", BIFF8)
        elif record_type == BOUND_SHEET:
            book_globals.starts[_decode_string(content[6:], book_globals.is_biff8, 1)] = int.from_bytes(
                content[:4], "little"
            )
        elif record_type == FORMAT:
            codes[int.from_bytes(content[:2], "little")] = _decode_string(
                content[2:], book_globals.is_biff8, 2 if book_globals.is_biff8 else 1
            )
        elif record_type == XF:
            # The XF of a named style (fStyle, MS-XLS 2.4.353) belongs to no cell: percent and currency always exist.
            numbers.append(0 if content[4:5] and content[4] & STYLE_XF else int.from_bytes(content[2:4], "little"))
        elif record_type == DATE_1904:
            is_1904 = content[:1] == b"\x01"
    book_globals.formats = [xlsx_cell_text.find_format(number, codes.get(number, ""), is_1904) for number in numbers]
    return book_globals


def _read_records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(stream):
        record_type, size = HEADER.unpack_from(stream, position)
        yield record_type, stream[position + 4 : position + 4 + size]
        if record_type == END_OF_PART:
            return
        position += 4 + size


def _decode_string(content: bytes, is_biff8: bool, count_bytes: int) -> str:
    """Decode a string with a length prefix, in BIFF8 also a flag for its width (MS-XLS 2.5.240, 2.5.294)."""
    count = int.from_bytes(content[:count_bytes], "little")
    if not is_biff8:
        return content[count_bytes : count_bytes + count].decode("cp1252", "replace")
    wide = content[count_bytes : count_bytes + 1] == b"\x01"
    text = content[count_bytes + 1 : count_bytes + 1 + count * (1 + wide)]
    return text.decode("utf-16-le" if wide else "latin-1", "replace")


def is_sparse(book_globals: Globals) -> bool:
    """Return whether a sheet declares far more cells (Dimensions, MS-XLS 2.4.90) than its records could fill."""
    for name in book_globals.starts:
        records = book_globals.get_sheet_records(name)
        dimensions = DIMENSIONS.search(records, 0, 2**16)
        if dimensions is not None:
            rows, columns = int.from_bytes(dimensions.group(1), "little"), int.from_bytes(dimensions.group(2), "little")
            if rows * columns > max(len(records), MIN_SPARSE_CELLS):
                return True
    return False


Shown = dict[int, dict[int, tuple[float, str]]]


def find_shown_texts(book_globals: Globals, sheet: str) -> Shown:
    """Return row from 0 -> column -> stored number and text of each cell whose format shows more than a plain number.

    A pattern may also match bytes that only look like a cell: callers compare the stored number.
    """
    records = book_globals.get_sheet_records(sheet)
    cells: Shown = {}
    # calamine reads dates as dates, but also date-times at midnight, which are corrected here as is LEAP_DAY.
    moments: set[int] = set()
    dates: set[int] = set()
    others: set[int] = set()
    for number, style in enumerate(book_globals.formats):
        if style.value_type:
            {"moment": moments, "date": dates}.get(style.value_type, others).add(number)
    for row, column, style_number, value in chain(
        _find_numbers(records, moments, MIDNIGHT),
        _find_numbers(records, others, ANY_NUMBER),
        _find_numbers(records, moments | dates, LEAP_DAY),
        _find_packed_numbers(records, moments | others, dates),
    ):
        if style_number in others or value.is_integer() or int(value) == xlsx_cell_text.LEAP_DAY_1900:
            cells.setdefault(row, {})[column] = value, _format_shown(book_globals.formats[style_number], value)
    return cells


def _format_shown(style: Format, value: float) -> str:
    try:
        return style.format_number(repr(value))
    except (ValueError, OverflowError):
        return ""


def _find_numbers(
    records: bytes, style_numbers: set[int], patterns: tuple[bytes, bytes]
) -> Iterator[tuple[int, int, int, float]]:
    """Yield row, column, style and number of each cell with one of the styles. `patterns`: of a double, of an RK."""
    styles = b"|".join(re.escape(struct.pack("<H", number)) for number in sorted(style_numbers))
    if not style_numbers:
        return
    double, packed = patterns
    for head, value, decode in (
        (rb"\x03\x02\x0e\x00", double, _unpack_double),
        (rb"\x7e\x02\x0a\x00", packed, _unpack_rk),
        (FORMULA + rb"[\x14-\xff].", double, _unpack_double),
    ):
        pattern = re.compile(rb"%s(....(?:%s))(%s)" % (head, styles, value), re.DOTALL)
        for match in pattern.finditer(records):
            if head.startswith(FORMULA) and match.group(2)[6:] == b"\xff\xff":
                # a text, boolean, error or blank
                continue
            row, column, style = POSITION.unpack(match.group(1))
            yield row, column, style, decode(match.group(2))


def _find_packed_numbers(records: bytes, styles: set[int], dates: set[int]) -> Iterator[tuple[int, int, int, float]]:
    """Yield the cells of MulRk records: one row, consecutive columns, each cell with its own style.

    `dates`: styles of which only the cells of records that may have a LEAP_DAY are yielded.
    """
    usual = styles, {number & 0xFF for number in styles}
    with_dates = styles | dates, {number & 0xFF for number in styles | dates}
    sizes = _list_packed_sizes(records, usual[1])
    for match in re.finditer(rb"\xbd\x00(?=(?:%s)....)" % b"|".join(sizes), records, re.DOTALL) if sizes else ():
        begin = match.end() + POSITION.size
        size, row, first = POSITION.unpack_from(records, match.end())
        end = begin + size - 6
        shown, low_bytes = with_dates if PACKED_LEAP_DAY.search(records, begin, end) else usual
        if low_bytes.isdisjoint(records[begin:end:6]):
            # most records: none of their cells has one of the styles
            continue
        count = (size - 6) // 6
        last = int.from_bytes(records[end : end + 2], "little")
        if (size - 6) % 6 or count < 1 or last != first + count - 1 or last > 255:
            # not such a record, only its first two bytes
            continue
        for number, (style, value) in enumerate(RK_CELL.iter_unpack(records[begin:end])):
            if style in shown:
                yield row, first + number, style, _unpack_rk(value)


def _list_packed_sizes(records: bytes, low_bytes: set[int]) -> list[bytes]:
    """Return the sizes of MulRk records, as patterns, of which a cell may have one of the styles or a LEAP_DAY.

    The cells of all records of a size are tested at once: one by one takes ten times as long.
    """
    sizes = []
    for size in set(re.findall(rb"\xbd\x00(?=(..))", records, re.DOTALL)):
        cells_bytes = int.from_bytes(size, "little") - 6
        if cells_bytes <= 0 or cells_bytes % 6 or cells_bytes > MAX_PACKED_BYTES:
            continue
        pattern = rb"\xbd\x00%s(?=....(.{%d}))" % (re.escape(size), cells_bytes)
        cells = b"".join(re.findall(pattern, records, re.DOTALL))
        if not low_bytes.isdisjoint(cells[::6]) or PACKED_LEAP_DAY.search(cells):
            sizes.append(re.escape(size))
    return sizes


def _unpack_double(content: bytes) -> float:
    return float(struct.unpack("<d", content)[0])


def _unpack_rk(content: bytes) -> float:
    """Unpack a number from four bytes (MS-XLS 2.5.217)."""
    packed = int.from_bytes(content, "little", signed=True)
    if packed & 2:
        number = float(packed >> 2)
    else:
        number = _unpack_double(b"\0\0\0\0" + (packed & 0xFFFFFFFC).to_bytes(4, "little"))
    return number / 100 if packed & 1 else number


def count_errors(book_globals: Globals, sheet: str) -> int:
    """Return how many cells contain an error, such as #N/A."""
    records = book_globals.get_sheet_records(sheet)
    return sum(1 for pattern in (ERROR_CELL, ERROR_FORMULA) for _ in pattern.finditer(records))


class BackgroundLookup:
    """Reads the first sheet in a thread while calamine, which releases the interpreter lock, reads the same file."""

    def __init__(self, book_globals: Globals) -> None:
        self._found = book_globals
        self._first = next(iter(book_globals.starts), "")
        self._known: dict[str, tuple[Shown, int]] = {}
        self._thread = threading.Thread(target=self._look, args=(self._first,), daemon=True)
        self._thread.start()

    def find_shown_texts(self, sheet: str) -> Shown:
        """Return find_shown_texts() for a sheet."""
        return self._get(sheet)[0]

    def count_errors(self, sheet: str) -> int:
        """Return count_errors() for a sheet."""
        return self._get(sheet)[1]

    def _get(self, sheet: str) -> tuple[Shown, int]:
        if sheet == self._first:
            self._thread.join()
        # Where the thread met an error, it is raised here.
        if sheet not in self._known:
            self._known[sheet] = find_shown_texts(self._found, sheet), count_errors(self._found, sheet)
        return self._known[sheet]

    def _look(self, sheet: str) -> None:
        with suppress(Exception):
            self._known[sheet] = find_shown_texts(self._found, sheet), count_errors(self._found, sheet)


__all__ = ["BackgroundLookup", "Globals", "count_errors", "find_shown_texts", "read_globals"]
