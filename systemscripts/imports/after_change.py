"""after_change: run the SQL file of an import for the keys whose current rows changed.

The SQL file reads the temporary table affected_keys: the distinct values of the import's key_columns (dataset_id if it
has none) in the rows that became current or ceased to be. It runs in the transaction of the change (a load, an undo, an
accepted dataset, replayed rejects), so that no one sees one without the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql

from systemscripts.configuration import ImportConfig, referenced_files
from systemscripts.datasets.current import find_current
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

AFFECTED_KEYS_TABLE = "affected_keys"


@contextmanager
def recompute_affected(cursor: Cursor, config: ImportConfig, label: str | None) -> Iterator[Affected]:
    """Wrap a change of a label's current rows: recompute in its transaction what depends on them.

    Raises ConfigurationError when the SQL file is missing or wrong.
    """
    path = referenced_files.find_after_change(config)
    affected = Affected(cursor, config)
    if path is None:
        yield affected
        return
    before = find_current(cursor, config.config_name, label)
    yield affected
    changed = before ^ find_current(cursor, config.config_name, label)
    if changed or affected.noted:
        affected.add(sorted(changed))
        affected.hand_over(path)


class Affected:
    """The keys of the rows that a change touches."""

    def __init__(self, cursor: Cursor, config: ImportConfig) -> None:
        self._cursor, self._config = cursor, config
        self._table = sql.Identifier(*config.schema_and_table)
        self._names = config.key_columns or ["dataset_id"]
        self.noted = False

    def add(self, dataset_ids: Sequence[int], rows: Iterable[int] | None = None) -> None:
        """Add the keys of some datasets' rows (`rows`: only of these lines); call it before the rows are deleted."""
        if not self._config.after_change or not self._has_target():
            return
        self._make()
        values: list[object] = [list(dataset_ids)]
        which = "select {} from {} t where t.dataset_id = any(%s)"
        if rows is not None:
            which += " and t.source_row = any(%s)"
            values.append(list(rows))
        parts = [sql.SQL(which).format(self._columns("t.{}"), self._table)]
        # the history has the rows that an upsert replaced
        if self._config.key_columns:
            parts.append(sql.SQL(_CHANGED_BY_UPSERT).format(self._columns("(k.r).{}"), self._table))
            values += [list(dataset_ids), self._config.target_table]
        both = sql.SQL(" union ").join(parts)
        self._execute(
            sql.SQL("insert into pg_temp.{} select * from ({}) n except select * from pg_temp.{}").format(
                sql.Identifier(AFFECTED_KEYS_TABLE), both, sql.Identifier(AFFECTED_KEYS_TABLE)
            ),
            values,
        )

    def hand_over(self, path: Path) -> None:
        """Run the SQL file for the keys, then drop them."""
        if not self.noted:
            return
        self._cursor.execute(sql.SQL("analyze pg_temp.{}").format(sql.Identifier(AFFECTED_KEYS_TABLE)))
        try:
            self._cursor.execute(path.read_text())
        except (psycopg2.ProgrammingError, psycopg2.DataError, psycopg2.IntegrityError) as error:
            raise ConfigurationError(
                f"after_change {path}: {error.diag.message_primary or error}",
                "Correct the SQL file, then run it again.",
            ) from error
        self._cursor.execute(sql.SQL("drop table pg_temp.{}").format(sql.Identifier(AFFECTED_KEYS_TABLE)))

    def _has_target(self) -> bool:
        self._cursor.execute("select to_regclass(%s) is not null", (self._table.as_string(self._cursor),))
        return self._cursor.fetchone() == (True,)

    def _make(self) -> None:
        if not self.noted:
            self._execute(
                sql.SQL("create temporary table {} on commit drop as select {} from {} t with no data").format(
                    sql.Identifier(AFFECTED_KEYS_TABLE), self._columns("t.{}"), self._table
                ),
                [],
            )
            self.noted = True

    def _columns(self, template: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.SQL(template).format(sql.Identifier(name)) for name in self._names)

    def _execute(self, statement: sql.Composed, values: list[object]) -> None:
        try:
            self._cursor.execute(statement, values)
        except psycopg2.errors.UndefinedColumn as error:
            raise ConfigurationError(
                f"after_change of {self._config.config_name}: {self._config.target_table} lacks one of its "
                f"key_columns ({', '.join(self._names)})",
                "Correct key_columns.",
            ) from error


_CHANGED_BY_UPSERT = """
    select {} from (select jsonb_populate_record(null::{}, h.key) as r from dba.trowhistory h
                    where h.dataset_id = any(%s) and h.target_table = %s) k"""
