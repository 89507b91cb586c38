"""Compare two versions of a list: counted once and kept, or as rows for a page and a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from systemscripts import settings
from systemscripts.datasets import changes
from systemscripts.datasets.comparison import Comparison, Row, load_headers
from systemscripts.datasets.differences import compare_datasets
from systemscripts.errors import MissingError
from webconsole import connections
from webconsole.dataset_diff import find_key_columns
from webconsole.queries.lists import Counts, Version
from webconsole.queries.relations import Relation
from webconsole.security.visibility import MASK


@dataclass(frozen=True)
class ListChanges:
    """What changed from one version of a list to another, for people."""

    comparison: Comparison
    # the columns of the key, as one name
    key_name: str
    # of whole rows, those of the newer version first
    columns: tuple[str, ...]
    # column -> header, as the client wrote it
    headers: dict[str, str]
    masked: frozenset[str]
    is_key_masked: bool = False

    @property
    def counts(self) -> Counts:
        """Return how many rows differ."""
        return _count(self.comparison)

    def show(self, row: Row, column: str) -> str:
        """Return a cell of a whole row; masked if it must be."""
        value = row.cells.get(column, "")
        return MASK if value and column in self.masked else value

    def name_column(self, column: str) -> str:
        """Return the header of a column as the client wrote it, else its name."""
        return self.headers.get(column) or column

    def show_key(self, row: Row) -> str:
        """Return the key of a row; masked if a column of it must be."""
        return MASK if row.key and self.is_key_masked else row.key

    def list_values(self, row: Row) -> list[tuple[str, str, str]]:
        """Return the changed values of a row: header, from, to."""
        return [
            (value.header, *((MASK, MASK) if value.column in self.masked else (value.before, value.after)))
            for value in row.values
        ]

    def make_rows(self) -> Iterator[list[Any]]:
        """Yield the changes as rows of a file with `header`."""
        for change, rows in (("added", self.comparison.added), ("removed", self.comparison.removed)):
            for row in rows:
                yield [change, self.show_key(row), "", "", "", *(self.show(row, name) for name in self.columns)]
        for row in self.comparison.changed:
            whole = [self.show(row, name) for name in self.columns]
            for header, before, after in self.list_values(row):
                yield ["changed", self.show_key(row), header, before, after, *whole]

    @property
    def header(self) -> list[str]:
        """Return the header of a file."""
        return ["change", self.key_name or "key", "column", "from", "to", *map(self.name_column, self.columns)]


def compare_versions(before: Version, after: Version, relation: Relation) -> ListChanges:
    """Return what changed between two versions of a list, with whole rows."""
    key_columns = find_key_columns(after.name)
    with connections.read_as_etl() as cursor:
        comparison = _compare(cursor, before.dataset_id, after.dataset_id, key_columns, whole_rows=True)
        headers = load_headers(cursor, comparison.before or comparison.after) | load_headers(cursor, comparison.after)
    known = comparison.after.columns
    names = (*known, *(name for name in (comparison.before.columns if comparison.before else ()) if name not in known))
    masked = relation.masked_names
    is_key_masked = any(name in masked for part in key_columns for name in part.split("|"))
    key_name = _name_key(key_columns, known, headers)
    return ListChanges(comparison, key_name, names, headers, masked, is_key_masked)


def count_changes(version: Version) -> Counts | None:
    """Return how many rows differ from the version before, None for the first one; counted once."""
    if version.before is None:
        return None
    with connections.write_as_etl() as cursor:
        limit = f"{settings.current().console_read_seconds}s"
        cursor.execute("select set_config('statement_timeout', %s, true)", (limit,))
        comparison = _compare(cursor, version.before, version.dataset_id, find_key_columns(version.name), False)
        counts = _count(comparison)
        cursor.execute(
            """insert into dba.tlistchange (dataset_id, before_id, added, removed, changed, columns)
               values (%s, %s, %s, %s, %s, %s) on conflict (dataset_id, before_id) do update
               set (added, removed, changed, columns, counted_at)
                   = (excluded.added, excluded.removed, excluded.changed, excluded.columns, now())""",
            (version.dataset_id, version.before, counts.added, counts.removed, counts.changed, counts.columns),
        )
    return counts


def _compare(cursor: Any, before: int, after: int, key_columns: Sequence[str], whole_rows: bool) -> Comparison:
    found = changes.load_datasets(cursor, [before, after])
    if len(found) < len({before, after}):
        raise MissingError("one of the two versions no longer exists", "Choose another date.")
    return compare_datasets(cursor, found[before], found[after], key_columns, whole_rows)


def _count(comparison: Comparison) -> Counts:
    columns = len(comparison.new_columns) + len(comparison.gone_columns)
    return Counts(len(comparison.added), len(comparison.removed), len(comparison.changed), columns)


def _name_key(key_columns: Sequence[str], known: Sequence[str], headers: Mapping[str, str]) -> str:
    """Return the headers of the key's columns that a list has, such as Ticker or Company."""
    parts = [[headers.get(name) or name for name in part.split("|") if name in known] for part in key_columns]
    return " / ".join(" or ".join(names) for names in parts if names)
