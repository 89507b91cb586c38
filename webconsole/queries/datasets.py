"""Query datasets, their files and their rejected rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from systemscripts.datasets.current import SAME_LABEL
from webconsole import connections
from webconsole.queries import keyset_pages
from webconsole.queries.keyset_pages import Page

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

STATUSES = ("active", "held", "superseded", "undone")
PAGE_ROWS = 50
_FILE = """left join lateral (
        select f.name, f.size, f.keep_path, f.source, f.source_path, f.file_id, f.detected, f.plan from dba.tfile f
        where f.dataset_id = d.dataset_id and f.status in ('loaded', 'undone') order by f.file_id limit 1) f on true"""
_COLUMNS = """d.dataset_id, d.config_name, d.label, d.dataset_date, d.last_seen, d.status, d.load_mode, d.target_table,
    d.rows_read, d.rows_loaded, d.rows_rejected, d.rows_skipped, d.rows_held, d.status_reason, d.superseded_by,
    d.held_dataset_id, d.created_at, d.status_at, d.run_uuid::text, f.name as file_name"""


def list_datasets(
    cursor: Cursor, config_name: str = "", status: str = "", after: str | None = None, size: int = PAGE_ROWS
) -> Page:
    """Return a page of datasets, newest first, each with its file and whether it is current."""
    conditions, values = ["true"], []
    for column, value in (("config_name", config_name), ("status", status)):
        if value:
            conditions.append(f"d.{column} = %s")
            values.append(value)
    return _read_page(cursor, conditions, values, after, size)


def list_with_rejects(cursor: Cursor, config_name: str = "", after: str | None = None, size: int = PAGE_ROWS) -> Page:
    """Return a page of datasets with rejected rows, newest first."""
    conditions, values = ["d.rows_rejected > 0"], []
    if config_name:
        conditions.append("d.config_name = %s")
        values.append(config_name)
    return _read_page(cursor, conditions, values, after, size)


def _read_page(cursor: Cursor, conditions: list[str], values: list[Any], after: str | None, size: int) -> Page:
    if key := keyset_pages.decode_key(after, 1):
        conditions, values = [*conditions, "d.dataset_id < %s::integer"], [*values, key[0]]
    rows = connections.fetch_rows(
        cursor,
        f"""select {_COLUMNS} from dba.tdataset d {_FILE} where {" and ".join(conditions)}
            order by d.dataset_id desc limit {size + 1}""",
        values,
    )
    mark_current(cursor, rows)
    return keyset_pages.make_page(rows, size, "dataset_id")


def mark_current(cursor: Cursor, rows: list[dict[str, Any]]) -> None:
    """Add `is_current` to rows of datasets; reads only their imports, because there may be very many datasets."""
    cursor.execute(
        "select dataset_id from dba.v_current_dataset where config_name = any(%s) and dataset_id = any(%s)",
        (sorted({row["config_name"] for row in rows}), [row["dataset_id"] for row in rows]),
    )
    current = {row[0] for row in cursor.fetchall()}
    for row in rows:
        row["is_current"] = row["dataset_id"] in current


def find_dataset(cursor: Cursor, dataset_id: int) -> dict[str, Any] | None:
    """Return a dataset with its file, or None."""
    row = connections.fetch_first(
        cursor,
        f"""select {_COLUMNS}, d.columns, d.is_baseline, f.size, f.keep_path, f.source, f.source_path, f.file_id,
                f.detected
            from dba.tdataset d {_FILE} where d.dataset_id = %s""",
        (dataset_id,),
    )
    if row is not None:
        mark_current(cursor, [row])
    return row


def list_neighbours(cursor: Cursor, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the other datasets of the same import and label, newest first, for comparison."""
    return connections.fetch_rows(
        cursor,
        f"""select dataset_id, dataset_date, status, rows_loaded, created_at from dba.tdataset
            where config_name = %(config_name)s and {SAME_LABEL} and dataset_id <> %(dataset_id)s
            order by dataset_id desc limit 50""",
        row,
    )


def list_rejected_rows(cursor: Cursor, dataset_id: int, after: str | None = None, size: int = PAGE_ROWS) -> Page:
    """Return a page of the rejected rows of a dataset, in the order of its file."""
    key = keyset_pages.decode_key(after, 1)
    rows = connections.fetch_rows(
        cursor,
        f"""select rejected_row_id, source_row, column_name, value, reason, raw_row, replayed_at from dba.trejectedrow
            where dataset_id = %s and rejected_row_id > coalesce(%s::bigint, 0)
            order by rejected_row_id limit {size + 1}""",
        (dataset_id, key[0] if key else None),
    )
    return keyset_pages.make_page(rows, size, "rejected_row_id")


def list_refused_files(cursor: Cursor, run_uuid: str | None = None) -> list[dict[str, Any]]:
    """Return the refused files (of one run, if given) that no later load has resolved."""
    return connections.fetch_rows(
        cursor,
        """select file_id, config_name, name, reason, size, status_at, keep_path, run_uuid::text from dba.tfile
           where status = 'refused' and resolved_by is null and (%(run)s is null or run_uuid = %(run)s::uuid)
           order by file_id desc limit 50""",
        {"run": run_uuid},
    )


def list_refused_pages(cursor: Cursor, after: str | None = None, size: int = PAGE_ROWS) -> Page:
    """Return a page of the refused files that no later load has resolved, newest first."""
    before = keyset_pages.decode_number(after)
    rows = connections.fetch_rows(
        cursor,
        f"""select file_id, config_name, name, reason, size, status_at, run_uuid::text from dba.tfile
            where status = 'refused' and resolved_by is null and (%(before)s is null or file_id < %(before)s::bigint)
            order by file_id desc limit {size + 1}""",
        {"before": before},
    )
    return keyset_pages.make_page(rows, size, "file_id")


def list_held(cursor: Cursor) -> list[dict[str, Any]]:
    """Return the datasets that wait to be accepted or undone."""
    return connections.fetch_rows(
        cursor,
        f"""select {_COLUMNS} from dba.tdataset d {_FILE} where d.status = 'held'
            order by d.dataset_id desc limit 20""",
    )
