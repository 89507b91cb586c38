"""Lists the sheets of a file and opens a table for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from systemscripts.errors import UsageError
from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.open_table import HEAD_BYTES, list_format_modules, open_table
from systemscripts.tables.parsers.workbook import ALL
from systemscripts.tables.workbooks import spooled_table, unpack


def list_sheet_names(path: Path) -> list[str]:
    """Return the names of the sheets of a workbook, hidden ones included; none for a file without sheets.

    Raises BadDataError where the workbook cannot be read, UsageError where the file does not exist.
    """
    module = _find_format(path)
    if hasattr(module, "PACKED_BY"):
        parser, type_name = module.PACKED_BY
        return unpack.use_unpacked(path, parser, type_name, list_sheet_names)
    return (
        spooled_table.list_sheet_names(path, module.parsers(path), module.TYPE_NAME)
        if hasattr(module, "parsers")
        else []
    )


def open_sheets(path: Path, options: ReadingOptions = ReadingOptions()) -> Sequence[Table]:
    """Return a table for each visible sheet with values, or for those that `options.sheet` selects; close each of them.

    A file without sheets is one table. Raises what open_table() raises.
    """
    options = options if options.sheet is not None else replace(options, sheet=ALL)
    module = _find_format(path)
    if hasattr(module, "PACKED_BY"):
        parser, type_name = module.PACKED_BY
        return unpack.use_unpacked(path, parser, type_name, lambda inner: open_sheets(inner, options))
    if hasattr(module, "parsers"):
        return spooled_table.open_sheets(path, options, module.parsers(path), module.TYPE_NAME)
    return [open_table(path, replace(options, sheet=None))]


def _find_format(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    return next((module for module in list_format_modules() if module.recognises(head, path)), None)
