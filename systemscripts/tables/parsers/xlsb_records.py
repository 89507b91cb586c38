"""The records of an XLSB part: a number, a size, and what they hold (MS-XLSB 2.1.4 and 2.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

# MS-XLSB 2.3.1, "Record Enumeration"
ROW, BLANK, RK, ERROR, BOOL, REAL, TEXT, SHARED = range(8)
FORMULA_TEXT, FORMULA_NUMBER, FORMULA_BOOL, FORMULA_ERROR = range(8, 12)
SHARED_ITEM, FORMAT, STYLE, RICH_TEXT = 19, 44, 47, 62
END_OF_ROWS, PROPERTIES, SHEET, MERGED, BEGIN_STYLES, END_STYLES = 146, 153, 156, 176, 617, 618
NO_TEXT = 0xFFFFFFFF

Record = tuple[int, bytes]


def read_records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """Every record of a part. Raises ValueError when it breaks off."""
    data, position = b"", 0
    for chunk in chunks:
        data, position = data[position:] + chunk, 0
        while found := _parse_head(data, position):
            kind, begin, end = found
            if end > len(data):
                break
            yield kind, data[begin:end]
            position = end
    if position != len(data):
        raise ValueError("the part breaks off within a record")


def _parse_head(data: bytes, position: int) -> tuple[int, int, int] | None:
    """Kind, begin and end of the record at a position; nothing when even its head is not all there."""
    head = data[position : position + 6]
    if len(head) < 2:
        return None
    kind, place = head[0], 1
    if kind & 0x80:
        kind, place = (kind & 0x7F) | (head[1] & 0x7F) << 7, 2
    size = shift = 0
    while place < len(head):
        size |= (head[place] & 0x7F) << shift
        shift += 7
        place += 1
        if not head[place - 1] & 0x80 or shift == 28:
            return kind, position + place, position + place + size
    return None


def decode_string(content: bytes, at: int = 0) -> tuple[str, int]:
    """A string with its length before it (2.5.171 XLWideString), and where it ends; "" where it is null."""
    count = int.from_bytes(content[at : at + 4], "little")
    if count == NO_TEXT:
        return "", at + 4
    end = at + 4 + 2 * count
    return content[at + 4 : end].decode("utf-16-le", "replace"), end


def decode_rk(content: bytes) -> float:
    """A number packed into four bytes (2.5.123 RkNumber)."""
    packed = int.from_bytes(content, "little", signed=True)
    number = (
        float(packed >> 2) if packed & 2 else decode_double(b"\0\0\0\0" + (packed & 0xFFFFFFFC).to_bytes(4, "little"))
    )
    return number / 100 if packed & 1 else number


def decode_double(content: bytes) -> float:
    """A double."""
    return float(struct.unpack("<d", content[:8])[0])
