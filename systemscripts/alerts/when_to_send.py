"""When a message is sent: when something fails or fails in a new way, weekly while it lasts, and when it recovers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from systemscripts import masking, settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts import causes, channels, messages, recipients, state_changes, undecided, unsent_mail
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.causes import DATABASE, DATABASE_DISK, WATCHED
from systemscripts.alerts.events import Cause, Finding, Outcome
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError

if TYPE_CHECKING:
    from systemscripts.db_utils import Connection

# A job that runs each Monday morning is not always on the minute.
REMIND_AFTER = timedelta(days=7, hours=-4)


def try_record_outcome(
    outcome: Outcome, directories: Directories, sends_now: bool = True, connection: Connection | None = None
) -> bool:
    """Record the end of a run and report what is new; return whether the alert was sent or kept for a later run.

    `sends_now`: send it now, not with the next run that sends some. `connection`: shows whether the files that an
    earlier run held or refused still wait. Never raises: an alert must not fail the job.
    """
    is_kept = False
    with _hold_lock(directories, f"the alert of {outcome.job} could not be kept"):
        if outcome.connected and (outcome.cause is None or outcome.cause.job != DATABASE):
            state_changes.recover(states.build_path(DATABASE, "", directories))
        if outcome.cause is not None:
            _record_cause(outcome.cause, outcome.error, directories, outcome.command)
        else:
            _record_job(outcome, directories, connection)
        if outcome.status == "succeeded":
            _recover_causes(outcome, directories)
        is_kept = True
    settle_decided(connection, directories)
    if sends_now:
        send_waiting(directories)
    return is_kept


def settle_decided(connection: Connection | None, directories: Directories) -> None:
    """Report the recovery of jobs that succeeded since, once their held and refused files are decided. Never raises."""
    with _hold_lock(directories, "the recovery of a job could not be kept"):
        waiting = [(path, state) for path, state in states.list_states(directories) if state.waits_for_decision]
        for path, state in waiting:
            if connection is not None and not _find_still_undecided(connection, state, directories):
                state_changes.recover(path)


def record_findings(findings: Iterable[Finding], directories: Directories, unseen: Collection[str] = ()) -> None:
    """Record the problems that the watchdog found; every earlier one that is not among them has recovered.

    `unseen`: keys (or their first words) that could not be checked this time; they stay as they are. Never raises.
    """
    findings = list(findings)
    with _hold_lock(directories, "what the watchdog found could not be kept"):
        for finding in findings:
            state_changes.record_finding(finding, states.build_path(WATCHED, finding.key, directories), WATCHED)
        keys = {finding.key for finding in findings}
        for path, state in states.list_states(directories):
            is_gone = state.job == WATCHED and state.key not in keys
            if is_gone and state.key not in unseen and state.key.partition(" ")[0] not in unseen:
                state_changes.recover(path)
    send_waiting(directories)


def retire_job(job: str, key: str, reason: str, directories: Directories) -> None:
    """End the reminders of a failing job that is no longer expected to run, and report that once. Never raises."""
    with _hold_lock(directories, f"the end of the alerts of {job} {key} could not be kept"):
        state_changes.recover(states.build_path(job, key, directories), reason)
    send_waiting(directories)


def record_database_down(error: EtlError, directories: Directories) -> None:
    """Record that the database could not be reached. Never raises."""
    with _hold_lock(directories, "the state of the database could not be kept"):
        if cause := causes.find_cause(error, directories):
            _record_cause(cause, str(error), directories)
    send_waiting(directories)


def record_database_up(directories: Directories) -> None:
    """Record that the database was reached. Never raises."""
    with _hold_lock(directories, "the state of the database could not be kept"):
        state_changes.recover(states.build_path(DATABASE, "", directories))
    send_waiting(directories)


def send_waiting(directories: Directories) -> None:
    """Send the messages that could not be sent before, and the reminders that are due. Never raises."""
    with _hold_lock(directories, "the reminders could not be kept"):
        _queue_reminders(directories)
        _forget_removed_recipients(directories)
    try:
        channels.send_pending(directories)
    except Exception as error:
        channels.log_warning(f"alerts could not be sent: {error}")


def queue_message(key: str, to: list[str], subject: str, text: str, directories: Directories) -> None:
    """Queue a message to certain people; `key` identifies it, so that it waits only once.

    It is sent at the end of this run, or of a later one. Never raises.
    """
    with _hold_lock(directories, f"the message to {', '.join(to)} could not be kept"):
        now = settings.now().isoformat(timespec="seconds")
        # recovered from the start: a message has nothing that could recover
        state = State(channels.NEWS, key, "", now, "", title=subject, recovered_at=now, to=to)
        state_changes.set_message(state, "", text)
        states.write_state(states.build_path(state.job, key, directories), state)


@contextmanager
def _hold_lock(directories: Directories, what: str) -> Iterator[None]:
    """Hold the lock of the states, and turn every error into a warning; go on without a lock that cannot be had."""
    with ExitStack() as stack:
        try:
            stack.enter_context(states.hold_lock(directories))
        except OSError as error:
            channels.log_warning(f"the states of the alerts could not be locked: {error}")
        try:
            yield
        except Exception as error:
            channels.log_warning(f"{what}: {error}")


def _queue_reminders(directories: Directories) -> None:
    """Queue the reminders that are due."""
    now = settings.now()
    for path, state in states.list_states(directories):
        if state.is_failing and not state.pending and state.was_told_outside(now - REMIND_AFTER, now + REMIND_AFTER):
            how = "still" if state.title else "is still failing"
            state_changes.set_message(state, how, messages.compose_reminder(state))
            states.write_state(path, state)


def _forget_removed_recipients(directories: Directories) -> None:
    """End what is recorded of recipients whom the settings and the waiting messages no longer name."""
    all_states = [state for _, state in states.list_states(directories)]
    if any(state.job == recipients.UNSENT_MAIL and state.key for state in all_states):
        mailboxes = {mailbox for state in all_states if state.job != recipients.UNSENT_MAIL
                     for mailbox in recipients.list_recipients(state)}  # fmt: skip
        known = {*settings.current().alert_recipients, *settings.current().report_recipients, *mailboxes}
        unsent_mail.forget_removed_recipients(set(map(settings.extract_address, known)), directories)


def _record_job(outcome: Outcome, directories: Directories, connection: Connection | None) -> None:
    """Update the state of a job."""
    path = states.build_path(outcome.job, outcome.key, directories)
    before = state_changes.read_failing(path)
    if outcome.status == "succeeded":
        if before is None or not before.items or not _find_still_undecided(connection, before, directories):
            state_changes.recover(path)
        elif not before.waits_for_decision:
            before.waits_for_decision = True
            states.write_state(path, before)
        return
    kind = f"{outcome.status} {outcome.exit_code} {outcome.kind}".strip()
    known = set(before.items) if before is not None else set()
    if before is not None and before.kind == kind and outcome.undecided <= known:
        if before.waits_for_decision:
            before.waits_for_decision = False
            states.write_state(path, before)
        return
    state = state_changes.continue_state(before, State(outcome.job, outcome.key, kind, "", masking.mask(outcome.error)))
    state.items = sorted(known | outcome.undecided)
    state_changes.queue_failure(path, state, outcome.status, messages.compose_outcome(state, outcome))


def _find_still_undecided(connection: Connection | None, state: State, directories: Directories) -> list[str]:
    """Return the files of a job that still wait for a decision; without a database, all of them."""
    with suppress(EtlError):
        if connection is not None and not connection.closed:
            return undecided.find_still_undecided(connection, state.items, directories)
    return state.items


def _record_cause(cause: Cause, error: str, directories: Directories, command: str = "") -> None:
    """Keep one alert for all runs that fail from one cause; `command`: that of the run, which the recovery names."""
    path = states.build_path(cause.job, cause.key, directories)
    commands = frozenset([command] if command else [])
    finding = Finding(cause.key, cause.title, error, cause.hint, cause.kind, commands=commands)
    state_changes.record_finding(finding, path, cause.job)


def _recover_causes(outcome: Outcome, directories: Directories) -> None:
    """End each cause for which a job could not run that now succeeded, if it is over for the others, too."""
    for path, state in states.list_states(directories):
        if not state.is_failing or not causes.is_shared(state) or state.job == DATABASE:
            continue
        is_met = masking.mask(outcome.command) in state.items or _has_written_since(outcome, state)
        if is_met and causes.is_over(state):
            state_changes.recover(path)


def _has_written_since(outcome: Outcome, state: State) -> bool:
    """Return whether a run shows that the database has space again: it may be that only a typed command had met it."""
    if state.job != DATABASE_DISK or not outcome.connected or outcome.began_at is None:
        return False
    return datetime.fromisoformat(state.since) < outcome.began_at
