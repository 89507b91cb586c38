"""Read the form of an added file: how to read it, and what a person made of the proposal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from systemscripts.errors import UsageError

# of one column and of the rest of the form
FIELDS_PER_COLUMN, OTHER_FIELDS = 7, 60
# as many as a table can have
MAX_COLUMNS = 1600
MAX_FIELDS = FIELDS_PER_COLUMN * MAX_COLUMNS + OTHER_FIELDS
MAX_FORM_BYTES = 4 << 20
_TEXTS = ("name", "target_table", "load_mode", "file_pattern", "date_format")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "caret": "^"}


def parse_reading(form: Mapping[str, str]) -> dict[str, Any]:
    """Return how a file is to be read, without what is to be detected. Raise UsageError for an invalid number."""
    reading: dict[str, Any] = {}
    for key in ("sheet", "encoding"):
        if value := form.get(key, "").strip():
            reading[key] = value
    if delimiter := form.get("delimiter", ""):
        reading["delimiter"] = DELIMITERS.get(delimiter, delimiter)
    header_row = form.get("header_row", "").strip()
    if header_row in ("none", "0"):
        reading["no_header"] = True
    elif header_row:
        if not (header_row.isascii() and header_row.isdecimal() and len(header_row) < 7):
            raise UsageError(f"{header_row[:20]!r} is not the number of a row", "Count the rows of the file from 1.")
        reading["header_row"] = int(header_row)
    return reading


def parse_edits(form: Mapping[str, str], skips: list[str], columns: int) -> dict[str, Any]:
    """Return what a person made of the proposal. `skips`: the numbers of the chosen rules, `columns`: how many."""
    edits: dict[str, Any] = {key: form[key].strip() for key in _TEXTS if key in form}
    if "name" in form and not edits.get("target_table"):
        edits["target_table"] = f"public.{edits['name']}"
    if "has_skips" in form:
        edits["skips"] = [int(number) for number in skips if number.isascii() and number.isdecimal()]
    if "c0_name" in form:
        edits["columns"] = [_parse_column(form, f"c{number}_") for number in range(columns)]
    return edits


def _parse_column(form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    texts = {key: form.get(prefix + key, "").strip() for key in ("name", "type", "format", "null")}
    return texts | {key: form.get(prefix + key) == "yes" for key in ("required", "key", "keep")}
