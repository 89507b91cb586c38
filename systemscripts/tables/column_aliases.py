"""One column for the headers that mean the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import Table


def name_columns(
    table: Table, aliases: Mapping[str, Sequence[str]], known: Mapping[str, str] | None = None
) -> list[str]:
    """The names of a table's columns; those that reading added (source_sheet) keep theirs. known: see names."""
    own, headers = table.columns[: table.added_columns], table.columns[table.added_columns :]
    return own + apply_aliases(make_column_names(headers, known), headers, aliases)


def apply_aliases(names: Sequence[str], headers: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> list[str]:
    """Give each column whose header or name is listed for a column that column's name.

    `names`: column_names(headers). Headers are compared as names, so without case, spaces and punctuation. A name goes
    to the column that has it by itself, else to the first that is listed for it, those before others that differ from a
    listed one in punctuation; the others keep their own.
    """
    meaning = {_name(text): column for column, listed in aliases.items() for text in listed}
    taken, found = set(names), list(names)
    by_header = [_name(header) if header.strip() else "" for header in headers]
    for compared in (names, by_header):
        for position, name in enumerate(compared):
            wanted = meaning.get(name)
            if wanted is not None and wanted not in taken and found[position] == names[position]:
                taken.add(wanted)
                found[position] = wanted
    return found


def find_header_names(column: str, aliases: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the names of all headers that mean a column, the column's own among them."""
    return {column, *map(_name, aliases.get(column, ()))}


def name_header(text: str) -> str:
    """Return the name by which a header is compared: without case, spaces and punctuation."""
    return _name(text)


def _name(text: str) -> str:
    return make_column_names([text])[0]
