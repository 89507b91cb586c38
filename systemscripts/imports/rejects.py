"""Store rejected rows: each with line, column, value and a reason that the client understands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# enough to see what is wrong with a refused file
MAX_KEPT_OF_REFUSED_FILE = 1000


@dataclass(frozen=True)
class Reject:
    """One row set aside."""

    source_row: int
    reason: str
    raw_row: str
    column_name: str | None = None
    value: str | None = None


@dataclass
class Rejects:
    """The rejects of one file: all are counted, the first ones kept in case the whole file is refused."""

    count: int = 0
    first: list[Reject] = field(default_factory=list)
    # load mode upsert: rows not loaded, because a later-dated dataset wrote the same keys
    overtaken: int = 0

    def add(self, rejects: list[Reject]) -> None:
        """Count more rejects, and keep them up to MAX_KEPT_OF_REFUSED_FILE."""
        self.count += len(rejects)
        self.first += rejects[: max(MAX_KEPT_OF_REFUSED_FILE - len(self.first), 0)]


def store_rejects(cursor: Cursor, rejects: list[Reject], file_id: int, dataset_id: int | None) -> None:
    """Write rejects to dba.trejectedrow; PostgreSQL's text cannot contain NUL, which is written as \\0."""
    from psycopg2.extras import execute_values

    execute_values(
        cursor,
        "insert into dba.trejectedrow (file_id, dataset_id, source_row, column_name, value, reason, raw_row) values %s",
        [
            (file_id, dataset_id, r.source_row, r.column_name, _clean_text(r.value), r.reason, _clean_text(r.raw_row))
            for r in rejects
        ],
        page_size=1000,
    )


def _clean_text(text: str | None) -> str | None:
    return text.replace("\x00", "\\0") if text is not None else None


def are_too_many(rejected: int, read: int, max_rejects: int, max_reject_rate: float) -> bool:
    """Return whether more than `max_rejects` rows and a higher share than `max_reject_rate` are rejected."""
    return rejected > max_rejects and rejected > max_reject_rate * read
