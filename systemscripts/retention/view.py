"""What the modules of retention are given, and what they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

BATCH = 10_000  # rows of one transaction: nobody waits long for a lock, and a kill loses little


@dataclass(frozen=True)
class Due:
    """Something that has had its time: in words, how much of it, its size in bytes where that is known."""

    what: str
    days: float
    number: int
    size: int
    remove: Callable[[], None]
    tables: tuple[str, ...] = ()  # schema.table of what loses rows


@dataclass(frozen=True)
class View:
    """The installation at one moment."""

    directories: Directories
    connection: Connection
    now: datetime

    def before(self, days: float) -> datetime:
        """The moment so many days ago."""
        return self.now - timedelta(days=days)

    def count(self, statement: str, values: tuple[object, ...]) -> int:
        """One number from the database."""
        with transaction(self.connection) as cursor:
            cursor.execute(statement, values)
            row: Any = cursor.fetchone()
            return int(row[0])

    def delete(self, table: str, condition: str, values: tuple[object, ...]) -> None:
        """Delete the rows of a table (ours, by its name in the code) in batches."""
        while True:
            with transaction(self.connection) as cursor:
                if not _delete_batch(cursor, table, condition, values):
                    return


def _delete_batch(cursor: Cursor, table: str, condition: str, values: tuple[object, ...]) -> int:
    cursor.execute(
        f"delete from {table} where ctid = any(array(select ctid from {table} where {condition} limit {BATCH}))", values
    )
    return int(cursor.rowcount)
