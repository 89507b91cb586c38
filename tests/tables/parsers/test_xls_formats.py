"""Cells of an XLS that are packed many into one record are found by their styles, wherever the record is."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from systemscripts.tables.parsers import xls_formats

SHOWN, DATES, PLAIN = 300, 20, 15
# of 29 February 1900, packed; and of the number 7
LEAP_DAY, SEVEN = (60 << 2) | 2, (7 << 2) | 2
CELLS = st.tuples(st.sampled_from([SHOWN, DATES, PLAIN, SHOWN - 256]), st.sampled_from([LEAP_DAY, SEVEN, 1, 0]))
# what stands between records, some of it like the begin of one
BETWEEN = st.sampled_from([b"", b"\xbd\x00", b"\xbd\x00\x12\x00", b"\x03\x02\x0e\x00" + b"\0" * 14, b"\xbd"])


def write_record(row: int, cells: list[tuple[int, int]]) -> bytes:
    """Return a MulRk record of consecutive columns from 0 (MS-XLS 2.4.175)."""
    content = struct.pack("<HH", row, 0) + b"".join(struct.pack("<Hi", *cell) for cell in cells)
    content += struct.pack("<H", len(cells) - 1)
    return struct.pack("<HH", 0xBD, len(content)) + content


@settings(deadline=None)
@given(st.lists(st.tuples(BETWEEN, st.lists(CELLS, min_size=1, max_size=6)), max_size=8))
def test_packed_cells_are_found_by_their_styles(parts: list[tuple[bytes, list[tuple[int, int]]]]) -> None:
    records = b"".join(between + write_record(row, cells) for row, (between, cells) in enumerate(parts)) + b"\0" * 8
    found = set(xls_formats._find_packed_numbers(records, {SHOWN}, {DATES}))
    expected = set()
    for row, (_, cells) in enumerate(parts):
        has_leap_day = any(packed == LEAP_DAY for _, packed in cells)
        for column, (style, packed) in enumerate(cells):
            if style == SHOWN or (style == DATES and has_leap_day):
                expected.add((row, column, style, xls_formats._unpack_rk(struct.pack("<i", packed))))
    assert found >= expected
    assert {style for _, _, style, _ in found} <= {SHOWN, DATES}
