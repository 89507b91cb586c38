"""XLSB: padded codes, midnights and durations as their formats show them; calamine reads the same values."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import python_calamine

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks.sheets import list_sheet_names
from tests.tables.conftest import Read

Reader = Callable[..., Read]
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
FORMATS = ["", "00000", "yyyy-mm-dd", "yyyy-mm-dd hh:mm", "[h]:mm:ss"]  # by style


def record(record_type: int, content: bytes = b"") -> bytes:
    """A record (MS-XLSB 2.1.4)."""
    head = bytes([record_type]) if record_type < 128 else bytes([(record_type & 0x7F) | 0x80, record_type >> 7])
    size, left = b"", len(content)
    while True:
        size += bytes([(left & 0x7F) | (0x80 if left > 0x7F else 0)])
        left >>= 7
        if not left:
            return head + size + content


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")


def cell(column: int, value: object, style: int = 0) -> bytes:
    """A cell: shared text (an int with `shared:`), bool, error, RK or double."""
    head = struct.pack("<II", column, style)
    if isinstance(value, bool):
        return record(4, head + bytes([value]))
    if isinstance(value, int):  # RK, an integer
        return record(2, head + struct.pack("<i", value << 2 | 2))
    if isinstance(value, float):
        return record(5, head + struct.pack("<d", value))
    if value == "#N/A":
        return record(3, head + bytes([0x2A]))
    return record(6, head + wide(str(value)))


def sheet(rows: list[list[bytes]], merged: tuple[int, int, int, int] | None = None) -> bytes:
    body = b"".join(record(0, struct.pack("<I", number) + bytes(13)) + b"".join(row) for number, row in enumerate(rows))
    areas = (
        record(177, struct.pack("<I", 1)) + record(176, struct.pack("<4I", *merged)) + record(178) if merged else b""
    )
    extent = record(148, struct.pack("<4I", 0, max(len(rows) - 1, 0), 0, 20))
    return record(129) + extent + record(145) + body + record(146) + areas + record(130)


def styles() -> bytes:
    own = {f"{number}": code for number, code in enumerate(FORMATS) if code}
    codes = b"".join(record(44, struct.pack("<H", 164 + int(n)) + wide(code)) for n, code in own.items())
    cells = b"".join(
        record(47, struct.pack("<HH", 0, 164 + number if code else 0) + bytes(12))
        for number, code in enumerate(FORMATS)
    )
    fonts = record(615, struct.pack("<I", len(own))) + codes + record(616)
    return record(278) + fonts + record(617, struct.pack("<I", len(FORMATS))) + cells + record(618) + record(279)


def xlsb(
    path: Path, sheets: dict[str, bytes], shared: tuple[str, ...] = (), hidden: str = "", is_1904: bool = False
) -> Path:
    bundle = b"".join(
        record(156, struct.pack("<II", name == hidden, number) + wide(f"rId{number}") + wide(name))
        for number, name in enumerate(sheets, 1)
    )
    book = (
        record(131)
        + record(153, struct.pack("<II", is_1904, 0) + wide(""))
        + record(143)
        + bundle
        + record(144)
        + record(132)
    )
    parts = {f"rId{n}": ("worksheet", f"worksheets/sheet{n}.bin") for n in range(1, len(sheets) + 1)}
    parts |= {"rIdS": ("styles", "styles.bin"), "rIdT": ("sharedStrings", "sharedStrings.bin")}
    relations = "".join(
        f'<Relationship Id="{key}" Type="{RELATION}/{record_type}" Target="{target}"/>'
        for key, (record_type, target) in parts.items()
    )
    strings = b"".join(record(19, b"\0" + wide(text)) for text in shared)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
        root = f'<Relationship Id="r1" Type="{RELATION}/officeDocument" Target="xl/workbook.bin"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{root}</Relationships>')
        archive.writestr(
            "xl/_rels/workbook.bin.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{relations}</Relationships>'
        )
        archive.writestr("xl/workbook.bin", book)
        archive.writestr("xl/styles.bin", styles())
        archive.writestr(
            "xl/sharedStrings.bin", record(159, struct.pack("<II", 1, len(shared))) + strings + record(160)
        )
        for number, content in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{number}.bin", content)
    return path


def make_shared_cell(column: int, number: int) -> bytes:
    return record(7, struct.pack("<III", column, 0, number))


def test_values_read_as_they_are_shown(tmp_path: Path, read: Reader) -> None:
    names = ("code", "day", "moment", "length", "flag", "share", "text", "error")
    rows = [
        [make_shared_cell(index, index) for index in range(len(names))],
        [cell(0, 812, 1), cell(1, 46027, 2), cell(2, 46027, 3), cell(3, 25.5 / 24, 4), cell(4, True), cell(5, 0.25),
         cell(6, "Zürich"), cell(7, "#N/A")],
        [cell(0, 7, 1), cell(2, 46027.5, 3), cell(4, False), cell(5, 12.0), cell(6, "x")],
    ]  # fmt: skip
    path = xlsb(tmp_path / "a.xlsb", {"One": sheet(rows)}, names)
    columns, records, numbers = read(path)
    assert (columns, numbers) == (list(names), [2, 3])
    assert records == [
        ["00812", "2026-01-05", "2026-01-05 00:00:00", "25:30:00", "true", "0.25", "Zürich", ""],
        ["00007", "", "2026-01-05 12:00:00", "", "false", "12", "x", ""],
    ]
    with open_table(path) as table:
        assert [notice.text for notice in table.warnings] == ["1 cells contain an error (such as #N/A) and are empty"]
        assert table.detected.notes == ["header in row 1"]  # no one else had to be asked
    plain = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name("One").to_python()
    assert (plain[0], plain[1][0], plain[1][5:7]) == (list(names), 812.0, [0.25, "Zürich"])


def test_hidden_sheets_merged_cells_and_days_from_1904(tmp_path: Path, read: Reader) -> None:
    secret = sheet([[cell(0, "no")]])
    shown = sheet([[cell(0, "a"), cell(1, "b")], [cell(0, "both")], [cell(0, 1, 2), cell(1, "y")]], merged=(1, 1, 0, 1))
    path = xlsb(tmp_path / "a.xlsb", {"Secret": secret, "Shown": shown}, hidden="Secret", is_1904=True)
    assert read(path)[1] == [["both", ""], ["1904-01-02", "y"]]
    assert read(path, ReadingOptions(fill_merged=True))[1][0] == ["both", "both"]
    assert list_sheet_names(path) == ["Secret", "Shown"]


def test_a_part_that_breaks_off_is_refused_in_one_line(tmp_path: Path) -> None:
    path = xlsb(tmp_path / "a.xlsb", {"One": sheet([[cell(0, "a"), cell(1, "b")]])[:-9] + b"\x06\x7f"})
    with pytest.raises(BadDataError) as content:
        open_table(path)
    assert len(str(content.value).splitlines()) == 1


def test_a_cell_where_none_can_be_ends_at_once(tmp_path: Path) -> None:
    path = xlsb(tmp_path / "a.xlsb", {"One": sheet([[cell(0, "a"), cell(2**31, "b")]])})
    with pytest.raises(BadDataError, match="the workbook is damaged"):
        open_table(path)


def test_a_wrong_checksum_is_refused_before_anything_is_parsed(tmp_path: Path) -> None:
    path = xlsb(tmp_path / "a.xlsb", {"One": sheet([[cell(0, "a"), cell(1, "b")], [cell(0, 1), cell(1, 2)]])})
    with zipfile.ZipFile(path) as archive:
        checksum = archive.getinfo("xl/worksheets/sheet1.bin").CRC.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(checksum, b"\1\2\3\4"))
    with pytest.raises(BadDataError, match=r"a\.xlsb is damaged: the checksum of xl/worksheets/sheet1\.bin is wrong"):
        open_table(path)
