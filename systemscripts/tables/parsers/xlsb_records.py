"""Reads the records of an XLSB part: type, size and content (MS-XLSB 2.1.4 and 2.3)."""

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
    """Yield type and content of every record of a part. Raises ValueError where the part is truncated."""
    data, position = b"", 0
    for chunk in chunks:
        data, position = data[position:] + chunk, 0
        while head := parse_head(data, position):
            record_type, begin, end = head
            if end > len(data):
                break
            yield record_type, data[begin:end]
            position = end
    if position != len(data):
        raise ValueError("the part is truncated within a record")


def parse_head(data: bytes, position: int) -> tuple[int, int, int] | None:
    """Return type, begin and end of the record at a position; None where its head is incomplete."""
    head = data[position : position + 6]
    if len(head) < 2:
        return None
    record_type, length = head[0], 1
    if record_type & 0x80:
        record_type, length = (record_type & 0x7F) | (head[1] & 0x7F) << 7, 2
    size = shift = 0
    while length < len(head):
        size |= (head[length] & 0x7F) << shift
        shift += 7
        length += 1
        if not head[length - 1] & 0x80 or shift == 28:
            return record_type, position + length, position + length + size
    return None


def decode_string(content: bytes, at: int = 0) -> tuple[str, int]:
    """Return a string with a length prefix (2.5.171 XLWideString), "" where it is null, and where it ends."""
    count = int.from_bytes(content[at : at + 4], "little")
    if count == NO_TEXT:
        return "", at + 4
    end = at + 4 + 2 * count
    return content[at + 4 : end].decode("utf-16-le", "replace"), end


def decode_rk(content: bytes) -> float:
    """Return a number packed into four bytes (2.5.123 RkNumber)."""
    packed = int.from_bytes(content, "little", signed=True)
    number = (
        float(packed >> 2) if packed & 2 else decode_double(b"\0\0\0\0" + (packed & 0xFFFFFFFC).to_bytes(4, "little"))
    )
    return number / 100 if packed & 1 else number


def decode_double(content: bytes) -> float:
    """Return a double from its eight bytes."""
    return float(struct.unpack("<d", content[:8])[0])
