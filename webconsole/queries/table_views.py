"""What a reader asks of a table, and the conditions that it becomes: chosen columns, filters, datasets, a day."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.errors import UsageError
from systemscripts.tables.lineage import LINEAGE, ROW_HASH
from webconsole import connections
from webconsole.queries import relations
from webconsole.queries.relations import Column, Relation
from webconsole.security.visibility import MASK

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

PAGE_ROWS = 50
OPERATORS = {
    "contains": "contains", "is": "is", "not": "is not", "from": "is at least", "to": "is at most",
    "empty": "is empty", "filled": "is not empty",
}  # fmt: skip
# pages name the list, the date, the file and the line instead
_HIDDEN = frozenset({*LINEAGE, ROW_HASH})


@dataclass(frozen=True)
class Filter:
    """A condition on one column."""

    column: str
    operator: str
    value: str = ""


@dataclass(frozen=True)
class TableQuery:
    """The columns, conditions and order that a reader asks for."""

    sort: str = ""
    descending: bool = False
    filters: tuple[Filter, ...] = ()
    # also rows of datasets that are not current
    history: bool = False
    dataset_id: int | None = None
    after: str | None = None
    size: int = PAGE_ROWS
    # of timestamptz values
    zone: str = "UTC"
    max_cell_letters: int | None = None
    first_column: int = 0
    max_columns: int | None = None
    # the rows before this key, instead of those after one
    before: str | None = None
    # chosen columns in their order; none: all
    columns: tuple[str, ...] = ()
    # the table as it was on that day
    day: date | None = None
    # the list, date, file and line of a row are shown instead of what the suite stores for them
    is_for_people: bool = False


@dataclass(frozen=True)
class TableView:
    """A table with the conditions of a query, ready to be read."""

    relation: Relation
    query: TableQuery
    conditions: list[sql.Composable] = field(default_factory=list)
    # number of rows, if known without counting
    total: int | None = None
    # None: the rows of every dataset
    dataset_condition: sql.Composable | None = None
    # how many datasets the condition selects, None if it does not
    datasets: int | None = None
    # what is read instead of the table itself: a table as of a day that rows have replaced since
    replacement: sql.Composable | None = None
    # of how many datasets retention has deleted rows of that day
    missing: int = 0
    # of a list: the columns that it has, of all that its table has
    own_columns: tuple[str, ...] = ()

    @property
    def source(self) -> sql.Composable:
        """Return what stands after `from`."""
        return self.relation.identifier if self.replacement is None else self.replacement

    @property
    def is_in_place(self) -> bool:
        """Return whether rows can be paged by their place in the table."""
        return self.relation.is_table and self.replacement is None

    @property
    def has_origin(self) -> bool:
        """Return whether a page can say of each row which file it came from."""
        return self.query.is_for_people and self.relation.has_lineage

    @property
    def first_column_index(self) -> int:
        """Return the index of the first column that a page shows."""
        return self.query.first_column if self.query.first_column < len(self.chosen_columns) else 0

    @property
    def chosen_columns(self) -> tuple[Column, ...]:
        """Return the columns that the reader chose, by default all."""
        if self.query.columns:
            known = {column.name: column for column in self.relation.columns}
            return tuple(known[name] for name in self.query.columns if name in known) or self.relation.columns
        return self.data_columns if self.query.is_for_people else self.relation.columns

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """Return the columns that a page shows."""
        columns = self.chosen_columns[self.first_column_index :]
        return columns[: self.query.max_columns]

    @property
    def data_columns(self) -> tuple[Column, ...]:
        """Return the columns that came from files, which is what a reader chooses from."""
        hidden = _HIDDEN if self.relation.has_lineage else frozenset[str]()
        shown = [column for column in self.relation.columns if column.name not in hidden]
        return tuple(column for column in shown if column.name in self.own_columns or not self.own_columns)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """Return the columns of a file: for people the chosen ones, for programs all."""
        return self.chosen_columns if self.query.is_for_people else self.relation.columns

    def list_conditions(self) -> list[sql.Composable]:
        """Return all conditions."""
        return [*self.conditions, *([self.dataset_condition] if self.dataset_condition is not None else [])]

    def join_conditions(self) -> sql.Composable:
        """Return what stands after `where`."""
        return join_conditions(self.list_conditions())


def prepare_view(full_name: str, query: TableQuery, import_name: str = "") -> TableView:
    """Return the view of a table by a query; raise MissingError or UsageError if either is wrong.

    `import_name`: rows of lists of this import are asked for, which a user may see without the rest of the table.
    """
    with connections.read_as_reader() as cursor:
        relation = relations.find_relation(cursor, full_name, import_name)
    if query.sort:
        relation.find_column(query.sort)
    view = TableView(relation, query, [make_condition(relation, item) for item in query.filters])
    if not relation.has_lineage:
        return view
    if query.dataset_id is not None:
        with connections.read_as_etl() as cursor:
            rows = relations.count_dataset_rows(cursor, full_name, query.dataset_id)
        condition = match_datasets([query.dataset_id])
        total = None if query.filters else rows
        return dataclasses.replace(view, dataset_condition=condition, datasets=1, total=total)
    if query.history:
        return view
    with connections.read_as_etl() as cursor:
        if query.day is not None:
            return _take_back(cursor, view, query.day)
        current, number, total = relations.find_current_datasets(cursor, relation.full_name)
        # the shorter of the two lists
        others = relations.list_other_datasets(cursor, relation.full_name) if 0 < number < len(current) else []
    if not current and not number:
        # not loaded by an import
        return view
    known_total = None if query.filters else total
    if not number:
        return dataclasses.replace(view, total=known_total)
    condition = _exclude_datasets(others) if others else match_datasets(current)
    return dataclasses.replace(view, dataset_condition=condition, datasets=len(current), total=known_total)


def _take_back(cursor: Cursor, view: TableView, day: date) -> TableView:
    """Return a view as of a day, as dba.as_of does it; `cursor`: of the login etl."""
    name = view.relation.full_name
    cursor.execute("select dataset_id, is_purged from dba.datasets_as_of(%s, %s)", (name, day))
    known = cursor.fetchall()
    numbers, missing = [number for number, _ in known], sum(is_purged for _, is_purged in known)
    is_replaced, zone = False, "UTC"
    cursor.execute("select exists (select from dba.tdataset where target_table = %s and load_mode = 'upsert')", (name,))
    if cursor.fetchone() == (True,):
        # as in dba.datasets_missing_as_of: upserts since then whose history is deleted
        cursor.execute(
            """select count(*) > 0, count(*) filter (where is_purged), current_setting('TimeZone')
               from dba.dataset_days(%s) where load_mode = 'upsert' and day > %s""",
            (name, day),
        )
        is_replaced, unknown, zone = cursor.fetchone() or (False, 0, "UTC")
        missing += unknown
    condition = match_datasets(numbers)
    if not is_replaced:
        return dataclasses.replace(view, dataset_condition=condition, datasets=len(numbers), missing=missing)
    replacement = sql.SQL(
        """(select * from {table} where {condition} union all
            select r.* from dba.rows_replaced_since({name}, {day}) o,
                jsonb_populate_record(null::{table}, o) r) as known"""
    ).format(
        table=view.relation.identifier, condition=condition, name=sql.Literal(name), day=sql.Literal(day),
    )  # fmt: skip
    # the days of datasets without a date are those of the installation
    query = dataclasses.replace(view.query, zone=zone)
    return dataclasses.replace(view, query=query, replacement=replacement, datasets=len(numbers), missing=missing)


def match_datasets(numbers: Sequence[int]) -> sql.Composable:
    """Return the condition that a row belongs to one of some datasets."""
    return sql.SQL("dataset_id = any({}::integer[])").format(sql.Literal(list(numbers)))


def _exclude_datasets(numbers: Sequence[int]) -> sql.Composable:
    return sql.SQL("dataset_id <> all({}::integer[])").format(sql.Literal(list(numbers)))


def make_condition(relation: Relation, condition: Filter) -> sql.Composable:
    """Return the condition of a filter; raise UsageError if its column or operator is wrong."""
    column = relation.find_column(condition.column)
    name, value = sql.Identifier(column.name), sql.Literal(condition.value)
    if condition.operator == "empty":
        return sql.SQL("coalesce({}::text, '') = ''").format(name)
    if condition.operator == "filled":
        return sql.SQL("{}::text <> ''").format(name)
    if condition.operator == "contains":
        pattern = "%" + condition.value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        return sql.SQL("{}::text ilike {}").format(name, sql.Literal(pattern))
    signs = {"is": "=", "not": "is distinct from", "from": ">=", "to": "<="}
    if condition.operator not in signs:
        raise UsageError(f"{condition.operator!r} is not a comparison", f"Choose one of: {', '.join(OPERATORS)}.")
    return sql.SQL("{} {} {}::{}").format(name, sql.SQL(signs[condition.operator]), value, column_type(column))


def column_type(column: Column) -> sql.SQL:
    """Return the type of a column, for a cast."""
    # as PostgreSQL itself writes it in its catalogue
    return sql.SQL(column.type)


def join_conditions(conditions: Sequence[sql.Composable]) -> sql.Composable:
    """Return conditions as one."""
    return sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true")


def select_cells(view: TableView) -> sql.Composable:
    """Return the expressions of the columns that a page shows."""
    return sql.SQL(", ").join(select_cell(column, view.query.max_cell_letters) for column in view.shown_columns)


def select_cell(column: Column, max_letters: int | None = None) -> sql.Composable:
    """Return the expression for a column as text, cut to one letter more than `max_letters`; masked if it must be."""
    name = sql.Identifier(column.name)
    if column.is_masked:
        return sql.SQL("case when {0} is not null then {1} end as {0}").format(name, sql.Literal(MASK))
    if max_letters is None:
        return sql.SQL("{0}::text as {0}").format(name)
    return sql.SQL("left({0}::text, {1}) as {0}").format(name, sql.Literal(max_letters + 1))


def make_order(view: TableView) -> sql.Composable:
    """Return the order of a view without places."""
    if not view.query.sort:
        return sql.SQL("")
    direction = sql.SQL("desc" if view.query.descending else "asc")
    return sql.SQL("order by {} {} nulls last").format(sql.Identifier(view.query.sort), direction)
