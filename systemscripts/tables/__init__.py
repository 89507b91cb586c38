"""Any file -> one clean table. Knows no database and no configuration row.

with tables.open_table(path) as table:
    table.columns                    # the headers as the client wrote them
    table.detected                   # what was found, and why
    for block in table.blocks():     # records as bytes, each with its line in the file
        ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from systemscripts.tables.model import Block, Lines, ReadingOptions, Table, Wire
    from systemscripts.tables.reading import open_table
    from systemscripts.tables.sheets import open_sheets, sheet_names

__all__ = ["Block", "Lines", "ReadingOptions", "Table", "Wire", "open_sheets", "open_table", "sheet_names"]

_HOMES = dict.fromkeys(("Block", "Lines", "ReadingOptions", "Table", "Wire"), "model") | {
    "open_table": "reading",
    "open_sheets": "sheets",
    "sheet_names": "sheets",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the child process that parses workbooks lives in this package and needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
