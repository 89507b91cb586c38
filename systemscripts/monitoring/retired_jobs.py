"""Bad jobs that nobody waits for any more: what they work on was un-set, switched off or taken away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from systemscripts import alerts, schedules, targets
from systemscripts.alerts import State
from systemscripts.configuration import pipeline_config
from systemscripts.db_utils import transaction
from systemscripts.monitoring.watchdog_view import View
from systemscripts.schedules import own_cron_file

MISTAKE = timedelta(days=6)  # a name that never was one is told of a last time before its first reminder
IMPORTS = ("generic_import", "sftp_pull", "run_elt")
_KNOWN = {
    "import": "select config_name, is_active from dba.timportconfig",
    "report": "select report_name, is_active from dba.treportmanager",
}


def find_given_up(view: View) -> Iterator[tuple[State, str]]:
    """Each of them, and why. Raises ConfigurationError for a faulty pipeline file."""
    bad = [state for _, state in alerts.all_states(view.directories) if state.bad and state.key]
    unset = dict(schedules.given_up(state.key for state in bad if state.job == "run_pipeline"))
    known = _known(view)
    for state in bad:
        if state.job == "run_pipeline" and state.key in unset:
            yield state, unset[state.key]
            continue
        reason, alone = _reason(state, known)
        # whoever asked for what is not there was told so; only when nobody asks again is it over
        if reason and (state.kind.split()[:2] not in alone or _old(state, view.now)):
            yield state, reason


def _known(view: View) -> dict[str, dict[str, bool]]:
    """By kind the names that there are, and whether they are active; a kind is missing while it cannot be asked."""
    found = {"target": dict.fromkeys(targets.list_names(), True)}
    if view.connection is not None:
        for kind, statement in _KNOWN.items():
            with transaction(view.connection) as cursor:
                cursor.execute(statement)
                found[kind] = dict(cursor.fetchall())
    return found


def _reason(state: State, known: dict[str, dict[str, bool]]) -> tuple[str, list[list[str]]]:
    """Why nobody waits for a job, or nothing; and the failures that mean no more than this."""
    if state.job == "run_pipeline":
        gone = state.key not in pipeline_config.list_names() and not own_cron_file.starts(state.key)
        return f"there is no pipeline {state.key} any more" if gone else "", [["failed", "2"]]
    kind = {"send_report": "report", "sftp_push": "target"}.get(state.job, "import" if state.job in IMPORTS else "")
    if kind not in known:
        return "", []
    refused = [["failed", "78"]]
    if state.key not in known[kind]:  # the file of a job that was never sound has no row, and is there
        return f"there is no {kind} {state.key} any more", [
            ["failed", "2"],
            *(refused if state.job == "run_elt" else []),
        ]
    idle = "" if known[kind][state.key] else f"the {kind} {state.key} is not active any more"
    return idle, refused if kind == "import" else []


def _old(state: State, now: datetime) -> bool:
    return now - datetime.fromisoformat(state.since) > MISTAKE
