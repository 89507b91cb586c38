"""Give headers that mean the same thing the name of one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import Table


def name_columns(
    table: Table, aliases: Mapping[str, Sequence[str]], known: Mapping[str, str] | None = None
) -> list[str]:
    """Return the column names of a table. Columns that the reader added (source_sheet) keep their names.

    `aliases`: column -> headers that mean it. `known`: see `make_column_names`.
    """
    added, headers = table.columns[: table.added_columns], table.columns[table.added_columns :]
    return added + apply_aliases(make_column_names(headers, known), headers, aliases)


def apply_aliases(names: Sequence[str], headers: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> list[str]:
    """Rename each column whose header or name is an alias to the column that the alias belongs to.

    `names`: make_column_names(headers). Headers are compared without case, spaces and punctuation. If a column already
    has the name, it keeps it. Otherwise the first column whose own name is an alias gets it, then the first whose
    header is. All other columns keep their names.
    """
    column_of_alias = {name_header(text): column for column, texts in aliases.items() for text in texts}
    taken, renamed = set(names), list(names)
    header_names = [name_header(header) if header.strip() else "" for header in headers]
    for compared in (names, header_names):
        for position, name in enumerate(compared):
            column = column_of_alias.get(name)
            if column is not None and column not in taken and renamed[position] == names[position]:
                taken.add(column)
                renamed[position] = column
    return renamed


def find_header_names(column: str, aliases: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the names of all headers that mean a column, including its own name."""
    return {column, *map(name_header, aliases.get(column, ()))}


def name_header(text: str) -> str:
    """Return the name by which a header is compared: without case, spaces and punctuation."""
    return make_column_names([text])[0]
