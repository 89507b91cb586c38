"""A workbook with one type of cell in each row, what Excel shows for each, and what a reader should return.

It is written as raw XML, so that each cell is stored exactly as stated here. Sections are those of ECMA-376 part 1.
What an English (US) Excel shows is derived from the standard and from the documented formats.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from bench.workbook_sample import DECLARATION, MAIN, OFFICE, PACKAGE, TYPES

# name -> number format: a text is defined in the file, a number is built in (18.8.30)
FORMATS: dict[str, int | str] = {
    "General": 0, "date": "yyyy-mm-dd", "short date": 14, "moment": "yyyy-mm-dd hh:mm:ss", "h:mm": 20, "[h]:mm:ss": 46,
    "0.00%": 10, "euro": '#,##0.00\\ "€"', "00000": "00000", "text": 49, "0.00E+00": 11, "# ?/?": 12, "0.00": 2,
    "social": "000\\-00\\-0000", "days": '0" days"', "german date": "[$-407]d\\. mmmm\\ yyyy;@", "mmm-yy": 17,
    "dollar": "[$$-409]#,##0.00;[Red]([$$-409]#,##0.00)",
}  # fmt: skip
STYLES = {name: number for number, name in enumerate(FORMATS)}
STRINGS = (
    "<si><t>00123</t></si>",
    "<si><t>line one\nline two</t></si>",
    "<si><r><t>bold</t></r><r><rPr><b/></rPr><t xml:space='preserve'> and plain</t></r></si>",
    "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>",
    "<si><t>one_x000D_two</t></si>",
    "<si><t>_x005F_x000D_</t></si>",
    "<si><t xml:space='preserve'>  two blanks  </t></si>",
    "<si><t>NA</t></si>",
    "<si><t>see the site</t></si>",
    "<si><t>shared</t></si>",
)


@dataclass(frozen=True)
class Cell:
    """`xml`: the cell, {r} its reference; `expected`: the text to read; `also`: other texts with the same meaning."""

    what: str
    section: str
    stored: str
    xml: str
    shown: str
    expected: str
    also: tuple[str, ...] = ()
    # Excel shows less than what is stored
    hides: bool = False

    def is_right(self, text: str) -> bool:
        """Return whether the text of a reader means what the cell stores."""
        shown = () if self.hides else (self.shown.strip(),)
        return text.strip(" ") in (self.expected, *self.also, *shown) or text == self.expected


def make_number(what: str, section: str, value: str, style: str, shown: str, expected: str, *also: str) -> Cell:
    """Return a cell with a stored number in one of FORMATS."""
    xml = f'<c r="{{r}}" s="{STYLES[style]}"><v>{value}</v></c>'
    return Cell(what, section, value, xml, shown, expected, also)


def make_hidden(*arguments: str) -> Cell:
    """Return the same, with a format that does not show everything."""
    return replace(make_number(*arguments), hides=True)


def make_string(what: str, section: str, index: int, stored: str, shown: str, expected: str, *also: str) -> Cell:
    """Return a cell with the shared string of this index."""
    return Cell(what, section, stored, f'<c r="{{r}}" t="s"><v>{index}</v></c>', shown, expected, also)


def make_typed(what: str, section: str, cell_type: str, inner: str, shown: str, expected: str, *also: str) -> Cell:
    """Return a cell of another type (18.18.11)."""
    stored = inner.replace("<v>", "").replace("</v>", "").replace("<is><t>", "").replace("</t></is>", "")
    stored = stored.replace("<f>", "=").replace("</f>", " → ").removesuffix(" → ")
    return Cell(what, section, stored, f'<c r="{{r}}" t="{cell_type}">{inner}</c>', shown, expected, also)


DATE, LEAP = "18.17.4.1", "2024-02-29"
CELLS = [
    make_number("date", DATE, "45351", "date", LEAP, LEAP, f"{LEAP} 00:00:00"),
    make_number("date, built-in format", "18.8.30", "45351", "short date", "2/29/2024", LEAP, f"{LEAP} 00:00:00"),
    make_number(
        "date in German words", "18.8.31", "45351", "german date", "29. Februar 2024", LEAP, f"{LEAP} 00:00:00"
    ),
    make_hidden("month shown only", "18.8.30", "45351", "mmm-yy", "Feb-24", LEAP, f"{LEAP} 00:00:00"),
    make_number("date and time", DATE, "45351.5625", "moment", f"{LEAP} 13:30:00", f"{LEAP} 13:30:00"),
    make_number("midnight", DATE, "45351", "moment", f"{LEAP} 00:00:00", f"{LEAP} 00:00:00"),
    make_hidden("time that a date format hides", DATE, "45351.5625", "date", LEAP, f"{LEAP} 13:30:00"),
    make_number("1 January 1900", DATE, "1", "date", "1900-01-01", "1900-01-01", "1900-01-01 00:00:00"),
    make_number("28 February 1900", DATE, "59", "date", "1900-02-28", "1900-02-28", "1900-02-28 00:00:00"),
    make_number("29 February 1900, a day that never was", DATE, "60", "date", "1900-02-29", "1900-02-29"),
    make_number("1 March 1900", DATE, "61", "date", "1900-03-01", "1900-03-01", "1900-03-01 00:00:00"),
    make_hidden("before all dates", DATE, "-1", "date", "#######", "-1"),
    make_number("time", DATE, "0.3125", "h:mm", "7:30", "07:30:00"),
    make_number("duration over 24 hours", "18.8.31", "1.25", "[h]:mm:ss", "30:00:00", "30:00:00", "1 day, 6:00:00"),
    make_hidden("over 24 hours, shown as a time", "18.8.31", "1.25", "h:mm", "6:00", "1900-01-01 06:00:00"),
    make_number("percent", "18.8.30", "0.125", "0.00%", "12.50%", "0.125"),
    make_number("currency", "18.8.31", "1234.5", "euro", "1,234.50 €", "1234.5"),
    make_number("negative in brackets", "18.8.31", "-1234.5", "dollar", "($1,234.50)", "-1234.5"),
    make_hidden("decimals that are not shown", "18.8.30", "1.005", "0.00", "1.01", "1.005"),
    make_number("scientific", "18.8.30", "0.000123", "0.00E+00", "1.23E-04", "0.000123"),
    make_number("fraction", "18.8.30", "0.25", "# ?/?", "1/4", "0.25"),
    make_number("number with a word", "18.8.31", "14", "days", "14 days", "14"),
    make_hidden("15 digits", "18.3.1.96", "123456789012345", "General", "1.23457E+14", "123456789012345"),
    make_hidden("integer beyond 2^53", "18.3.1.96", "9007199254740993", "General", "9.0072E+15", "9007199254740993"),
    make_number("0.1 as Excel writes it", "18.3.1.96", "0.10000000000000001", "General", "0.1", "0.1"),
    make_string("leading zeros in a text", "18.4.8", 0, "00123", "00123", "00123"),
    make_number("leading zeros by format", "18.8.31", "123", "00000", "00123", "00123"),
    make_number("leading zeros and dashes by format", "18.8.31", "78051120", "social", "078-05-1120", "078051120"),
    make_number("number in a cell formatted as text", "18.8.30", "7", "text", "7", "7"),
    make_typed("true", "18.18.11", "b", "<v>1</v>", "TRUE", "true"),
    make_typed("error", "18.18.11", "e", "<v>#N/A</v>", "#N/A", ""),
    make_typed("formula with its value", "18.3.1.40", "n", "<f>1+1</f><v>2</v>", "2", "2"),
    make_typed("formula of a text", "18.3.1.40", "str", '<f>"a"&amp;"b"</f><v>ab</v>', "ab", "ab"),
    make_typed("formula without a value", "18.3.1.40", "n", "<f>1+2</f>", "3", ""),
    make_typed("date in ISO 8601", "18.18.11", "d", f"<v>{LEAP}T13:30:00</v>", f"{LEAP} 13:30", f"{LEAP} 13:30:00"),
    make_string("text in runs", "18.4.4", 2, "bold + and plain", "bold and plain", "bold and plain"),
    make_string("reading aid of Japanese", "18.4.6", 3, "東京 (トウキョウ)", "東京", "東京"),
    make_string("shared string", "18.4.8", 9, "shared", "shared", "shared"),
    make_typed("inline string", "18.3.1.53", "inlineStr", "<is><t>inline</t></is>", "inline", "inline"),
    make_string("line break", "18.4.12", 1, "line one\nline two", "line one\nline two", "line one\nline two"),
    make_string("escaped letter", "22.9.2.19", 4, "one_x000D_two", "one\rtwo", "one\rtwo"),
    make_string("escaped escape", "22.9.2.19", 5, "_x005F_x000D_", "_x000D_", "_x000D_"),
    make_string("blanks around a text", "18.4.12", 6, "  two blanks  ", "  two blanks  ", "  two blanks  "),
    make_string("the text NA", "18.4.12", 7, "NA", "NA", "NA"),
    make_string("hyperlink: its text", "18.3.1.47", 8, "see the site", "see the site", "see the site"),
    make_string("cell with a comment", "18.7.3", 9, "shared", "shared", "shared"),
    make_string("cell in a hidden row", "18.3.1.73", 9, "shared", "(hidden)", "shared"),
    make_string("merged cells: the first", "18.3.1.55", 9, "shared", "shared", "shared"),
    Cell("merged cells: the one below", "18.3.1.55", "", '<c r="{r}"/>', "", ""),
]  # fmt: skip
CELLS_1904 = [
    make_number("date, counted from 1904", "18.2.28", "43889", "date", LEAP, LEAP, f"{LEAP} 00:00:00"),
    make_number("moment, counted from 1904", "18.2.28", "43889.5625", "moment", f"{LEAP} 13:30:00", f"{LEAP} 13:30:00"),
    make_number("1 January 1904", "18.2.28", "0", "date", "1904-01-01", "1904-01-01", "1904-01-01 00:00:00"),
    make_number("time, counted from 1904", "18.2.28", "0.3125", "h:mm", "7:30", "07:30:00"),
]


def write_workbook(path: Path, cells: list[Cell], is_1904: bool = False) -> None:
    """Write a hidden first sheet, and the sheet Cells: number, what it is, the cell, and an x to end the row."""
    rows = [
        '<row r="1">' + "".join(_format_text(f"{letter}1", name) for letter, name in zip("ABCD", HEADER, strict=True))
    ]
    for row, cell in enumerate(cells, 2):
        unseen = ' hidden="1"' if "hidden row" in cell.what else ""
        edges = f'<c r="A{row}"><v>{row - 1}</v></c>' + _format_text(f"B{row}", cell.what)
        rows.append(f'<row r="{row}"{unseen}>{edges}{cell.xml.format(r=f"C{row}")}{_format_text(f"D{row}", "x")}')
    numbers = {cell.what: row for row, cell in enumerate(cells, 2)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _make_parts("</row>".join([*rows, ""]), numbers, is_1904).items():
            archive.writestr(name, DECLARATION + content)


HEADER = ("number", "what", "value", "end")


def _format_text(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(text, quote=False)}</t></is></c>'


def _make_parts(rows: str, numbers: dict[str, int], is_1904: bool) -> dict[str, str]:
    """Return the parts of the package by name."""
    links, merged, remarked = "", "", "C2"
    if "hyperlink: its text" in numbers:
        first = numbers["merged cells: the first"]
        merged = f'<mergeCells count="1"><mergeCell ref="C{first}:C{first + 1}"/></mergeCells>'
        links = f'<hyperlinks><hyperlink ref="C{numbers["hyperlink: its text"]}" r:id="r1"/></hyperlinks>'
        remarked = f"C{numbers['cell with a comment']}"
    own = {name: 164 + index for index, (name, code) in enumerate(FORMATS.items()) if isinstance(code, str)}
    formats = "".join(
        f'<numFmt numFmtId="{number}" formatCode="{escape(str(FORMATS[name]))}"/>' for name, number in own.items()
    )
    styles = "".join(
        f'<xf numFmtId="{own.get(name, code)}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for name, code in FORMATS.items()
    )
    related = "application/vnd.openxmlformats-package.relationships+xml"
    parts = {"workbook": "sheet.main", "worksheets/sheet1": "worksheet", "worksheets/sheet2": "worksheet",
             "styles": "styles", "sharedStrings": "sharedStrings", "comments1": "comments"}  # fmt: skip
    types = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{TYPES}.{content_type}+xml"/>'
        for name, content_type in parts.items()
    )
    sheet = f'<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheetData>'
    remark = f'<comment ref="{remarked}" authorId="0"><text><t>a remark</t></text></comment>'
    sheets = {"worksheet": "worksheets/sheet1.xml", "worksheet ": "worksheets/sheet2.xml"}
    others = {"styles": "styles.xml", "sharedStrings": "sharedStrings.xml"}
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="{related}"/>{types}</Types>',
        "_rels/.rels": _format_relations({"officeDocument": "xl/workbook.xml"}),
        "xl/_rels/workbook.xml.rels": _format_relations(sheets | others),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{int(is_1904)}"/>'
        '<bookViews><workbookView activeTab="1"/></bookViews><sheets><sheet name="Hidden" sheetId="1" state="hidden" '
        'r:id="r1"/><sheet name="Cells" sheetId="2" r:id="r2"/></sheets></workbook>',
        "xl/worksheets/sheet1.xml": f'{sheet}<row r="1">{_format_text("A1", "hidden")}</row>'
        f'<row r="2">{_format_text("A2", "no")}</row></sheetData></worksheet>',
        "xl/worksheets/sheet2.xml": f"{sheet}{rows}</sheetData>{merged}{links}</worksheet>",
        "xl/worksheets/_rels/sheet2.xml.rels": _format_relations(
            {"hyperlink": "https://example.com/", "comments": "../comments1.xml"}
        ),
        "xl/comments1.xml": f'<comments xmlns="{MAIN}"><authors><author>A</author></authors>'
        f"<commentList>{remark}</commentList></comments>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(STRINGS)}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts count="{len(own)}">{formats}</numFmts>'
        '<fonts count="1"><font/></fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        f'<cellXfs count="{len(FORMATS)}">{styles}</cellXfs></styleSheet>',
    }


def _format_relations(targets: dict[str, str]) -> str:
    items = ""
    for index, (relation_type, target) in enumerate(targets.items(), 1):
        mode = ' TargetMode="External"' if "://" in target else ""
        items += f'<Relationship Id="r{index}" Type="{OFFICE}/{relation_type.strip()}" Target="{target}"{mode}/>'
    return f'<Relationships xmlns="{PACKAGE}/relationships">{items}</Relationships>'
