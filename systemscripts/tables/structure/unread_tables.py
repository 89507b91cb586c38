"""What is said of the sheets, tables and lists of a file that were not read: a warning in doubt, else a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from systemscripts.summary import Notice
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.parsers.sheet_overview import count_known_names

KINDS = {"html": "table", "json": "list"}
MOST_NAMED = 10


def describe_tables(
    others: Sequence[dict[str, Any]], columns: Sequence[str], file_format: str, options: ReadingOptions
) -> tuple[list[Notice], list[str]]:
    """Return warnings and notes about other tables, as parsers.other_tables describes them; `columns`: of the one read.

    It is in doubt whether the right one was read where another has the same columns, or more rows and more than one
    column, unless the import knows the header of the one read better.
    """
    kind = KINDS.get(file_format, "sheet")
    doubts, facts = [], []
    own = count_known_names([list(columns)], options.known_columns)
    for other in others:
        size = f"{other['rows']:,} rows{' or more' if other['is_more'] else ''}"
        is_known_less = own > count_known_names(other["top"], options.known_columns)
        if _has_header(other["top"], columns):
            doubts.append(f"{other['name']} has the same columns ({size})")
        elif other["is_more"] and not is_known_less and max(map(len, other["top"])) > 1:
            doubts.append(f"{other['name']} has more rows than the {kind} that was read")
        else:
            facts.append(f"{other['name']} ({size if other['visible'] else 'hidden'})")
    notices = [
        Notice("tables_left_out", f"{kind} {text} and was not read; if it belongs to the data, set reading.sheet")
        for text in doubts[:MOST_NAMED]
    ]
    notes = [f"other {kind}s of the file, not read: {', '.join(facts[:MOST_NAMED])}"] if facts else []
    return notices, notes


def _has_header(top: Sequence[Sequence[str]], columns: Sequence[str]) -> bool:
    names = make_column_names(list(columns)) if any(columns) else []
    return bool(names) and any(make_column_names(list(row)) == names for row in top if len(row) == len(columns))
