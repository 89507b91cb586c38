"""When a message goes out: when something turns bad or is bad in a new way, weekly while it lasts, once when over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from systemscripts import masking, settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts import channels, messages
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.events import DATABASE_DOWN, Finding, Outcome
from systemscripts.directory_management import Directories

WATCHED = "watchdog finding"  # the job in the states of findings
DATABASE = "database"
REMIND_AFTER = timedelta(days=7, hours=-4)  # a job of each Monday morning is not always on the minute


def notice(outcome: Outcome, directories: Directories, sends: bool = True) -> bool:
    """Take one run's end into account and tell what is news; return whether the alert is out or kept for a later run.

    `sends`: whether it goes out now; otherwise with the next run that sends. Never raises: an alert must not fail the
    job.
    """
    kept = False
    with _guarded(directories, f"the alert of {outcome.job} could not be kept"):
        if outcome.connected:
            _recover(states.path_of(DATABASE, "", directories))
        if outcome.kind == DATABASE_DOWN:
            _database_down(outcome.error, directories, outcome.command)
        else:
            _take(outcome, states.path_of(outcome.job, outcome.key, directories))
        kept = True
    if sends:
        send_waiting(directories)
    return kept


def observe(findings: Iterable[Finding], directories: Directories, unseen: Collection[str] = ()) -> None:
    """Take what the watchdog found into account; every earlier finding that is not among them is over.

    `unseen`: keys (or their first words) that could not be looked at this time; they stay as they are. Never raises.
    """
    with _guarded(directories, "what the watchdog found could not be kept"):
        found = list(findings)
        for finding in found:
            _take_finding(finding, states.path_of(WATCHED, finding.key, directories))
        keys = {finding.key for finding in found}
        for path, state in states.all_states(directories):
            over = state.job == WATCHED and state.key not in keys
            if over and state.key not in unseen and state.key.partition(" ")[0] not in unseen:
                _recover(path)
    send_waiting(directories)


def let_go(job: str, key: str, reason: str, directories: Directories) -> None:
    """A bad job that nobody asks for any more, and why: its reminders end, and that is told. Never raises."""
    with _guarded(directories, f"the end of the alerts of {job} {key} could not be kept"):
        _recover(states.path_of(job, key, directories), reason)
    send_waiting(directories)


def database_down(error: str, directories: Directories) -> None:
    """Somebody found no database. Never raises."""
    with _guarded(directories, "the state of the database could not be kept"):
        _database_down(error, directories)
    send_waiting(directories)


def _database_down(error: str, directories: Directories, command: str = "") -> None:
    """One alert for all runs that find no database; `command`: what could not run."""
    path = states.path_of(DATABASE, "", directories)
    finding = Finding(
        "", "the database is down", error,
        "start it; what could not run meanwhile is named when it is back (doctor.py says what is wrong).",
    )  # fmt: skip
    _take_finding(finding, path, DATABASE)
    state = states.read(path)
    if state is not None and command and command not in state.items:
        state.items.append(masking.mask(command))
        states.write(path, state)


def database_back(directories: Directories) -> None:
    """Somebody reached the database. Never raises."""
    with _guarded(directories, "the state of the database could not be kept"):
        _recover(states.path_of(DATABASE, "", directories))
    send_waiting(directories)


def send_waiting(directories: Directories) -> None:
    """Send what could not go out before, and the reminders that are due. Never raises."""
    with _guarded(directories, "the reminders could not be kept"):
        _remind(directories)
    try:
        channels.send_pending(directories)
    except Exception as error:
        channels.warn(f"alerts could not be sent: {error}")


def tell(key: str, recipients: list[str], subject: str, text: str, directories: Directories) -> None:
    """Tell some people, beside whoever gets the alerts, of one thing; `key` names it, so that it waits only once.

    Goes out with this run's end, or a later one's. Never raises.
    """
    with _guarded(directories, f"the news for {', '.join(recipients)} could not be kept"):
        now = settings.now().isoformat(timespec="seconds")
        # recovered from the start: there is nothing that could recover
        state = State(channels.NEWS, key, "", now, "", title=subject, recovered_at=now, to=recipients)
        _message(state, "", text)
        states.write(states.path_of(state.job, key, directories), state)


@contextmanager
def _guarded(directories: Directories, what: str) -> Iterator[None]:
    """One at a time, and whatever goes wrong is a warning."""
    try:
        with states.lock(directories):
            yield
    except Exception as error:
        channels.warn(f"{what}: {error}")


def _remind(directories: Directories) -> None:
    """Make the reminders that are due."""
    now = settings.now()
    for path, state in states.all_states(directories):
        if state.bad and not state.pending and state.told_outside(now - REMIND_AFTER, now + REMIND_AFTER):
            _message(state, "still" if state.title else "is still bad", messages.reminder(state))
            states.write(path, state)


def _take(outcome: Outcome, path: Path) -> None:
    """Bring the state of a job up to date."""
    if outcome.status == "succeeded":
        _recover(path)
        return
    kind = f"{outcome.status} {outcome.exit_code} {outcome.kind}".strip()
    before = _going_on(path)
    if before is not None and before.kind == kind:
        return
    state = _bad(before, State(outcome.job, outcome.key, kind, "", masking.mask(outcome.error)))
    _tell_it_is_bad(path, state, outcome.status, messages.of_outcome(state, outcome))


def _take_finding(finding: Finding, path: Path, job: str = WATCHED) -> None:
    before = _going_on(path)
    items = set(before.items) if before is not None else set()
    if before is not None and before.kind == finding.kind and finding.items <= items:
        return
    state = _bad(before, State(job, finding.key, finding.kind, "", masking.mask(finding.error), finding.title))
    state.items = sorted(items | finding.items)
    _tell_it_is_bad(path, state, "", messages.of_finding(state, finding))


def _tell_it_is_bad(path: Path, state: State, how: str, text: str) -> None:
    """Keep a new bad state; what could not be told before (a recovery, another reason) goes along."""
    _message(state, how, text)
    state.reason = state.text
    earlier = states.read(path)
    if earlier is not None and earlier.pending:
        state.text += messages.untold(earlier)
    states.write(path, state)


def _going_on(path: Path) -> State | None:
    state = states.read(path)
    return state if state is not None and state.bad else None


def _bad(before: State | None, state: State) -> State:
    """A new state, with what goes on from the one before."""
    state.since = before.since if before is not None else settings.now().isoformat(timespec="seconds")
    state.told = before is not None and before.told
    return state


def _recover(path: Path, let_go: str = "") -> None:
    """End a bad state, where there is one. `let_go`: why nobody waits any more for it to work again."""
    state = _going_on(path)
    if state is None:
        return
    if not state.told and not channels.reachable(state):  # nobody was told, nobody could be
        path.unlink(missing_ok=True)
        return
    state.recovered_at = settings.now().isoformat(timespec="seconds")
    if let_go:
        _message(state, "is no longer expected", messages.let_go(state, let_go))
    else:
        _message(state, "works again", messages.recovery(state))
    states.write(path, state)


def _message(state: State, how: str, text: str) -> None:
    """Put a message into a state, for every channel."""
    from systemscripts import mail  # most runs have nothing to tell, and ssl takes a while to import

    subject = f"{state.name} {how}".strip()
    if state.title and how:
        subject = f"{'over' if state.recovered_at else how}: {state.title}"
    state.subject, state.text = masking.mask(f"[ETL] {subject}"), masking.mask(text)
    state.message_id = mail.make_message_id()
    state.pending = channels.wanted(state)
