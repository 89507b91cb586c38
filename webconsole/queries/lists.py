"""Query the lists: each label of an import that loads whole states is a list, with one version for each date."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# the versions of one list that a page offers; the address takes any
MAX_VERSIONS = 400

# The versions of each list, newest first, in the order of dba.v_current_dataset and of its index.
_ORDER = "greatest(d.dataset_date, d.last_seen) desc nulls last, d.stamp desc, d.dataset_id desc"
# a list without a date is replaced by each later one, which makes the older ones versions as well
_IS_VERSION = """(d.status = 'active' or d.status = 'superseded' and d.dataset_date is null) and not d.is_held_file
    and d.load_mode = 'snapshot' and d.purged_at is null and d.target_table not like '%%:%%'"""


@dataclass(frozen=True)
class Version:
    """A list as it was delivered for one date."""

    dataset_id: int
    name: str
    label: str | None
    table: str
    # of its content, and the last one on which the same content was delivered again
    dataset_date: date | None
    seen_on: date | None
    loaded_at: datetime
    rows: int
    # its columns in the table
    columns: list[str]
    # the version before it
    before: int | None

    @property
    def day(self) -> date:
        """Return the date of the list, else the day on which it was loaded."""
        return self.dataset_date or self.loaded_at.date()


@dataclass(frozen=True)
class Counts:
    """How many rows differ between two versions, and how many columns only one of them has."""

    added: int
    removed: int
    changed: int
    columns: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.columns)


_COLUMNS = """d.dataset_id, d.config_name as name, d.label, d.target_table as table, d.dataset_date,
    greatest(d.dataset_date, d.last_seen) as seen_on, d.created_at as loaded_at, d.rows_loaded as rows, d.columns"""


def _select_versions(conditions: str) -> str:
    return f"""select {_COLUMNS}, lead(d.dataset_id) over newest as before, row_number() over newest as place
        from dba.tdataset d where {_IS_VERSION} and {conditions}
        window newest as (partition by d.config_name, d.label order by {_ORDER})"""


def _make_versions(rows: list[dict[str, Any]]) -> list[Version]:
    return [Version(**{key: value for key, value in row.items() if key != "place"}) for row in rows]


def list_current(cursor: Cursor, day: date | None = None, name: str = "") -> list[Version]:
    """Return the current version of each list, or the one that was current on a day; newest first in each import.

    Without the versions before them, which `add_before` finds. `name`: only of this import.
    """
    # what is current has rows and is not a held file; the rule of versions knows more states
    source, is_list = "dba.v_current_dataset d", "d.load_mode = 'snapshot' and d.target_table not like '%%:%%'"
    if day is not None:
        is_list = _IS_VERSION
        source = f"""(select distinct d.target_table from dba.tdataset d where {_IS_VERSION}) t
            cross join lateral dba.datasets_as_of(t.target_table, %(day)s) known
            join dba.tdataset d using (dataset_id)"""
    statement = f"""select {_COLUMNS}, null::integer as before from {source} where {is_list}
        and (%(name)s = '' or d.config_name = %(name)s)
        order by name, coalesce(greatest(d.dataset_date, d.last_seen), d.created_at::date) desc, d.label"""
    return _make_versions(connections.fetch_rows(cursor, statement, {"day": day, "name": name}))


def add_before(cursor: Cursor, versions: list[Version]) -> list[Version]:
    """Return versions of lists, each with the number of the one before it."""
    cursor.execute(
        f"""select n.dataset_id, (
                select d.dataset_id from dba.tdataset d
                where d.config_name = n.config_name and (d.label = n.label or d.label is null and n.label is null)
                    and {_IS_VERSION}
                    and (coalesce(greatest(d.dataset_date, d.last_seen), '-infinity'), d.stamp, d.dataset_id)
                        < (coalesce(greatest(n.dataset_date, n.last_seen), '-infinity'), n.stamp, n.dataset_id)
                order by {_ORDER} limit 1)
            from dba.tdataset n where n.dataset_id = any(%(numbers)s)""",
        {"numbers": [version.dataset_id for version in versions]},
    )
    before = dict(cursor.fetchall())
    return [dataclasses.replace(version, before=before[version.dataset_id]) for version in versions]


def load_counts(cursor: Cursor, versions: list[Version]) -> dict[int, Counts]:
    """Return the counts of changes that are known, by the number of the version; each since the one before."""
    before = {version.dataset_id: version.before for version in versions}
    cursor.execute(
        """select dataset_id, before_id, added, removed, changed, columns from dba.tlistchange
           where dataset_id = any(%s)""",
        (list(before),),
    )
    return {row[0]: Counts(*row[2:]) for row in cursor.fetchall() if before[row[0]] == row[1]}


def list_versions(cursor: Cursor, name: str, label: str | None) -> list[Version]:
    """Return the versions of one list, newest first."""
    conditions = "d.config_name = %(name)s and (d.label = %(label)s or d.label is null and %(label)s is null)"
    statement = f"select * from ({_select_versions(conditions)}) versions order by place limit {MAX_VERSIONS}"
    return _make_versions(connections.fetch_rows(cursor, statement, {"name": name, "label": label}))


def find_on(versions: list[Version], day: date) -> Version | None:
    """Return the version of a list (newest first) that was current on a day, None if the list is younger."""
    return next((version for version in versions if version.day <= day), None)
