"""What the operator can start: imports, pipelines, reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from systemscripts import pipelines
from systemscripts.configuration import yaml_job
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

TITLES = {"generic_import": "an import", "run_elt": "a YAML job"}  # what loads files


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
    choices: list[Choice]


def _into(row: dict[str, Any]) -> str:
    return f"into {row['target_table']} ({row['load_mode']})" if row["target_table"] else "into files"


def groups(cursor: Cursor) -> list[Group]:
    """Everything there is to start; empty groups are left out."""
    imports = connections.rows(
        cursor,
        "select config_name, target_table, load_mode from dba.timportconfig where is_active order by config_name",
    )
    yaml_jobs = yaml_job.list_jobs(cursor)
    reports = connections.rows(
        cursor, "select report_name, subject from dba.treportmanager where is_active order by report_name"
    )
    into = [(row["config_name"] in yaml_jobs, Choice(row["config_name"], _into(row))) for row in imports]
    found = [
        Group("generic_import", "Imports", [choice for is_job, choice in into if not is_job]),
        Group("run_elt", "YAML jobs", [choice for is_job, choice in into if is_job]),
        Group("run_pipeline", "Pipelines", [Choice(name, "its steps in order") for name in pipelines.list_names()]),
        Group("send_report", "Reports", [Choice(row["report_name"], row["subject"]) for row in reports]),
    ]  # fmt: skip
    return [group for group in found if group.choices]


def find_job(cursor: Cursor, config_name: str) -> str:
    """Return the job that loads a configuration: generic_import or run_elt; "" where there is none of the name."""
    cursor.execute("select 1 from dba.timportconfig where config_name = %s", (config_name,))
    if cursor.fetchone() is None:
        return ""
    return "run_elt" if config_name in yaml_job.list_jobs(cursor) else "generic_import"


def retries(cursor: Cursor, refused: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the job and name of each import that has some of these refused files, by name: what tries them again."""
    names = sorted({row["config_name"] for row in refused})
    return [(job, name) for name in names if (job := find_job(cursor, name))]
