"""The data of a comparison between two datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.errors import UsageError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

FIELDS = "dataset_id, config_name, label, dataset_date, status, load_mode, target_table, columns, rows_loaded"


@dataclass(frozen=True)
class Dataset:
    """What a comparison needs to know about a dataset."""

    dataset_id: int
    config_name: str
    label: str | None
    date: date | None
    status: str
    load_mode: str
    target_table: str
    columns: list[str]
    rows: int

    @property
    def table(self) -> sql.Identifier:
        """Return the target, for a statement; raises UsageError where its rows are not in this database."""
        if ":" in self.target_table:
            raise UsageError(
                f"the rows of dataset {self.dataset_id} are in {self.target_table}, not in this database",
                "Compare them there.",
            )
        return sql.Identifier(*self.target_table.split(".", 1))


@dataclass(frozen=True, slots=True)
class Value:
    """One cell that differs; `header`: as the client wrote it."""

    column: str
    header: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row that was added, removed or changed; `cells`: column -> text, of a changed row as it is now."""

    # "" for none
    key: str
    # empty unless the comparison was asked to keep them
    cells: dict[str, str]
    # of a changed row
    values: list[Value] = field(default_factory=list)


@dataclass
class Comparison:
    """The difference between two datasets; `before` is None for the first one of a label."""

    before: Dataset | None
    after: Dataset
    added: list[Row] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    new_columns: list[str] = field(default_factory=list)  # headers
    gone_columns: list[str] = field(default_factory=list)
    # keys that occur more than once, paired in their order
    twins: list[str] = field(default_factory=list)
    # how many rows were added, removed and changed, if not all of them were read
    numbers: dict[str, int] = field(default_factory=dict)

    def count(self, change: str) -> int:
        """Return how many rows were added, removed or changed; not all of them need be in the list of that name."""
        return self.numbers.get(change, len(getattr(self, change)))

    @property
    def unread(self) -> int:
        """How many of the rows were counted and not read."""
        return sum(self.count(change) - len(getattr(self, change)) for change in ("added", "removed", "changed"))

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.new_columns or self.gone_columns)

    def counts(self) -> str:
        """Return +added -removed ~changed, or ""."""
        signs = (("+", self.added), ("-", self.removed), ("~", self.changed))
        return " ".join(f"{sign}{len(rows)}" for sign, rows in signs if rows)


def load_headers(cursor: Cursor, dataset: Dataset) -> dict[str, str]:
    """Return the headers of a dataset's file by column, as the client wrote them."""
    cursor.execute(
        """select detected -> 'headers' from dba.tfile
           where dataset_id = %s and status in ('loaded', 'undone') order by file_id limit 1""",
        (dataset.dataset_id,),
    )
    row: Any = cursor.fetchone()
    return {name: " ".join(text.split()) for name, text in ((row and row[0]) or {}).items() if text.strip()}


def cell_as_text(name: str) -> sql.Composable:
    """Return the SQL for the text of a column; null and the empty text are the same."""
    return sql.SQL("coalesce(t.{}::text, '')").format(sql.Identifier(name))


def row_as_array(columns: Sequence[str]) -> sql.Composable:
    """Return the SQL for a row as an array of texts (a constructor: functions have at most 100 arguments)."""
    return sql.SQL("array[{}]::text[]").format(sql.SQL(", ").join(map(cell_as_text, columns)))
