"""When a message is sent: when something fails or fails in a new way, weekly while it lasts, and when it recovers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from systemscripts import commands, masking, settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts import channels, messages
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.events import DATABASE_DOWN, Finding, Outcome
from systemscripts.directory_management import Directories

# The job in the states of findings.
WATCHED = "watchdog finding"
DATABASE = "database"
# A job that runs each Monday morning is not always on the minute.
REMIND_AFTER = timedelta(days=7, hours=-4)


def try_record_outcome(outcome: Outcome, directories: Directories, sends_now: bool = True) -> bool:
    """Record the end of a run and report what is new; return whether the alert was sent or kept for a later run.

    `sends_now`: send it now, not with the next run that sends some. Never raises: an alert must not fail the job.
    """
    is_kept = False
    with _hold_lock(directories, f"the alert of {outcome.job} could not be kept"):
        if outcome.connected:
            _recover(states.build_path(DATABASE, "", directories))
        if outcome.kind == DATABASE_DOWN:
            _record_database_down(outcome.error, directories, outcome.command)
        else:
            _record_job(outcome, states.build_path(outcome.job, outcome.key, directories))
        is_kept = True
    if sends_now:
        send_waiting(directories)
    return is_kept


def record_findings(findings: Iterable[Finding], directories: Directories, unseen: Collection[str] = ()) -> None:
    """Record the problems that the watchdog found; every earlier one that is not among them has recovered.

    `unseen`: keys (or their first words) that could not be checked this time; they stay as they are. Never raises.
    """
    findings = list(findings)
    with _hold_lock(directories, "what the watchdog found could not be kept"):
        for finding in findings:
            _record_finding(finding, states.build_path(WATCHED, finding.key, directories))
        keys = {finding.key for finding in findings}
        for path, state in states.list_states(directories):
            is_gone = state.job == WATCHED and state.key not in keys
            if is_gone and state.key not in unseen and state.key.partition(" ")[0] not in unseen:
                _recover(path)
    send_waiting(directories)


def retire_job(job: str, key: str, reason: str, directories: Directories) -> None:
    """End the reminders of a failing job that is no longer expected to run, and report that once. Never raises."""
    with _hold_lock(directories, f"the end of the alerts of {job} {key} could not be kept"):
        _recover(states.build_path(job, key, directories), reason)
    send_waiting(directories)


def record_database_down(error: str, directories: Directories) -> None:
    """Record that the database could not be reached. Never raises."""
    with _hold_lock(directories, "the state of the database could not be kept"):
        _record_database_down(error, directories)
    send_waiting(directories)


def _record_database_down(error: str, directories: Directories, command: str = "") -> None:
    """Keep one alert for all runs that find no database; `command`: the one that could not run."""
    path = states.build_path(DATABASE, "", directories)
    finding = Finding(
        "", "the database is down", error,
        f"start it ({commands.format_command('doctor')} says what is wrong);"
        " the message of its recovery names the jobs that could not run.",
    )  # fmt: skip
    _record_finding(finding, path, DATABASE)
    state = states.read_state(path)
    if state is not None and command and command not in state.items:
        state.items.append(masking.mask(command))
        states.write_state(path, state)


def record_database_up(directories: Directories) -> None:
    """Record that the database was reached. Never raises."""
    with _hold_lock(directories, "the state of the database could not be kept"):
        _recover(states.build_path(DATABASE, "", directories))
    send_waiting(directories)


def send_waiting(directories: Directories) -> None:
    """Send the messages that could not be sent before, and the reminders that are due. Never raises."""
    with _hold_lock(directories, "the reminders could not be kept"):
        _queue_reminders(directories)
    try:
        channels.send_pending(directories)
    except Exception as error:
        channels.log_warning(f"alerts could not be sent: {error}")


def queue_message(key: str, recipients: list[str], subject: str, text: str, directories: Directories) -> None:
    """Queue a message to certain people; `key` identifies it, so that it waits only once.

    It is sent at the end of this run, or of a later one. Never raises.
    """
    with _hold_lock(directories, f"the message to {', '.join(recipients)} could not be kept"):
        now = settings.now().isoformat(timespec="seconds")
        # recovered from the start: a message has nothing that could recover
        state = State(channels.NEWS, key, "", now, "", title=subject, recovered_at=now, to=recipients)
        _set_message(state, "", text)
        states.write_state(states.build_path(state.job, key, directories), state)


@contextmanager
def _hold_lock(directories: Directories, what: str) -> Iterator[None]:
    """Hold the lock of the states, and turn every error into a warning."""
    try:
        with states.hold_lock(directories):
            yield
    except Exception as error:
        channels.log_warning(f"{what}: {error}")


def _queue_reminders(directories: Directories) -> None:
    """Queue the reminders that are due."""
    now = settings.now()
    for path, state in states.list_states(directories):
        if state.is_failing and not state.pending and state.was_told_outside(now - REMIND_AFTER, now + REMIND_AFTER):
            _set_message(state, "still" if state.title else "is still failing", messages.compose_reminder(state))
            states.write_state(path, state)


def _record_job(outcome: Outcome, path: Path) -> None:
    """Update the state of a job."""
    if outcome.status == "succeeded":
        _recover(path)
        return
    kind = f"{outcome.status} {outcome.exit_code} {outcome.kind}".strip()
    before = _read_failing(path)
    if before is not None and before.kind == kind:
        return
    state = _continue_state(before, State(outcome.job, outcome.key, kind, "", masking.mask(outcome.error)))
    _queue_failure(path, state, outcome.status, messages.compose_outcome(state, outcome))


def _record_finding(finding: Finding, path: Path, job: str = WATCHED) -> None:
    before = _read_failing(path)
    items = set(before.items) if before is not None else set()
    if before is not None and before.kind == finding.kind and finding.items <= items:
        return
    state = _continue_state(
        before, State(job, finding.key, finding.kind, "", masking.mask(finding.error), finding.title)
    )
    state.items = sorted(items | finding.items)
    _queue_failure(path, state, "", messages.compose_finding(state, finding))


def _queue_failure(path: Path, state: State, how: str, text: str) -> None:
    """Write the state of a failure; its message includes one that could not be sent before."""
    _set_message(state, how, text)
    state.reason = state.text
    earlier = states.read_state(path)
    if earlier is not None and earlier.pending:
        state.text += messages.compose_unsent(earlier)
    states.write_state(path, state)


def _read_failing(path: Path) -> State | None:
    state = states.read_state(path)
    return state if state is not None and state.is_failing else None


def _continue_state(before: State | None, state: State) -> State:
    """Return a new state that continues the one before."""
    state.since = before.since if before is not None else settings.now().isoformat(timespec="seconds")
    state.told = before is not None and before.told
    return state


def _recover(path: Path, retired_because: str = "") -> None:
    """End the failure of a state, if there is one. `retired_because`: why the job is no longer expected to run."""
    state = _read_failing(path)
    if state is None:
        return
    # no one was told, and no one can be
    if not state.told and not channels.is_anyone_reachable(state):
        path.unlink(missing_ok=True)
        return
    state.recovered_at = settings.now().isoformat(timespec="seconds")
    if retired_because:
        _set_message(state, "is no longer expected", messages.compose_retirement(state, retired_because))
    else:
        _set_message(state, "recovered", messages.compose_recovery(state))
    states.write_state(path, state)


def _set_message(state: State, how: str, text: str) -> None:
    """Set the message of a state, for every channel."""
    # late: most runs have nothing to report, and ssl takes a while to import
    from systemscripts import mail

    subject = f"{state.name} {how}".strip()
    if state.title and how:
        subject = f"{'over' if state.recovered_at else how}: {state.title}"
    state.subject = masking.mask(f"[ETL] {subject}")
    state.text = masking.mask(commands.format_for_elsewhere(text))
    state.message_id = mail.make_message_id()
    state.pending = channels.choose_channels(state)
