"""Find how a file is laid out where a table cannot be read from it otherwise: keys of `reading` for a proposal."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from systemscripts.errors import BadDataError, EtlError
from systemscripts.imports.suggest import fixed_columns, record_path, type_codes
from systemscripts.imports.suggest.type_codes import Types
from systemscripts.tables.formats import json_rows, unsupported_text, xml_records
from systemscripts.tables.open_table import HEAD_BYTES, list_format_modules, open_table
from systemscripts.tables.text.text_file import TextFile

# lines that are looked at
MAX_LINES = 2000
MAX_TAIL_BYTES = 64 << 10
# lines of one length may be so by chance
MIN_FIXED_LINES, MIN_FIXED_LETTERS = 4, 8
MIN_COLUMNS = 2
# the column with the type of each record
TYPE_COLUMN = "record_type"
_DIGITS = re.compile("[0-9]{4}")


def find_layout(path: Path) -> dict[str, Any]:
    """Return the keys of `reading` that a file needs, {} where it is read without any, or where nothing is found."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    modules = [module for module in list_format_modules() if module.recognises(head, path)]
    if modules == [unsupported_text] and xml_records.is_like_xml(head) and b"<html" not in head.lower():
        with contextlib.suppress(EtlError, SyntaxError):
            return record_path.find_xml_records(path)
        return {}
    if json_rows in modules:
        return record_path.find_json_records(path)
    if modules or not head:
        return {}
    with contextlib.suppress(EtlError, UnicodeError):
        return _find_text_layout(path)
    return {}


def _find_text_layout(path: Path) -> dict[str, Any]:
    lines, has_end = _read_lines(path)
    types = type_codes.find_types(lines, has_end)
    if types is not None:
        rows = [line for line in lines if types.find_type(line) == types.rows]
        if types.mark:
            return {"record_types": types.as_reading(), "no_header": True, "delimiter": types.mark}
        return {"record_types": types.as_reading(), "fixed_width": _name_columns(_find_typed(rows, types), True)}
    if _is_fixed(lines) and not _has_own_layout(path):
        spans = fixed_columns.find_columns(lines)
        if len(spans) >= MIN_COLUMNS:
            return {"fixed_width": _name_columns(spans, False)}
    return {}


def _find_typed(rows: Sequence[str], types: Types) -> list[tuple[int, int]]:
    """Return the columns of the rows, of which the first is their type."""
    length = len(types.rows)
    inner = fixed_columns.find_columns([row[length:] for row in rows])
    return [(0, length), *((start + length, end + length) for start, end in inner)]


def _name_columns(spans: Sequence[tuple[int, int]], has_types: bool) -> dict[str, str]:
    """Return a name and the letters of each column; the last one goes to the end of the line."""
    names = [f"column_{number}" for number in range(1, len(spans) + 1)]
    if has_types:
        names[0] = TYPE_COLUMN
    ends = [*(str(end) for _, end in spans[:-1]), ""]
    return {name: f"{start + 1}-{end}" for name, (start, _), end in zip(names, spans, ends, strict=True)}


def _is_fixed(lines: Sequence[str]) -> bool:
    """Return whether lines without delimiters are all of one length, but for blanks at their ends."""
    if len(lines) < MIN_FIXED_LINES or any(mark in line for line in lines for mark in "|;\t"):
        return False
    lengths = {len(line) for line in lines}
    return len(lengths) == 1 and min(lengths) >= MIN_FIXED_LETTERS


def _has_own_layout(path: Path) -> bool:
    """Return whether the file is read as a table with names or delimiters as it is."""
    try:
        with open_table(path) as table:
            # digits such as those of a date belong to the first record, not to a name
            has_names = not any(_DIGITS.search(name) for name in table.columns)
            return (bool(table.detected.positions) and has_names) or table.detected.delimiter == ","
    except BadDataError:
        return False


def _read_lines(path: Path) -> tuple[list[str], bool]:
    """Return the first lines of a text and the last one; whether that is the last of the file."""
    file = TextFile(path)
    try:
        encoding = file.encoding
    finally:
        file.close()
    with path.open("rb") as stream:
        content = stream.read(HEAD_BYTES * 16)
        is_whole = stream.tell() == path.stat().st_size
        lines = _split_lines(content.decode(encoding, "replace"))
        if is_whole:
            return lines[: MAX_LINES - 1] + lines[MAX_LINES - 1 :][-1:], True
        if encoding.startswith(("utf-16", "utf-32")):
            return lines[: MAX_LINES - 1], False
        stream.seek(-MAX_TAIL_BYTES, 2)
        last = _split_lines(stream.read().decode(encoding, "replace"))[-1:]
    return lines[: MAX_LINES - 1] + last, True


def _split_lines(text: str) -> list[str]:
    lines = text.removeprefix("\ufeff").rstrip("\x1a").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip()]
