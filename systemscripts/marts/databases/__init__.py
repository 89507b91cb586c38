"""The databases of the two mart tables: one module for each type, found by its name.

A database is a module with these functions:
    get_name() -> str                                   its name, without user and password
    write(tables: list[Rows], kept: list[date]) -> None     in one transaction: every month but those of `kept` is
                                                            deleted, the rows are inserted; raises EtlError
    has_months(tables: dict[str, str], months: Sequence[date]) -> bool
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

# rows of one INSERT: more save no time
BATCH_ROWS = 10_000


@dataclass(frozen=True)
class Rows:
    """The rows of one mart, as Parquet files in the folders of an engine's result (none: an empty result)."""

    table: str
    # the column of the month
    month: str
    columns: tuple[str, ...]
    folder: Path

    def build_query(self) -> str:
        """Return SQL for DuckDB; the columns in the names of the folders are read from there, with their types."""
        types = f"hive_types = {{'{self.month}': date" + (", 'store_id': integer" if "store_id" in self.columns else "")
        files = ", ".join(duck.quote_path(path) for path in sorted(self.folder.rglob("*.parquet")))
        return f"select {', '.join(self.columns)} from read_parquet([{files}], hive_partitioning = true, {types}}})"

    @property
    def is_empty(self) -> bool:
        """Return whether there is no file."""
        return next(self.folder.rglob("*.parquet"), None) is None

    def read_batches(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows, some thousand at a time."""
        if self.is_empty:
            return
        spill = self.folder.with_suffix(".spill")
        with duck.open_session(spill) as connection, duck.translate_errors(spill):
            result = connection.execute(self.build_query())
            while rows := result.fetchmany(BATCH_ROWS):
                yield rows


def load_database() -> ModuleType:
    """Return the module of the database in the settings: PostgreSQL unless MARTS_DATABASE_URL is set."""
    database_type = "mysql" if settings.current().marts_database_url else "postgresql"
    return plugins.load_module(__name__, database_type, "database for marts")
