"""What the operator can start: imports, pipelines, reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


def groups(cursor: Cursor) -> list[Group]:
    """Everything there is to start; empty groups are left out."""
    imports = database.rows(
        cursor,
        """select config_name, target_table, load_mode from dba.timportconfig where is_active order by config_name""",
    )
    reports = database.rows(
        cursor, "select report_name, subject from dba.treportmanager where is_active order by report_name"
    )
    found = [
        Group("generic_import", "Imports", True, [
            Choice(row["config_name"], f"into {row['target_table']} ({row['load_mode']})") for row in imports]),
        Group("run_pipeline", "Pipelines", True, [Choice(name, "its steps in order") for name in pipelines.names()]),
        Group("send_report", "Reports", False, [Choice(row["report_name"], row["subject"]) for row in reports]),
    ]  # fmt: skip
    return [group for group in found if group.choices]
