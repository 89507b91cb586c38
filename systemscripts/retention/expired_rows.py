"""Delete rejected rows, the history of upserts, and the rows of snapshots that are no longer current."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from psycopg2 import sql

from systemscripts import settings
from systemscripts.db_utils import transaction
from systemscripts.retention.retention_view import Due, View

_REJECTS = "created_at < %s"
_HISTORY = "created_at < %s"
_OLD_SNAPSHOTS = """
    select d.dataset_id, d.target_table, d.rows_loaded from dba.tdataset d
    where d.load_mode = 'snapshot' and d.status in ('active', 'superseded', 'undone') and d.purged_at is null
      and not d.is_held_file and greatest(d.status_at, d.created_at) < %s and d.target_table not like '%%/%%'
      and not exists (select from dba.v_current_dataset c where c.dataset_id = d.dataset_id)
      and to_regclass(d.target_table) is not null
      and d.dataset_id not in (  -- what comes back when the current one is undone
          select distinct on (b.config_name, coalesce(b.label, '')) b.dataset_id from dba.tdataset b
          where b.load_mode = 'snapshot' and b.status in ('active', 'superseded') and not b.is_held_file
            and not exists (select from dba.v_current_dataset c where c.dataset_id = b.dataset_id)
          order by b.config_name, coalesce(b.label, ''), greatest(b.dataset_date, b.last_seen) desc nulls last,
                   b.dataset_id desc)
"""


def due(view: View) -> list[Due]:
    """Return the rows that have expired."""
    current_settings, due_items = settings.current(), []
    if current_settings.keep_rejects_days:
        moment = view.subtract_days(current_settings.keep_rejects_days)
        if number := view.count_rows(f"select count(*) from dba.trejectedrow where {_REJECTS}", (moment,)):
            remove = partial(view.delete_rows, "dba.trejectedrow", _REJECTS, (moment,))
            due_items.append(
                Due("rejected rows", current_settings.keep_rejects_days, number, 0, remove, ("dba.trejectedrow",))
            )
    if current_settings.keep_history_days:
        moment = view.subtract_days(current_settings.keep_history_days)
        if number := view.count_rows(f"select count(*) from dba.trowhistory where {_HISTORY}", (moment,)):
            remove = partial(_remove_history, view, moment)
            due_items.append(
                Due("rows before a change", current_settings.keep_history_days, number, 0, remove, ("dba.trowhistory",))
            )
    if current_settings.keep_rows_days:
        old = list(_find_old_snapshots(view))
        if old:
            number = sum(rows for _, _, rows in old)
            tables = tuple({table for _, table, _ in old})
            remove = partial(_remove_rows, view, old)
            due_items.append(Due("rows no longer current", current_settings.keep_rows_days, number, 0, remove, tables))
    return due_items


def _remove_history(view: View, moment: Any) -> None:
    """Mark the datasets first, so that none can be undone, or compared, with half a history; then delete the rows."""
    with transaction(view.connection) as cursor:
        cursor.execute(
            """update dba.tdataset set purged_at = %s where purged_at is null and load_mode = 'upsert'
               and dataset_id in (select unnest(array[dataset_id, previous_dataset_id])
                                  from dba.trowhistory where created_at < %s)""",
            (view.now, moment),
        )
    view.delete_rows("dba.trowhistory", _HISTORY, (moment,))


def _find_old_snapshots(view: View) -> Iterator[tuple[int, str, int]]:
    """Yield the snapshots that are neither current, nor the one before, nor what a report compares next."""
    with transaction(view.connection) as cursor:
        cursor.execute(_OLD_SNAPSHOTS, (view.subtract_days(settings.current().keep_rows_days),))
        rows = cursor.fetchall()
        cursor.execute(
            "select distinct on (report_name) covered from dba.treportdelivery order by report_name, delivery_id desc"
        )
        needed = {number for (covered,) in cursor.fetchall() for number in _find_numbers(covered)}
    for dataset_id, table, loaded in rows:
        if dataset_id not in needed:
            yield dataset_id, table, loaded


def _find_numbers(value: Any) -> Iterator[int]:
    """Yield every number in what a report has covered; some of them are datasets."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _find_numbers(item)
    elif isinstance(value, int):
        yield value
    elif isinstance(value, str) and value[:1] in "[{":
        yield from _find_numbers(json.loads(value))


def _remove_rows(view: View, old: list[tuple[int, str, int]]) -> None:
    for dataset_id, table, _ in old:
        schema, _, name = table.partition(".")
        with transaction(view.connection) as cursor:
            cursor.execute("update dba.tdataset set purged_at = %s where dataset_id = %s", (view.now, dataset_id))
            cursor.execute(
                sql.SQL("delete from {} where dataset_id = %s").format(sql.Identifier(schema, name)), (dataset_id,)
            )
            # figures and samples of the rows go with them; which rule found something stays
            cursor.execute("delete from dba.tcolumnprofile where dataset_id = %s", (dataset_id,))
            cursor.execute(
                "update dba.tfinding set message = 'purged', detail = '{}' where dataset_id = %s", (dataset_id,)
            )
