"""What the operator can start: imports, pipelines, reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from systemscripts import pipelines
from webconsole import database

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Choice:
    """One thing to start."""

    name: str
    says: str


@dataclass(frozen=True)
class Group:
    """Things that the same job starts."""

    job: str
    title: str
    can_dry_run: bool
    choices: list[Choice]


def _into(row: dict[str, Any]) -> str:
    return f"into {row['target_table']} ({row['load_mode']})" if row["target_table"] else "into files"


def groups(cursor: Cursor) -> list[Group]:
    """Everything there is to start; empty groups are left out."""
    imports = database.rows(
        cursor,
        """select config_name, target_table, load_mode, managed_by = 'upload' or job <> '{}' as is_job
           from dba.timportconfig where is_active order by config_name""",
    )
    reports = database.rows(
        cursor, "select report_name, subject from dba.treportmanager where is_active order by report_name"
    )
    into = [(row["is_job"], Choice(row["config_name"], _into(row))) for row in imports]
    found = [
        Group("generic_import", "Imports", True, [choice for is_job, choice in into if not is_job]),
        Group("run_elt", "YAML jobs", True, [choice for is_job, choice in into if is_job]),
        Group("run_pipeline", "Pipelines", True, [Choice(name, "its steps in order") for name in pipelines.names()]),
        Group("send_report", "Reports", False, [Choice(row["report_name"], row["subject"]) for row in reports]),
    ]  # fmt: skip
    return [group for group in found if group.choices]
