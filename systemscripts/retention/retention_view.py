"""What the modules of retention receive, and what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.directory_management import Directories

# The position (ctid) before every row.
BEGINNING = "(0,0)"
# Of one transaction: no one waits long for a lock, and a kill loses little.
BATCH_ROWS = 10_000


@dataclass(frozen=True)
class Due:
    """Something that has expired: what it is, how many, and its size in bytes if that is known."""

    what: str
    days: float
    number: int
    size: int
    remove: Callable[[], None]
    # schema.table of what loses rows
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """The installation at one moment."""

    directories: Directories
    connection: Connection
    now: datetime

    def subtract_days(self, days: float) -> datetime:
        """Return the moment so many days ago."""
        return self.now - timedelta(days=days)

    def count_rows(self, statement: str, values: tuple[object, ...]) -> int:
        """Return the number that a query gives."""
        with transaction(self.connection) as cursor:
            cursor.execute(statement, values)
            row: Any = cursor.fetchone()
            return int(row[0])

    def delete_rows(self, table: str, condition: str, values: tuple[object, ...]) -> None:
        """Delete the rows of a table (named in our code) in batches.

        Each batch continues behind the position of the one before: from the beginning it would read all deleted rows.
        """
        position = BEGINNING
        while True:
            with transaction(self.connection) as cursor:
                number, last = _delete_batch(cursor, table, condition, values, position)
            if number == 0 and position == BEGINNING:
                return
            # an index may return the rows in another order: only a whole pass that finds none is the end
            position = last if number else BEGINNING


def _delete_batch(
    cursor: Cursor, table: str, condition: str, values: tuple[object, ...], position: str
) -> tuple[int, str]:
    """Delete some rows behind a position; return how many, and the last of their positions."""
    cursor.execute(
        f"""with gone as (
                delete from {table} where ctid = any(array(
                    select ctid from {table} where ctid > %s::tid and {condition} limit {BATCH_ROWS}))
                returning ctid)
            select count(*), coalesce(max(ctid)::text, '{BEGINNING}') from gone""",
        (position, *values),
    )
    row: Any = cursor.fetchone()
    return int(row[0]), str(row[1])
