"""Failing jobs that are no longer expected to run: what they work on was removed or switched off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from systemscripts import alerts, schedules, targets
from systemscripts.alerts import State
from systemscripts.configuration import pipeline_config
from systemscripts.db_utils import transaction
from systemscripts.monitoring.watchdog_view import View
from systemscripts.schedules import own_cron_file

# A mistyped name is retired before its first weekly reminder.
MIN_AGE = timedelta(days=6)
IMPORTS = ("generic_import", "sftp_pull", "run_elt")
_NAMES = {
    "import": "select config_name, is_active from dba.timportconfig",
    "report": "select report_name, is_active from dba.treportmanager",
}


def find_retired_jobs(view: View) -> Iterator[tuple[State, str]]:
    """Yield the state of each such job, and why. Raises ConfigurationError for a faulty pipeline file."""
    failing = [state for _, state in alerts.list_states(view.directories) if state.is_failing and state.key]
    unset = _find_unset_pipelines({state.key for state in failing if state.job == "run_pipeline"})
    known = _read_known_names(view)
    for state in failing:
        if state.job == "run_pipeline" and state.key in unset:
            yield state, unset[state.key]
            continue
        reason, only_failures = _find_reason(state, known)
        # a mistyped name has failed with these exit codes alone; it is retired when it is not tried again
        if reason and (state.kind.split()[:2] not in only_failures or _is_old(state, view.now)):
            yield state, reason


def _find_unset_pipelines(names: set[str]) -> dict[str, str]:
    """Return the pipelines among `names` that lack a setting and that cron does not start, each with why."""
    return {
        pipeline.name: f"{pipeline.name} is no longer set up here ({', '.join(pipeline.unset_settings)} not set) and"
        " cron does not start it"
        for pipeline in schedules.list_not_set_up()
        if pipeline.name in names and not own_cron_file.starts_pipeline(pipeline.name)
    }


def _read_known_names(view: View) -> dict[str, dict[str, bool]]:
    """Return the existing names by type, and whether they are active; a type is missing while it cannot be read."""
    known = {"target": dict.fromkeys(targets.list_names(), True)}
    if view.connection is not None:
        for type_name, statement in _NAMES.items():
            with transaction(view.connection) as cursor:
                cursor.execute(statement)
                known[type_name] = dict(cursor.fetchall())
    return known


def _find_reason(state: State, known: dict[str, dict[str, bool]]) -> tuple[str, list[list[str]]]:
    """Return why a job is no longer expected to run ("" if it is), and the failures that have no other cause."""
    if state.job == "run_pipeline":
        is_gone = state.key not in pipeline_config.list_names() and not own_cron_file.starts_pipeline(state.key)
        return f"there is no longer a pipeline {state.key}" if is_gone else "", [["failed", "2"]]
    type_name = {"send_report": "report", "sftp_push": "target"}.get(
        state.job, "import" if state.job in IMPORTS else ""
    )
    if type_name not in known:
        return "", []
    refused = [["failed", "78"]]
    if state.key not in known[type_name]:
        # a file that was never valid has no row, although it exists
        never_valid = refused if state.job == "run_elt" else []
        return f"there is no longer a {type_name} {state.key}", [["failed", "2"], *never_valid]
    reason = "" if known[type_name][state.key] else f"the {type_name} {state.key} is no longer active"
    return reason, refused if type_name == "import" else []


def _is_old(state: State, now: datetime) -> bool:
    return now - datetime.fromisoformat(state.since) > MIN_AGE
