"""What calamine does not tell of an XLS: number formats, and cells with an error. Read from the BIFF stream itself.

Only cells of formats that show a moment or leading zeros are looked up, by patterns of their records (MS-XLS 2.4:
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

from systemscripts.tables.parsers import container_check, xlsx_formats
from systemscripts.tables.parsers.xlsx_formats import Format

DIMENSIONS = re.compile(rb"\x00\x02\x0e\x00....(....)..(..)", re.DOTALL)
MIN_SPARSE_CELLS = 2_000_000  # cells
MIDNIGHT = rb"\x00{4}"  # low half of a double that is a whole number of days
POSITION = struct.Struct("<HHH")
RK_CELL = struct.Struct("<H4s")
HEADER = struct.Struct("<HH")
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

    def sheet(self, name: str) -> bytes:
        """The records of one sheet."""
        start = self.starts.get(name, len(self.stream))
        after = min((other for other in self.starts.values() if other > start), default=len(self.stream))
        return self.stream[start:after]


def read_globals(path: Path) -> Globals:
    """Read the first part. Raises any error when the container or the records are damaged."""
    container = compdoc.CompDoc(path.read_bytes(), logfile=container_check.NullLog())
    stream = container.get_named_stream("Workbook") or container.get_named_stream("Book")
    found = Globals(stream or b"")
    codes: dict[int, str] = {}
    numbers: list[int] = []
    is_1904 = False
    for kind, content in _read_records(found.stream):
        if kind == 0x0809:
            found.is_biff8 = content[:2] == struct.pack("<H", BIFF8)
        elif kind == BOUND_SHEET:
            found.starts[_decode_string(content[6:], found.is_biff8, 1)] = int.from_bytes(content[:4], "little")
        elif kind == FORMAT:
            codes[int.from_bytes(content[:2], "little")] = _decode_string(
                content[2:], found.is_biff8, 2 if found.is_biff8 else 1
            )
        elif kind == XF:
            # the XF of a named style (fStyle, MS-XLS 2.4.353) is no cell's own: percent and currency are always there
            numbers.append(0 if content[4:5] and content[4] & STYLE_XF else int.from_bytes(content[2:4], "little"))
        elif kind == DATE_1904:
            is_1904 = content[:1] == b"\x01"
    found.formats = [xlsx_formats.find_format(number, codes.get(number, ""), is_1904) for number in numbers]
    return found


def _read_records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(stream):
        kind, size = HEADER.unpack_from(stream, position)
        yield kind, stream[position + 4 : position + 4 + size]
        if kind == END_OF_PART:
            return
        position += 4 + size


def _decode_string(content: bytes, is_biff8: bool, count_bytes: int) -> str:
    """A string with its length before it, in BIFF8 with a flag for its width (MS-XLS 2.5.240, 2.5.294)."""
    count = int.from_bytes(content[:count_bytes], "little")
    if not is_biff8:
        return content[count_bytes : count_bytes + count].decode("cp1252", "replace")
    wide = content[count_bytes : count_bytes + 1] == b"\x01"
    text = content[count_bytes + 1 : count_bytes + 1 + count * (1 + wide)]
    return text.decode("utf-16-le" if wide else "latin-1", "replace")


def is_sparse(found: Globals) -> bool:
    """True when a sheet says it is far larger (Dimensions, MS-XLS 2.4.90) than its records could fill."""
    for name in found.starts:
        records = found.sheet(name)
        said = DIMENSIONS.search(records, 0, 2**16)
        if said is not None:
            rows, columns = int.from_bytes(said.group(1), "little"), int.from_bytes(said.group(2), "little")
            if rows * columns > max(len(records), MIN_SPARSE_CELLS):
                return True
    return False


Shown = dict[int, dict[int, tuple[float, str]]]


def find_shown_texts(found: Globals, sheet: str) -> Shown:
    """Row from 0 -> column -> stored number and text of the cells whose format shows more than a plain number.

    A pattern may also find bytes that only look like a cell: whoever uses it compares the stored number.
    """
    records = found.sheet(sheet)
    cells: Shown = {}
    # A date is a date for calamine too; a moment at midnight is one as well, and that is to be mended.
    moments = {number for number, style in enumerate(found.formats) if style.kind == "moment"}
    others = {number for number, style in enumerate(found.formats) if style.kind not in ("", "date", "moment")}
    for row, column, style, value in chain(
        _find_numbers(records, moments, MIDNIGHT),
        _find_numbers(records, others, b"...."),
        _find_packed_numbers(records, moments | others),
    ):
        if style in others or value.is_integer():
            cells.setdefault(row, {})[column] = value, _format_shown(found.formats[style], value)
    return cells


def _format_shown(style: Format, value: float) -> str:
    try:
        return style.number(repr(value))
    except (ValueError, OverflowError):
        return ""


def _find_numbers(records: bytes, wanted: set[int], value_begins: bytes) -> Iterator[tuple[int, int, int, float]]:
    """Row, column, style and number of each cell that may be of a wanted style; a double begins as said."""
    styles = b"|".join(re.escape(struct.pack("<H", number)) for number in sorted(wanted))
    if not wanted:
        return
    for head, value, decode in (
        (rb"\x03\x02\x0e\x00", value_begins + b"....", _unpack_double),
        (rb"\x7e\x02\x0a\x00", b"....", _unpack_rk),
        (FORMULA + rb"[\x14-\xff].", value_begins + b"....", _unpack_double),
    ):
        pattern = re.compile(rb"%s(....(?:%s))(%s)" % (head, styles, value), re.DOTALL)
        for match in pattern.finditer(records):
            if head.startswith(FORMULA) and match.group(2)[6:] == b"\xff\xff":
                continue  # a text, boolean, error or nothing
            row, column, style = POSITION.unpack(match.group(1))
            yield row, column, style, decode(match.group(2))


def _find_packed_numbers(records: bytes, wanted: set[int]) -> Iterator[tuple[int, int, int, float]]:
    """The cells of MulRk records: one row, consecutive columns, each with its own style."""
    low_bytes = {number & 0xFF for number in wanted}
    for match in re.finditer(rb"\xbd\x00(?=......)", records, re.DOTALL):
        begin = match.end() + POSITION.size
        size, row, first = POSITION.unpack_from(records, match.end())
        end = begin + size - 6
        if low_bytes.isdisjoint(records[begin:end:6]):
            continue  # most records: none of their cells is wanted
        count = (size - 6) // 6
        last = int.from_bytes(records[end : end + 2], "little")
        if (size - 6) % 6 or count < 1 or last != first + count - 1 or last > 255:
            continue  # no such record, only its first two bytes
        for number, (style, value) in enumerate(RK_CELL.iter_unpack(records[begin:end])):
            if style in wanted:
                yield row, first + number, style, _unpack_rk(value)


def _unpack_double(content: bytes) -> float:
    return float(struct.unpack("<d", content)[0])


def _unpack_rk(content: bytes) -> float:
    """A number packed into four bytes (MS-XLS 2.5.217)."""
    packed = int.from_bytes(content, "little", signed=True)
    if packed & 2:
        number = float(packed >> 2)
    else:
        number = _unpack_double(b"\0\0\0\0" + (packed & 0xFFFFFFFC).to_bytes(4, "little"))
    return number / 100 if packed & 1 else number


def count_errors(found: Globals, sheet: str) -> int:
    """How many cells hold an error, such as #N/A."""
    records = found.sheet(sheet)
    return sum(1 for pattern in (ERROR_CELL, ERROR_FORMULA) for _ in pattern.finditer(records))


class BackgroundLookup:
    """Looks at the first sheet in a thread, while calamine, which frees the interpreter lock, reads the same file."""

    def __init__(self, found: Globals) -> None:
        self._found = found
        self._first = next(iter(found.starts), "")
        self._known: dict[str, tuple[Shown, int]] = {}
        self._thread = threading.Thread(target=self._look, args=(self._first,), daemon=True)
        self._thread.start()

    def shown(self, sheet: str) -> Shown:
        """What `shown` gives for a sheet."""
        return self._of(sheet)[0]

    def errors(self, sheet: str) -> int:
        """What `errors` gives for a sheet."""
        return self._of(sheet)[1]

    def _of(self, sheet: str) -> tuple[Shown, int]:
        if sheet == self._first:
            self._thread.join()
        if sheet not in self._known:  # or the thread met an error, which is to be seen here
            self._known[sheet] = find_shown_texts(self._found, sheet), count_errors(self._found, sheet)
        return self._known[sheet]

    def _look(self, sheet: str) -> None:
        with suppress(Exception):
            self._known[sheet] = find_shown_texts(self._found, sheet), count_errors(self._found, sheet)


__all__ = ["BackgroundLookup", "Globals", "count_errors", "find_shown_texts", "read_globals"]
