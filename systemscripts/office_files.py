"""Write CSV and XLSX files that people open. Text that a spreadsheet would run as a formula is escaped.

CSV has no types, so text that looks like a formula gets an apostrophe in front. In XLSX a text cell is always text.
Both are written row by row, so the memory they need does not grow with the number of rows.
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

# str, int, float, Decimal, bool, date, datetime or None. Anything else is written as its text.
Cell = Any
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# Converted to bytes at once: fewer calls than one a row, and still little memory.
BLOCK_ROWS = 1000
# The limits of a sheet and of a cell (ECMA-376; Excel specifications and limits).
MAX_ROWS, MAX_COLUMNS, MAX_CELL_LETTERS = 1_048_576, 16_384, 32_767
# A spreadsheet keeps 15 digits. A longer number is written as text, which is exact.
MAX_DIGITS, MAX_NUMBER = 15, 999_999_999_999_999
# The longest text of these rows decides how wide a column is.
WIDTH_SAMPLE_ROWS = 200
# The width of a column in letters: a short header is readable, a long comment does not fill the screen.
MIN_WIDTH, MAX_WIDTH = 8, 60

# The first letters of formulas, DDE links and commands (OWASP, "CSV Injection"), compared after NFKC: also wide forms.
FORMULA_STARTS = frozenset("=+-@|%")
_QUOTES = frozenset("\"'")
# Some programs drop these and run what follows, in the next cell or line.
_SEPARATORS = ("\t", "\r", "\n")
# The Unicode categories of blanks, controls and marks without width.
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf"))
_NUMBER = re.compile(
    r"[+-]?\s?(?:[0-9][0-9.,]*|[0-9]{1,3}(?:[\s'][0-9]{3})+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,4})?\s?%?"
)
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# A reader would decode this as an escaped letter.
_LIKE_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
# Before it spreadsheets count 29 February 1900, a day that did not exist.
_FIRST_DAY = date(1900, 3, 1)
_EPOCH = date(1899, 12, 30)


def looks_like_formula(text: str) -> bool:
    """Return whether a spreadsheet may run a text, by its first visible letter after blanks and quotes.

    A plain number (-5, +1.5, -1,234.50, -5 %, 1e-3) is not a formula.
    """
    if not text or text[0].isalnum():
        return False
    if text[0] in _SEPARATORS:
        return True
    for letter in text:
        if letter not in _QUOTES and unicodedata.category(letter) not in _INVISIBLE:
            return unicodedata.normalize("NFKC", letter)[0] in FORMULA_STARTS and not _NUMBER.fullmatch(text.strip())
    return False


def escape_formula(text: str) -> str:
    """Return a text for a CSV file, with an apostrophe in front if a spreadsheet would run it."""
    return f"'{text}" if looks_like_formula(text) else text


def write_csv(stream: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write CSV (RFC 4180, UTF-8 with a byte order mark, which Excel needs). None becomes an empty field."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    stream.write("\ufeff".encode())
    for block in _split_blocks(itertools.chain([header], rows)):
        writer.writerows([["" if cell is None else _prepare_csv_cell(cell) for cell in row] for row in block])
        stream.write(text.getvalue().encode("utf-8", "replace"))
        text.seek(0)
        text.truncate()


def write_xlsx(stream: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[Cell]], sheet: str = "data") -> None:
    """Write a workbook with one sheet: a bold, frozen header with a filter, and typed numbers and dates.

    `stream` must be seekable. Raises UsageError when there are more rows or columns than a sheet can hold.
    """
    if len(header) > MAX_COLUMNS:
        raise UsageError(f"a sheet has at most {MAX_COLUMNS:,} columns, not {len(header):,}", "Choose CSV.")
    all_rows = iter(rows)
    first_rows = list(itertools.islice(all_rows, WIDTH_SAMPLE_ROWS))
    # The fastest level already compresses a workbook of text to a tenth.
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, content in _PARTS.items():
            package.writestr(name, content.format(sheet=escape(sheet[:31], {'"': "&quot;"})))
        with package.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            part.write(_format_sheet_start(header, first_rows).encode())
            part.write(_format_row(1, header, is_header=True).encode("utf-8", "replace"))
            number = 1
            for block in _split_blocks(itertools.chain(first_rows, all_rows)):
                if number + len(block) > MAX_ROWS:
                    raise UsageError(f"a sheet has at most {MAX_ROWS:,} rows", "Choose CSV, or filter the rows.")
                lines = [_format_row(number + index, row) for index, row in enumerate(block, start=1)]
                part.write("".join(lines).encode("utf-8", "replace"))
                number += len(block)
            last_cell = f"{_name_column(max(len(header), 1))}{number}"
            part.write(f'</sheetData><autoFilter ref="A1:{last_cell}"/></worksheet>'.encode())


def _split_blocks(rows: Iterable[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
    iterator = iter(rows)
    while block := list(itertools.islice(iterator, BLOCK_ROWS)):
        yield block


def _prepare_csv_cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return escape_formula(cell)
    is_plain = isinstance(cell, bool | int | float | Decimal | date)
    return cell if is_plain else escape_formula(str(cell))


def _format_row(number: int, row: Sequence[Cell], is_header: bool = False) -> str:
    cells = "".join([_format_cell(cell, is_header) for cell in row])
    return f'<row r="{number}">{cells}</row>'


def _format_cell(cell: Cell, is_header: bool) -> str:
    """Return one cell as SpreadsheetML; the styles (s) are those of `_STYLES`, in their order."""
    if cell is None or cell == "":
        return "<c/>"
    if isinstance(cell, bool):
        return f'<c t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float | Decimal) and _is_exact(cell):
        return f"<c><v>{cell}</v></c>"
    if isinstance(cell, date) and (moment := _count_days(cell)) is not None:
        return f'<c s="{3 if isinstance(cell, datetime) else 2}"><v>{moment}</v></c>'
    text = str(cell)
    # quotePrefix: the cell remains text when a user edits it
    style = ' s="1"' if is_header else ' s="4"' if looks_like_formula(text) else ""
    return f'<c{style} t="inlineStr"><is><t xml:space="preserve">{_escape_xml(text)}</t></is></c>'


def _is_exact(number: int | float | Decimal) -> bool:
    if isinstance(number, Decimal):
        return bool(number.is_finite()) and len(number.as_tuple().digits) <= MAX_DIGITS
    if isinstance(number, int):
        return abs(number) <= MAX_NUMBER
    return math.isfinite(number)


def _count_days(moment: date) -> float | int | None:
    """Return a date as days since 1899-12-30, None for one that spreadsheets count wrongly or not at all."""
    day = moment.date() if isinstance(moment, datetime) else moment
    if day < _FIRST_DAY:
        return None
    days = (day - _EPOCH).days
    if not isinstance(moment, datetime):
        return days
    # Workbooks have no time zones: the local time is written.
    since_midnight = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
    return days + (since_midnight + timedelta(microseconds=moment.microsecond)) / timedelta(days=1)


def _escape_xml(text: str) -> str:
    if len(text) > MAX_CELL_LETTERS:
        # The ellipsis shows that the text was cut.
        text = text[: MAX_CELL_LETTERS - 1] + "…"
    text = _NOT_IN_XML.sub("\ufffd", _LIKE_ESCAPED.sub("_x005F_", text))
    if "\r" in text:
        # An XML reader would drop a CR.
        text = text.replace("\r", "_x000D_")
    return escape(text) if "&" in text or "<" in text or ">" in text else text


def _format_sheet_start(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    widths = [len(name) for name in header]
    for row in rows:
        for position, cell in enumerate(row[: len(widths)]):
            widths[position] = max(widths[position], len(str(cell)))
    columns = "".join(
        f'<col min="{number}" max="{number}" width="{min(max(width + 2, MIN_WIDTH), MAX_WIDTH)}" customWidth="1"/>'
        for number, width in enumerate(widths, start=1)
    )
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"{f'<cols>{columns}</cols>' if columns else ''}<sheetData>"
    )


def _name_column(number: int) -> str:
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
