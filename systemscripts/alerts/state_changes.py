"""Change the state of one failure: a message is queued when it begins, changes, or is over."""

from __future__ import annotations

from pathlib import Path

from systemscripts import commands, masking, settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts import messages, recipients
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.events import Finding


def record_finding(finding: Finding, path: Path, job: str) -> None:
    """Record a problem; it is reported if it is new, of another kind, or has additional items.

    What could not run because of it is kept for the message of its recovery, but does not cause another message.
    """
    before = read_failing(path)
    items = set(before.items) if before is not None else set()
    commands = set(map(masking.mask, finding.commands))
    if before is not None and before.kind == finding.kind and finding.items <= items:
        if not commands <= items:
            before.items = sorted(items | commands)
            states.write_state(path, before)
        return
    state = continue_state(
        before, State(job, finding.key, finding.kind, "", masking.mask(finding.error), finding.title)
    )
    state.items = sorted(items | finding.items | commands)
    queue_failure(path, state, "", messages.compose_finding(state, finding))


def queue_failure(path: Path, state: State, how: str, text: str) -> None:
    """Write the state of a failure; its message includes one that could not be sent before."""
    set_message(state, how, text)
    state.reason = state.text
    earlier = states.read_state(path)
    if earlier is not None and earlier.pending:
        state.text += messages.compose_unsent(earlier)
    states.write_state(path, state)


def read_failing(path: Path) -> State | None:
    """Return the state of a failure that is not over; None if there is none."""
    state = states.read_state(path)
    return state if state is not None and state.is_failing else None


def continue_state(before: State | None, state: State) -> State:
    """Return a new state that continues the one before."""
    state.since = before.since if before is not None else settings.now().isoformat(timespec="seconds")
    state.told = before is not None and before.told
    return state


def recover(path: Path, retired_because: str = "") -> None:
    """End the failure of a state, if there is one. `retired_because`: why the job is no longer expected to run."""
    state = read_failing(path)
    if state is None:
        return
    # no one was told, and no one can be
    if not state.told and not recipients.is_anyone_reachable(state):
        path.unlink(missing_ok=True)
        return
    state.recovered_at = settings.now().isoformat(timespec="seconds")
    if retired_because:
        set_message(state, "is no longer expected", messages.compose_retirement(state, retired_because))
    else:
        set_message(state, "recovered", messages.compose_recovery(state))
    if state.pending:
        states.write_state(path, state)
    else:
        path.unlink(missing_ok=True)


def set_message(state: State, how: str, text: str) -> None:
    """Set the message of a state, for every channel."""
    # late: most runs have nothing to report, and ssl takes a while to import
    from systemscripts import mail

    subject = f"{state.name} {how}".strip()
    if state.title and how:
        subject = f"{'over' if state.recovered_at else how}: {state.title}"
    state.subject = masking.mask(f"[ETL] {subject}")
    state.text = masking.mask(commands.format_for_elsewhere(text))
    state.message_id = mail.make_message_id()
    state.pending = recipients.choose_channels(state)
