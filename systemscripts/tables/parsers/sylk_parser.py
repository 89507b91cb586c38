"""Reads SYLK: records of fields separated by semicolons; C sets the value of a cell, F its format, E ends the file.

A field is a letter and its value: Y and X are row and column from 1, which later records inherit; K is a value; P is
the number of a format. A semicolon within a value is doubled. Formats are P records, counted from 0.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import xlsx_cell_text
from systemscripts.tables.parsers.workbook import Book, Row, Sheet, make_warnings

FIELD = re.compile(r";((?:[^;]|;;)*)")
# An escape and two letters are the two halves of a control character: ESC space : is a line feed.
CONTROL = re.compile("\x1b([ -/])([0-?])")
# An escape, N, an accent and a letter are the letter with the accent, or a letter of its own.
MARKED = re.compile("\x1bN(.)(.?)")
MARKS = {"A": "\u0300", "B": "\u0301", "C": "\u0302", "D": "\u0303", "H": "\u0308", "J": "\u030a", "K": "\u0327"}
LETTERS = {"{": "ß", "a": "Æ", "q": "æ", "i": "Ø", "y": "ø", "j": "Œ", "z": "œ"}
MAX_COLUMNS, MAX_ROWS = 16384, 2**20


class _Reader:
    """Collects the records as rows; cells may come in any order."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[int, str]] = {}
        self.errors = self.formulas = 0
        self.is_ended = False
        self._row = self._column = 1
        self._formats: list[xlsx_cell_text.Format] = []
        self._of_cells: dict[tuple[int, int], xlsx_cell_text.Format] = {}
        self._of_columns: dict[int, xlsx_cell_text.Format] = {}
        self._of_rows: dict[int, xlsx_cell_text.Format] = {}

    def add_record(self, line: str) -> None:
        """Add one record. Raises BadDataError for a cell beyond the limits of a sheet."""
        record_type = line.partition(";")[0].strip()
        fields = {field[:1]: field[1:].replace(";;", ";") for field in FIELD.findall(line)}
        if record_type == "P" and "P" in fields:
            self._formats.append(xlsx_cell_text.find_format(0, fields["P"], False))
        elif record_type in ("C", "F"):
            self._move(fields)
            if record_type == "C":
                self._set_value(fields)
            else:
                self._set_format(fields)
        elif record_type == "E":
            self.is_ended = True

    def _move(self, fields: dict[str, str]) -> None:
        self._row, self._column = int(fields.get("Y", self._row)), int(fields.get("X", self._column))
        if not (0 < self._row <= MAX_ROWS and 0 < self._column <= MAX_COLUMNS):
            raise BadDataError(f"row {self._row}, column {self._column}: beyond the limits of a sheet")

    def _set_format(self, fields: dict[str, str]) -> None:
        number = int(fields["P"]) if fields.get("P", "").isdecimal() else -1
        if not 0 <= number < len(self._formats):
            return
        if "C" in fields:
            self._of_columns[int(fields["C"])] = self._formats[number]
        elif "R" in fields:
            self._of_rows[int(fields["R"])] = self._formats[number]
        else:
            self._of_cells[self._row, self._column] = self._formats[number]

    def _set_value(self, fields: dict[str, str]) -> None:
        value = fields.get("K")
        if value is None:
            self.formulas += "E" in fields
            return
        self.rows.setdefault(self._row, {})[self._column - 1] = self._text(value.strip())

    def _text(self, value: str) -> str:
        if value[:1] == '"':
            return _unescape(value[1:].removesuffix('"'))
        if value in ("TRUE", "FALSE"):
            return value.lower()
        if value.startswith("#"):
            self.errors += 1
            return ""
        cell = self._row, self._column
        shown = self._of_cells.get(cell) or self._of_columns.get(cell[1]) or self._of_rows.get(cell[0])
        return (shown or xlsx_cell_text.GENERAL).format_number(value) if value else ""


def open_book(path: Path) -> Book:
    """Open the file as a workbook of one sheet. Raises BadDataError where its end is missing."""
    reader = _Reader()
    for line in _decode(path.read_bytes()).splitlines():
        reader.add_record(line)
    if not reader.is_ended:
        raise BadDataError(
            f"{path.name} is truncated: a SYLK file ends with a record E", "Ask the sender for it again."
        )
    return Book(
        "sylk", [Sheet("", lambda: _read_rows(reader))], lambda sheet: make_warnings(reader.errors, reader.formulas)
    )


def _read_rows(reader: _Reader) -> Iterator[tuple[int, Row]]:
    for number, cells in sorted(reader.rows.items()):
        yield number, [cells.get(column, "") for column in range(max(cells) + 1)]


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _unescape(text: str) -> str:
    if "\x1b" not in text:
        return text
    text = CONTROL.sub(lambda match: chr((ord(match[1]) & 15) << 4 | ord(match[2]) & 15), text)
    return MARKED.sub(_combine_letter, text).replace("\r\n", "\n").replace("\r", "\n")


def _combine_letter(match: re.Match[str]) -> str:
    mark, letter = match.groups()
    if mark in MARKS:
        return unicodedata.normalize("NFC", letter + MARKS[mark])
    return LETTERS.get(mark, "\ufffd") + letter
