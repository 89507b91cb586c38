"""Where the two mart tables go: one module for each kind of database, found by its name.

A database is a module with these functions:
    name() -> str                                       which one it is, without user and password
    write(tables: list[Rows], kept: list[date]) -> None     in one transaction: every month but those of `kept` is
                                                            deleted, the rows are inserted; raises EtlError
    holds(tables: dict[str, str], months: Sequence[date]) -> bool
                                                        whether each table (its name -> its column of the month) has
                                                        rows of each month; raises EtlError
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from systemscripts import duck, plugins, settings

BATCH = 10_000


@dataclass(frozen=True)
class Rows:
    """The rows of one mart, as Parquet files in the folders of an engine's result (none: an empty result)."""

    table: str
    month: str  # the column of the month
    columns: tuple[str, ...]
    folder: Path

    def query(self) -> str:
        """SQL for DuckDB; what the folders are named by is read from their names, with its type."""
        types = f"hive_types = {{'{self.month}': date" + (", 'store_id': integer" if "store_id" in self.columns else "")
        files = ", ".join(duck.quote_path(path) for path in sorted(self.folder.rglob("*.parquet")))
        return f"select {', '.join(self.columns)} from read_parquet([{files}], hive_partitioning = true, {types}}})"

    @property
    def is_empty(self) -> bool:
        """Whether there is no file at all."""
        return next(self.folder.rglob("*.parquet"), None) is None

    def batches(self) -> Iterator[list[tuple[Any, ...]]]:
        """The rows, some thousand at a time."""
        if self.is_empty:
            return
        spill = self.folder.with_suffix(".spill")
        with duck.open_session(spill) as connection, duck.translate_errors(spill):
            found = connection.execute(self.query())
            while rows := found.fetchmany(BATCH):
                yield rows


def load_database() -> ModuleType:
    """The module of the database that the settings name: PostgreSQL unless MARTS_DATABASE_URL is given."""
    kind = "mysql" if settings.current().marts_database_url else "postgresql"
    return plugins.load_module(__name__, kind, "database for marts")
