"""Query where rows come from: the file, the list and the date of a dataset, and the earlier values of a row's key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from webconsole import connections
from webconsole.queries import tables, titles
from webconsole.queries.table_views import TableView, match_datasets, select_cell

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# of one row, newest first
MAX_EARLIER = 50


@dataclass(frozen=True)
class Origin:
    """Where the rows of a dataset come from."""

    dataset_id: int
    config_name: str
    target_table: str
    label: str | None
    date: date | None
    load_mode: str
    status: str
    loaded_at: datetime
    file_name: str | None
    source: str | None
    source_path: str | None
    archived_as: str | None
    # its columns in the table
    columns: list[str]
    title: str = ""

    @property
    def list_name(self) -> str:
        """Return the title of the list, else its label, else ""."""
        return self.title or self.label or ""


@dataclass(frozen=True)
class Earlier:
    """What a row's key had before: since when, and the values that differ from the version after it."""

    day: date | None
    loaded_at: datetime
    file_name: str | None
    # column, value then
    values: tuple[tuple[str, str | None], ...]
    is_gone: bool = False


def find_origins(cursor: Cursor, numbers: Iterable[int | str]) -> dict[str, Origin]:
    """Return the origins of datasets by their numbers as text; `cursor`: of the login etl."""
    rows = connections.fetch_rows(
        cursor,
        """select d.dataset_id, d.config_name, d.target_table, d.label, d.dataset_date as date, d.load_mode, d.status,
               d.created_at as loaded_at, coalesce(f.name, d.file_name) as file_name, f.source, f.source_path,
               f.keep_path as archived_as, d.columns, c.label_title
           from dba.tdataset d join dba.timportconfig c using (config_name)
           left join lateral (select * from dba.tfile f where f.dataset_id = d.dataset_id
               and f.status in ('loaded', 'undone') order by f.file_id limit 1) f on true
           where d.dataset_id = any(%s)""",
        ([int(number) for number in set(numbers)],),
    )
    declared = {row["config_name"]: row["label_title"] for row in rows}
    known = {
        name: titles.load_titles(label_title, {row["label"] for row in rows if row["config_name"] == name})
        for name, label_title in declared.items()
    }
    return {
        str(row["dataset_id"]): Origin(
            **{key: value for key, value in row.items() if key != "label_title"},
            title=known[row["config_name"]].get(row["label"], ""),
        )
        for row in rows
    }


def find_row(view: TableView, dataset_id: int, line: int, place: str) -> dict[str, Any] | None:
    """Return one row, column -> text, by its dataset and line; `place`: where it was, which is the quickest way."""
    same = sql.SQL("dataset_id = {} and source_row = {}").format(sql.Literal(dataset_id), sql.Literal(line))
    cells = sql.SQL(", ").join(select_cell(column) for column in view.data_columns)
    statement = sql.SQL("select {} from {} where {} limit 1")
    with connections.read_as_reader() as cursor:
        connections.set_time_zone(cursor, view.query.zone)
        if place:
            there = sql.SQL("ctid = {}::tid and {}").format(sql.Literal(place), same)
            if row := connections.fetch_first(cursor, statement.format(cells, view.relation.identifier, there)):
                return row
        return connections.fetch_first(cursor, statement.format(cells, view.relation.identifier, same))


def list_earlier(view: TableView, origin: Origin, row: dict[str, Any], key: Sequence[str]) -> list[Earlier]:
    """Return what the key of a row had before, newest first; [] where the import has no key."""
    names = [name for part in key for name in part.split("|") if row.get(name)]
    masked = {column.name for column in view.data_columns if column.is_masked}
    if not names or masked & set(names):
        return []
    if origin.load_mode == "upsert":
        return _list_replaced(view, row, names, masked)
    if origin.load_mode == "snapshot":
        # of alternatives such as ticker|company_name the first that is not empty
        first = [next(name for name in part.split("|") if row.get(name)) for part in key if _has_value(row, part)]
        return _list_versions(view, origin, row, first)
    return []


def _has_value(row: dict[str, Any], part: str) -> bool:
    return any(row.get(name) for name in part.split("|"))


def _list_versions(view: TableView, origin: Origin, row: dict[str, Any], key: list[str]) -> list[Earlier]:
    """Return the row of the same key in the versions of the list before its own, where something differs."""
    with connections.read_as_etl() as cursor:
        before = connections.fetch_rows(
            cursor,
            """select d.dataset_id, d.dataset_date as day, d.created_at as loaded_at, d.file_name
               from dba.tdataset d where d.config_name = %(name)s and d.dataset_id <> %(id)s
                   and (d.label = %(label)s or d.label is null and %(label)s is null)
                   and d.load_mode = 'snapshot' and d.purged_at is null and not d.is_held_file
                   and (d.status = 'active' or d.status = 'superseded' and d.dataset_date is null)
                   and (coalesce(d.dataset_date, d.created_at::date), d.dataset_id)
                       < (coalesce(%(day)s::date, %(loaded)s::timestamptz::date), %(id)s)
               order by coalesce(d.dataset_date, d.created_at::date) desc, d.dataset_id desc limit %(limit)s""",
            {"name": origin.config_name, "label": origin.label, "id": origin.dataset_id, "day": origin.date,
             "loaded": origin.loaded_at, "limit": MAX_EARLIER},
        )  # fmt: skip
    if not before:
        return []
    same = [sql.SQL("{}::text = {}").format(sql.Identifier(name), sql.Literal(row[name])) for name in key]
    cells = sql.SQL(", ").join(select_cell(column) for column in view.data_columns)
    statement = sql.SQL('select dataset_id as "(dataset)", {} from {} where {} and {} order by source_row').format(
        cells, view.relation.identifier, match_datasets([item["dataset_id"] for item in before]),
        sql.SQL(" and ").join(same),
    )  # fmt: skip
    with connections.read_as_reader() as cursor:
        connections.set_time_zone(cursor, view.query.zone)
        # the summary of the index on dataset_id finds the few versions of a list in a large table
        cursor.execute("set local enable_seqscan = off")
        found = {item["(dataset)"]: item for item in connections.fetch_rows(cursor, statement)}
    earlier: list[Earlier] = []
    after: dict[str, Any] | None = row
    for version in before:
        then = found.get(version["dataset_id"])
        if then is None and after is not None:
            earlier.append(Earlier(version["day"], version["loaded_at"], version["file_name"], (), is_gone=True))
        elif then is not None and (values := _compare(then, after or {})):
            earlier.append(Earlier(version["day"], version["loaded_at"], version["file_name"], values))
        after = then
    return earlier


def _list_replaced(view: TableView, row: dict[str, Any], key: list[str], masked: set[str]) -> list[Earlier]:
    """Return the rows of the same key that upserts have replaced."""
    # in the types of the table, as the history writes them
    pairs = sql.SQL(", ").join(
        sql.SQL("{}, {}::{}").format(
            sql.Literal(name), sql.Literal(row[name]), sql.SQL(view.relation.find_column(name).type)
        )
        for name in key
    )
    statement = sql.SQL(
        """select h.old_row, h.created_at, d.dataset_date as day, d.created_at as loaded_at, d.file_name
           from dba.trowhistory h join dba.tdataset e on e.dataset_id = h.dataset_id and e.status <> 'undone'
           left join dba.tdataset d on d.dataset_id = h.previous_dataset_id
           where h.target_table = {} and h.key = jsonb_build_object({}) and h.old_row is not null
           order by h.row_history_id desc limit {}"""
    ).format(sql.Literal(view.relation.full_name), pairs, sql.Literal(MAX_EARLIER))
    with connections.read_as_etl() as cursor:
        cursor.execute("set local timezone = 'UTC'")
        rows = connections.fetch_rows(cursor, statement)
    earlier, after = [], row
    for item in rows:
        then = {name: _as_text(value) for name, value in item["old_row"].items() if name in row and name not in masked}
        if values := _compare(then, after):
            earlier.append(Earlier(item["day"], item["loaded_at"] or item["created_at"], item["file_name"], values))
        after = {**after, **then}
    return earlier


def _compare(then: dict[str, Any], after: dict[str, Any]) -> tuple[tuple[str, str | None], ...]:
    return tuple(
        (name, value) for name, value in then.items()
        if name != tables.DATASET and (value or "") != (after.get(name) or "")
    )  # fmt: skip


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
