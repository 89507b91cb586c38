"""The columns that every target has besides those of its files: their names, their order and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

DATASET_ID = "dataset_id"
SOURCE_ROW = "source_row"
# only in targets of load mode new_rows
ROW_HASH = "row_hash"
# where all sheets of a workbook become one table; a column of the file like any other, except that its name is kept
SOURCE_SHEET = "source_sheet"

# every target begins with these
LINEAGE = (DATASET_ID, SOURCE_ROW)
# no column of a file may take one of these names
RESERVED_NAMES = frozenset({*LINEAGE, SOURCE_SHEET, ROW_HASH})
COMMENTS = {
    DATASET_ID: "The dataset of the row: see dba.v_row_origin",
    SOURCE_ROW: "Line of the file, or row of the sheet, from 1",
    ROW_HASH: "What makes it the same row: its columns and their texts in the file",
}


def define_columns(hashed: bool) -> str:
    """Return the definitions of the lineage columns for CREATE TABLE; `hashed`: with the row's hash."""
    return f"{DATASET_ID} integer not null, {SOURCE_ROW} integer not null" + (f", {ROW_HASH} uuid" if hashed else "")


@dataclass
class Extent:
    """What is known of a load while it is copied: how many rows, and the lines of the first and the last one."""

    rows: int = 0
    first: int = 0
    last: int = 0
