"""CSV and XLSX for people: the one writer of both, with the one rule for text that a spreadsheet would run.

CSV has no types, so there an apostrophe goes before text that begins like a formula; in XLSX a text cell is a text.
Both are written row by row and need no more memory for more rows.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import IO, Any
from xml.sax.saxutils import escape

from systemscripts.errors import UsageError

Cell = Any  # str, int, float, Decimal, bool, date, datetime or None; anything else is written as its text
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
BLOCK_ROWS = 1000  # that are turned into bytes at once
# of one sheet, and of one cell (ECMA-376; Excel specifications and limits)
MAX_ROWS, MAX_COLUMNS, MAX_CELL_LETTERS = 1_048_576, 16_384, 32_767
MAX_DIGITS, MAX_NUMBER = 15, 999_999_999_999_999  # that a spreadsheet keeps; a longer number stays exact as text
WIDTH_ROWS = 200  # whose longest text decides how wide a column is
MIN_WIDTH, MAX_WIDTH = 8, 60  # of a column, in letters

# What begins a formula, a DDE link or a command (OWASP, "CSV Injection"); compared after NFKC: wide forms too.
FORMULA_STARTS = frozenset("=+-@|%")
_QUOTES = frozenset("\"'")
_CUT_OFF = ("\t", "\r", "\n")  # some programs drop these and run what follows, in the next cell or line
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf"))  # Unicode's blanks, controls and marks without width
_NUMBER = re.compile(
    r"[+-]?\s?(?:[0-9][0-9.,]*|[0-9]{1,3}(?:[\s'][0-9]{3})+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,4})?\s?%?"
)
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LIKE_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # what a reader would take for an escaped letter
_FIRST_DAY = date(1900, 3, 1)  # before it spreadsheets count a day that never was
_EPOCH = date(1899, 12, 30)


def looks_like_formula(text: str) -> bool:
    """Return whether a spreadsheet may run a text: its first visible letter behind blanks and quotes says so.

    A plain number (-5, +1.5, -1,234.50, -5 %, 1e-3) does not.
    """
    if not text or text[0].isalnum():
        return False
    if text[0] in _CUT_OFF:
        return True
    for letter in text:
        if letter not in _QUOTES and unicodedata.category(letter) not in _INVISIBLE:
            return unicodedata.normalize("NFKC", letter)[0] in FORMULA_STARTS and not _NUMBER.fullmatch(text.strip())
    return False


def escape_formula(text: str) -> str:
    """Return a text as it may stand in a CSV: an apostrophe goes before what a spreadsheet would run."""
    return f"'{text}" if looks_like_formula(text) else text


def write_csv(stream: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write CSV (RFC 4180, UTF-8 with a mark, by which Excel knows it); None is an empty field."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    stream.write("\ufeff".encode())
    for block in _blocks(itertools.chain([header], rows)):
        writer.writerows([["" if cell is None else _csv_cell(cell) for cell in row] for row in block])
        stream.write(text.getvalue().encode("utf-8", "replace"))
        text.seek(0)
        text.truncate()


def write_xlsx(stream: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[Cell]], sheet: str = "data") -> None:
    """Write a workbook with one sheet: header bold and frozen, with a filter; numbers and dates as such.

    `stream` must be seekable. Raises UsageError where a sheet cannot hold it.
    """
    if len(header) > MAX_COLUMNS:
        raise UsageError(f"a sheet has at most {MAX_COLUMNS:,} columns, not {len(header):,}", "Choose CSV.")
    all_rows = iter(rows)
    first_rows = list(itertools.islice(all_rows, WIDTH_ROWS))
    # the fastest level: a workbook of text packs to a tenth at it already
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, content in _PARTS.items():
            package.writestr(name, content.format(sheet=escape(sheet[:31], {'"': "&quot;"})))
        with package.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            part.write(_sheet_begin(header, first_rows).encode())
            part.write(_sheet_row(1, header, is_header=True).encode("utf-8", "replace"))
            number = 1
            for block in _blocks(itertools.chain(first_rows, all_rows)):
                if number + len(block) > MAX_ROWS:
                    raise UsageError(f"a sheet holds at most {MAX_ROWS:,} rows", "Choose CSV, or filter it.")
                lines = [_sheet_row(number + place, row) for place, row in enumerate(block, start=1)]
                part.write("".join(lines).encode("utf-8", "replace"))
                number += len(block)
            last_cell = f"{_column_name(max(len(header), 1))}{number}"
            part.write(f'</sheetData><autoFilter ref="A1:{last_cell}"/></worksheet>'.encode())


def _blocks(rows: Iterable[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
    iterator = iter(rows)
    while block := list(itertools.islice(iterator, BLOCK_ROWS)):
        yield block


def _csv_cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return escape_formula(cell)
    is_plain = isinstance(cell, bool | int | float | Decimal | date)
    return cell if is_plain else escape_formula(str(cell))


def _sheet_row(number: int, row: Sequence[Cell], is_header: bool = False) -> str:
    cells = "".join([_sheet_cell(cell, is_header) for cell in row])
    return f'<row r="{number}">{cells}</row>'


def _sheet_cell(cell: Cell, is_header: bool) -> str:
    """Return one cell as SpreadsheetML; the styles (s) are those of `_STYLES`, in their order."""
    if cell is None or cell == "":
        return "<c/>"
    if isinstance(cell, bool):
        return f'<c t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float | Decimal) and _is_exact(cell):
        return f"<c><v>{cell}</v></c>"
    if isinstance(cell, date) and (moment := _day_number(cell)) is not None:
        return f'<c s="{3 if isinstance(cell, datetime) else 2}"><v>{moment}</v></c>'
    text = str(cell)
    # quotePrefix: the text stays one when somebody edits the cell
    style = ' s="1"' if is_header else ' s="4"' if looks_like_formula(text) else ""
    return f'<c{style} t="inlineStr"><is><t xml:space="preserve">{_xml_text(text)}</t></is></c>'


def _is_exact(number: int | float | Decimal) -> bool:
    if isinstance(number, Decimal):
        return bool(number.is_finite()) and len(number.as_tuple().digits) <= MAX_DIGITS
    if isinstance(number, int):
        return abs(number) <= MAX_NUMBER
    return math.isfinite(number)


def _day_number(moment: date) -> float | int | None:
    """Return a date as days since 1899-12-30, None for one that spreadsheets count wrongly or not at all."""
    day = moment.date() if isinstance(moment, datetime) else moment
    if day < _FIRST_DAY:
        return None
    days = (day - _EPOCH).days
    if not isinstance(moment, datetime):
        return days
    # workbooks know no time zones: what the clock showed is kept
    since_midnight = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
    return days + (since_midnight + timedelta(microseconds=moment.microsecond)) / timedelta(days=1)


def _xml_text(text: str) -> str:
    if len(text) > MAX_CELL_LETTERS:
        text = text[: MAX_CELL_LETTERS - 1] + "…"  # so that nobody takes it for the whole
    text = _NOT_IN_XML.sub("\ufffd", _LIKE_ESCAPED.sub("_x005F_", text))
    if "\r" in text:
        text = text.replace("\r", "_x000D_")  # an XML reader would drop it
    return escape(text) if "&" in text or "<" in text or ">" in text else text


def _sheet_begin(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    widths = [len(name) for name in header]
    for row in rows:
        for place, cell in enumerate(row[: len(widths)]):
            widths[place] = max(widths[place], len(str(cell)))
    columns = "".join(
        f'<col min="{place}" max="{place}" width="{min(max(width + 2, MIN_WIDTH), MAX_WIDTH)}" customWidth="1"/>'
        for place, width in enumerate(widths, start=1)
    )
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"{f'<cols>{columns}</cols>' if columns else ''}<sheetData>"
    )


def _column_name(number: int) -> str:
    """Return A for 1, Z for 26, AA for 27."""
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PLAIN = 'fontId="0" fillId="0" borderId="0" xfId="0"'
_STYLES = f"""<styleSheet xmlns="{_MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>
<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font>
</fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>
</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="5"><xf numFmtId="0" {_PLAIN}/>
<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1" quotePrefix="1"/>
<xf numFmtId="164" {_PLAIN} applyNumberFormat="1"/><xf numFmtId="165" {_PLAIN} applyNumberFormat="1"/>
<xf numFmtId="0" {_PLAIN} quotePrefix="1"/></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""
_PARTS = {
    "[Content_Types].xml": f"""{_XML}<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>
<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>""",
    "_rels/.rels": f"""{_XML}<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>""",
    "xl/workbook.xml": f"""{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}">
<sheets><sheet name="{{sheet}}" sheetId="1" r:id="rId1"/></sheets></workbook>""",
    "xl/_rels/workbook.xml.rels": f"""{_XML}<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{_DOCUMENT}/styles" Target="styles.xml"/></Relationships>""",
    "xl/styles.xml": f"{_XML}{_STYLES}",
}
