"""Any file -> one clean table. Knows no database and no configuration row.

with tables.open_table(path) as table:
    table.columns                    # the headers as the client wrote them
    table.detected                   # what was found, and why
    for block in table.blocks():     # records as bytes, each with its line in the file
        ...
"""

from __future__ import annotations

from systemscripts.tables.model import Block, ReadingOptions, Table, Wire
from systemscripts.tables.reading import open_table
from systemscripts.tables.sheets import open_sheets, sheet_names

__all__ = ["Block", "ReadingOptions", "Table", "Wire", "open_sheets", "open_table", "sheet_names"]
