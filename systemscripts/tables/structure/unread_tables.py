"""Describe the sheets, tables and lists of a file that were not read, in warnings if in doubt, else in notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from systemscripts.summary import Notice
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.parsers.sheet_overview import count_known_names

TABLE_WORDS = {"html": "table", "json": "list"}
# More would not fit on the pages that show them.
MAX_NAMED = 10


def describe_tables(
    others: Sequence[dict[str, Any]], columns: Sequence[str], file_format: str, options: ReadingOptions
) -> tuple[list[Notice], list[str]]:
    """Return warnings and notes about tables that were not read. `columns`: those of the table that was read.

    `others`: the fields of parsers.sheet_overview.OtherTable. A warning says that another table has the same columns,
    or more rows and more than one column. The latter is a note if the import knows more of the columns that were read.
    """
    word = TABLE_WORDS.get(file_format, "sheet")
    doubts, facts = [], []
    known_count = count_known_names([list(columns)], options.known_columns)
    for other in others:
        size = f"{other['rows']:,} rows{' or more' if other['is_more'] else ''}"
        is_known_less = known_count > count_known_names(other["top"], options.known_columns)
        if _has_header(other["top"], columns):
            doubts.append(f"{other['name']} has the same columns ({size})")
        elif other["is_more"] and not is_known_less and max(map(len, other["top"])) > 1:
            doubts.append(f"{other['name']} has more rows than the {word} that was read")
        else:
            facts.append(f"{other['name']} ({size if other['visible'] else 'hidden'})")
    notices = [
        Notice("tables_left_out", f"{word} {text} and was not read; if it belongs to the data, set reading.sheet")
        for text in doubts[:MAX_NAMED]
    ]
    notes = [f"other {word}s of the file, not read: {', '.join(facts[:MAX_NAMED])}"] if facts else []
    return notices, notes


def _has_header(top: Sequence[Sequence[str]], columns: Sequence[str]) -> bool:
    names = make_column_names(list(columns)) if any(columns) else []
    return bool(names) and any(make_column_names(list(row)) == names for row in top if len(row) == len(columns))
