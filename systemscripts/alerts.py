"""One mail when a job turns bad or fails in a new way, one when it recovers; never one for each retry.

The state lies in var/alerts/, not in the database, for the database may be what is down. A mail that could not go out
waits there and goes with the next run of any job.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from systemscripts import log_utils, masking, settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import EtlError

logger = logging.getLogger(__name__)

LOG_LINES = 15


@dataclass
class State:
    """What is known of a job that went bad; the file goes when the recovery mail is out."""

    job: str
    key: str
    kind: str  # status, exit code and sort of error: a failure of another kind is news
    since: str
    error: str
    told: bool = False  # whether a mail that it is bad was accepted
    recovered_at: str | None = None
    subject: str = ""  # of the mail that waits
    text: str = ""

    @property
    def name(self) -> str:
        """The job, with what it worked on."""
        return f"{self.job} {self.key}".strip()


@dataclass(frozen=True)
class Outcome:
    """How a run ended, as far as an alert needs it."""

    job: str
    key: str
    status: str
    exit_code: int
    error: str
    arguments: str
    log_file: Path
    kind: str = ""


def notice(outcome: Outcome, directories: Directories) -> None:
    """Take one run's end into account and mail what is news. Never raises: an alert must not fail the job."""
    try:
        with _only_one(directories):
            _take(outcome, _state_path(outcome, directories))
            _send_waiting(directories)
    except Exception as error:
        _warn(f"the alert of {outcome.job} could not be kept: {error}")


def send_waiting(directories: Directories) -> None:
    """Try again to send what the mail server did not take before. Never raises."""
    try:
        with _only_one(directories):
            _send_waiting(directories)
    except Exception as error:
        _warn(f"alert mails could not be sent: {error}")


@contextmanager
def _only_one(directories: Directories) -> Iterator[None]:
    with (directories.locks / "alerts.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _warn(text: str) -> None:
    with suppress(EtlError):  # a full disk
        logger.warning("%s", text)


def _state_path(outcome: Outcome, directories: Directories) -> Path:
    name = f"{outcome.job}-{outcome.key}" if outcome.key else outcome.job
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:80]
    return directories.alerts / f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def _read(path: Path) -> State | None:
    try:
        return State(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(path: Path, state: State) -> None:
    with atomic_write(path) as stream:
        stream.write(json.dumps(asdict(state), indent=1).encode())


def _take(outcome: Outcome, path: Path) -> None:
    """Bring the state of the job up to date, with the mail that is to go out where there is news."""
    state = _read(path)
    if outcome.status == "succeeded":
        if state is not None and state.recovered_at is None:
            _recovered(state, path)
        return
    kind = f"{outcome.status} {outcome.exit_code} {outcome.kind}".strip()
    if state is not None and state.recovered_at is None and state.kind == kind:
        return
    going_on = state is not None and state.recovered_at is None
    since = state.since if state is not None and going_on else settings.now().isoformat(timespec="seconds")
    told = state is not None and going_on and state.told
    state = State(outcome.job, outcome.key, kind, since, masking.mask(outcome.error), told)
    state.subject = masking.mask(f"[ETL] {state.name} {outcome.status}")
    state.text = masking.mask(_bad_text(state, outcome))
    _write(path, state)


def _recovered(state: State, path: Path) -> None:
    if not state.told and not _can_mail():  # nobody was told, nobody could be
        path.unlink(missing_ok=True)
        return
    state.recovered_at = settings.now().isoformat(timespec="seconds")
    state.subject = masking.mask(f"[ETL] {state.name} works again")
    untold = f"\nThe mail server was away, so this was not told then:\n\n{state.text}" if state.text else ""
    text = f"{state.name} works again since {state.recovered_at}.\n\nIt was bad since {state.since}: {state.error}\n"
    state.text = masking.mask(text + untold)
    _write(path, state)


def _can_mail() -> bool:
    return bool(settings.current().smtp_host and settings.current().alert_recipients)


def _send_waiting(directories: Directories) -> None:
    for path in sorted(directories.alerts.glob("*.json")):
        state = _read(path)
        if state is None or not state.subject:
            continue
        if not _can_mail():
            logger.info("no alert mail went out: set SMTP_HOST and ALERT_RECIPIENTS in config/.env")
            return
        if not _sent(state):
            return
        if state.recovered_at:
            path.unlink(missing_ok=True)
        else:
            state.told, state.subject, state.text = True, "", ""
            _write(path, state)


def _sent(state: State) -> bool:
    from systemscripts import mail  # most runs have nothing to send, and ssl takes a while to import

    try:
        mail.send(mail.compose(state.subject, settings.current().alert_recipients, state.text))
    except EtlError as error:
        _warn(f"the alert mail did not go out, it goes with a later run: {error}")
        return False
    return True


def _bad_text(state: State, outcome: Outcome) -> str:
    lines = "\n".join(_tail(outcome.log_file)) or "(no log)"
    return f"""{state.name} {outcome.status} (exit code {outcome.exit_code}), bad since {state.since}.

What: {outcome.error}

Next: mend the cause, then run
  ./run_python_etl_script.sh {outcome.job}.py {outcome.arguments}

You will hear again when it fails in another way, or works again.

Last lines of {outcome.log_file.with_suffix(".txt")}:
{lines}
"""


def _tail(path: Path) -> list[str]:
    try:
        last = deque(log_utils.entries(path), maxlen=LOG_LINES)
    except OSError:
        return []
    return [f"  {entry['time'][11:19]} {entry['level']:7} {entry['message']}" for entry in last]
