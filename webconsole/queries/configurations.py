"""Import configurations and how they are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from systemscripts.configuration import config_versions
from systemscripts.configuration.config_versions import Version
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def names(cursor: Cursor) -> list[str]:
    """Every import."""
    cursor.execute("select config_name from dba.timportconfig order by config_name")
    return [row[0] for row in cursor.fetchall()]


def listed(cursor: Cursor) -> list[dict[str, Any]]:
    """Every import with its target and when it last loaded."""
    return connections.rows(
        cursor,
        """select c.config_name, c.is_active, c.target_table, c.load_mode, c.file_pattern, c.managed_by, c.version,
               c.updated_at,
               (select max(d.created_at) from dba.tdataset d where d.config_name = c.config_name) as last_loaded_at
           from dba.timportconfig c order by c.config_name""",
    )


def version(config_name: str, number: int) -> Version:
    """One version of an import; raises MissingError where there is none."""
    with connections.reading() as cursor:
        return config_versions.load_version(cursor, config_name, number)
