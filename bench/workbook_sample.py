"""Writes a large XLSX as Excel does, quickly: shared strings, number formats, blanks."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TOWNS = [
    "Zürich",
    "Genève",
    "Bern",
    "Lausanne",
    "Basel, Stadt",
    "St. Gallen",
    'the "Old" Mill',
    "Chur",
    "Sion",
    "Lugano",
]
HEADER = ["id", "code", "name", "town", "amount", "quantity", "day", "moment", "paid", "rate"]
FORMATS = ["General", "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "0.00%"]
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPES}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{TYPES}.styles+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPES}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
    '<sheet name="Data" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/>'
    f'<Relationship Id="r3" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>'
    + "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(FORMATS))
    + '</numFmts><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders>'
    "<cellStyleXfs><xf/></cellStyleXfs><cellXfs>"
    + "".join(f'<xf numFmtId="{164 + n}" applyNumberFormat="1"/>' for n in range(len(FORMATS)))
    + "</cellXfs></styleSheet>",
}


class _Strings(dict[str, int]):
    """Text -> index of its shared string."""

    def __missing__(self, text: str) -> int:
        self[text] = len(self)
        return self[text]


def write_workbook(path: Path, rows: int) -> None:
    """Write the header and `rows` rows of 10 columns; the same for the same number of rows."""
    strings = _Strings()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in PARTS.items():
            archive.writestr(name, DECLARATION + content)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'{DECLARATION}<worksheet xmlns="{MAIN}"><dimension ref="A1:J{rows + 1}"/><sheetData>'.encode())
            head = "".join(f'<c r="{chr(65 + n)}1" t="s"><v>{strings[name]}</v></c>' for n, name in enumerate(HEADER))
            sheet.write(f'<row r="1" spans="1:10">{head}</row>'.encode())
            chance = random.Random(1)
            for first in range(2, rows + 2, 5000):
                numbers = range(first, min(first + 5000, rows + 2))
                sheet.write("".join(_format_row(n, rows, chance.random(), strings) for n in numbers).encode())
            sheet.write(b"</sheetData></worksheet>")
        items = "".join(f"<si><t>{text.replace('&', '&amp;')}</t></si>" for text in strings)
        archive.writestr("xl/sharedStrings.xml", f'{DECLARATION}<sst xmlns="{MAIN}">{items}</sst>')


def _format_row(n: int, rows: int, chance: float, strings: _Strings) -> str:
    texts = f"{n % 100_000:07}", f"Client number {n * 7919 % rows}", TOWNS[int(chance * 10)]
    cells = "".join(
        f'<c r="{letter}{n}" t="s"><v>{strings[text]}</v></c>' for letter, text in zip("BCD", texts, strict=True)
    )
    rate = f'<c r="J{n}" s="3"><v>{int(chance * 100) / 100}</v></c>' if chance > 0.1 else ""
    return (
        f'<row r="{n}" spans="1:10"><c r="A{n}"><v>{n}</v></c>{cells}<c r="E{n}"><v>{chance * 1000!r}</v></c>'
        f'<c r="F{n}"><v>{int(chance * 500)}</v></c><c r="G{n}" s="1"><v>{40000 + int(chance * 5000)}</v></c>'
        f'<c r="H{n}" s="2"><v>{45000 + int(chance * 86_400_000) / 86_400!r}</v></c>'
        f'<c r="I{n}" t="b"><v>{int(chance * 2)}</v></c>{rate}</row>'
    )
