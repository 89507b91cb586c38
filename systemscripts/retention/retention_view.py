"""What the modules of retention are given, and what they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.directory_management import Directories

BEGINNING = "(0,0)"  # the place (ctid) before every row
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
        """Delete the rows of a table (ours, by its name in the code) in batches.

        Each goes on behind the place where the one before ended: from the beginning it would read all that is deleted.
        """
        place = BEGINNING
        while True:
            with transaction(self.connection) as cursor:
                number, last = _delete_batch(cursor, table, condition, values, place)
            if number == 0 and place == BEGINNING:
                return
            # an index may have given the rows in another order: only a whole pass that finds none is the end
            place = last if number else BEGINNING


def _delete_batch(
    cursor: Cursor, table: str, condition: str, values: tuple[object, ...], place: str
) -> tuple[int, str]:
    """Delete some rows behind a place; return how many, and the last of their places."""
    cursor.execute(
        f"""with gone as (
                delete from {table} where ctid = any(array(
                    select ctid from {table} where ctid > %s::tid and {condition} limit {BATCH}))
                returning ctid)
            select count(*), coalesce(max(ctid)::text, '{BEGINNING}') from gone""",
        (place, *values),
    )
    row: Any = cursor.fetchone()
    return int(row[0]), str(row[1])
