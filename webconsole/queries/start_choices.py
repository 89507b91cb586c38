"""Query what the operator can start: imports, YAML jobs, pipelines and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from systemscripts import pipelines
from systemscripts.configuration import yaml_job
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# the jobs that load files, and what a configuration is called for each
TITLES = {"generic_import": "an import", "run_elt": "a YAML job"}


@dataclass(frozen=True)
class Choice:
    """One import, YAML job, pipeline or report, with a description."""

    name: str
    description: str


@dataclass(frozen=True)
class Group:
    """The choices that the same job starts."""

    job: str
    title: str
    choices: list[Choice]


def _describe_target(row: dict[str, Any]) -> str:
    return f"into {row['target_table']} ({row['load_mode']})" if row["target_table"] else "into files"


def list_groups(cursor: Cursor) -> list[Group]:
    """Return the groups of what can be started, without empty groups."""
    imports = connections.fetch_rows(
        cursor,
        "select config_name, target_table, load_mode from dba.timportconfig where is_active order by config_name",
    )
    yaml_jobs = yaml_job.list_jobs(cursor)
    reports = connections.fetch_rows(
        cursor, "select report_name, subject from dba.treportmanager where is_active order by report_name"
    )
    choices = [(row["config_name"] in yaml_jobs, Choice(row["config_name"], _describe_target(row))) for row in imports]
    groups = [
        Group("generic_import", "Imports", [choice for is_yaml_job, choice in choices if not is_yaml_job]),
        Group("run_elt", "YAML jobs", [choice for is_yaml_job, choice in choices if is_yaml_job]),
        Group("run_pipeline", "Pipelines", [Choice(name, "its steps in order") for name in pipelines.list_names()]),
        Group("send_report", "Reports", [Choice(row["report_name"], row["subject"]) for row in reports]),
    ]  # fmt: skip
    return [group for group in groups if group.choices]


def find_job(cursor: Cursor, config_name: str) -> str:
    """Return the job that loads a configuration, generic_import or run_elt, or "" if it does not exist."""
    cursor.execute("select 1 from dba.timportconfig where config_name = %s", (config_name,))
    if cursor.fetchone() is None:
        return ""
    return "run_elt" if config_name in yaml_job.list_jobs(cursor) else "generic_import"


def list_retries(cursor: Cursor, refused: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return job and name of each import that can retry these refused files, sorted by name."""
    names = sorted({row["config_name"] for row in refused})
    return [(job, name) for name in names if (job := find_job(cursor, name))]
