"""Query import configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from systemscripts.configuration import config_versions, yaml_job
from systemscripts.configuration.config_versions import Version
from webconsole import connections, display

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def list_names(cursor: Cursor) -> list[str]:
    """Return the name of every import."""
    cursor.execute("select config_name from dba.timportconfig order by config_name")
    return [row[0] for row in cursor.fetchall()]


def list_imports(cursor: Cursor) -> list[dict[str, Any]]:
    """Return every import and YAML job with its target and the time of its last load."""
    jobs = yaml_job.list_jobs(cursor)
    rows = connections.fetch_rows(
        cursor,
        """select c.config_name, c.is_active, c.target_table, c.load_mode, c.file_pattern, c.managed_by, c.version,
               c.updated_at,
               (select max(d.created_at) from dba.tdataset d where d.config_name = c.config_name) as last_loaded_at
           from dba.timportconfig c order by c.config_name""",
    )
    return [row | {"is_job": row["config_name"] in jobs} for row in rows]


def load_version(config_name: str, number: int) -> Version:
    """Return one version of an import; raise MissingError if it does not exist."""
    with connections.read_as_etl() as cursor:
        return config_versions.load_version(cursor, config_name, number)


def list_label_titles(cursor: Cursor) -> dict[str, dict[str, Any]]:
    """Return where the titles of lists come from, by import; only of those that declare it."""
    cursor.execute("select config_name, label_title from dba.timportconfig where label_title <> '{}'")
    return dict(cursor.fetchall())


def list_target_titles(cursor: Cursor) -> dict[str, str]:
    """Return the titles of tables that one import fills: its name in words."""
    cursor.execute(
        "select target_table, min(config_name) from dba.timportconfig group by target_table having count(*) = 1"
    )
    return {table: display.format_words(name) for table, name in cursor.fetchall()}
