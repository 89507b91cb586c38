"""One mail when a job turns bad or fails in a new way, one when it recovers; never one for each retry.

The state lies in var/alerts/, not in the database, for the database may be what is down.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from systemscripts import mail, masking, settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import EtlError

logger = logging.getLogger(__name__)

LOG_LINES = 15


@dataclass
class State:
    """What is known of a job that went bad; the file goes when the recovery mail is out."""

    job: str
    key: str
    kind: str  # exit code and status: a failure of another kind is news
    since: str
    error: str
    told: bool = False  # whether the mail about this kind was accepted
    recovered_at: str | None = None


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


def notice(outcome: Outcome, directories: Directories) -> None:
    """Take one run's end into account and mail what is news; a mail that fails is logged and tried again next time."""
    path = _state_path(outcome, directories)
    try:
        state = _read(path)
        if outcome.status == "succeeded":
            if state is not None:
                _recovered(state, path, outcome)
        elif outcome.status != "skipped":
            _bad(state, path, outcome)
    except (OSError, EtlError) as error:
        logger.warning("the alert of %s could not be kept: %s", outcome.job, error)


def _state_path(outcome: Outcome, directories: Directories) -> Path:
    name = f"{outcome.job}-{outcome.key}" if outcome.key else outcome.job
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:80]
    return directories.alerts / f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def _read(path: Path) -> State | None:
    try:
        return State(**json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def _write(path: Path, state: State) -> None:
    with atomic_write(path) as stream:
        stream.write(json.dumps(asdict(state), indent=1).encode())


def _bad(state: State | None, path: Path, outcome: Outcome) -> None:
    kind = f"{outcome.status} {outcome.exit_code}"
    if state is None or state.kind != kind or state.recovered_at:
        since = state.since if state and not state.recovered_at else settings.now().isoformat()
        state = State(outcome.job, outcome.key, kind, since, outcome.error)
    if not state.told:
        state.told = _send(f"[ETL] {_name(outcome)} {outcome.status}", _bad_text(state, outcome))
    _write(path, state)


def _recovered(state: State, path: Path, outcome: Outcome) -> None:
    state.recovered_at = state.recovered_at or settings.now().isoformat()
    # nobody was told that it was bad, so nobody needs to hear that it is well
    if not state.told or _send(f"[ETL] {_name(outcome)} works again", _recovered_text(state, outcome)):
        path.unlink(missing_ok=True)
    else:
        _write(path, state)


def _name(outcome: Outcome) -> str:
    return f"{outcome.job} {outcome.key}".strip()


def _send(subject: str, text: str) -> bool:
    recipients = settings.current().alert_recipients
    if not mail.configured() or not recipients:
        logger.info("no alert mail went out: set SMTP_HOST and ALERT_RECIPIENTS in config/.env")
        return False
    try:
        mail.send(mail.compose(masking.mask(subject), recipients, masking.mask(text)))
    except EtlError as error:
        logger.warning("the alert mail did not go out: %s", error)
        return False
    return True


def _bad_text(state: State, outcome: Outcome) -> str:
    lines = "\n".join(_tail(outcome.log_file)) or "(no log)"
    return f"""{_name(outcome)} {outcome.status} (exit code {outcome.exit_code}), bad since {state.since}.

What: {outcome.error}

Next: mend the cause, then run
  ./run_python_etl_script.sh {outcome.job}.py {outcome.arguments}

You will hear again when it fails in another way, or works again.

Last lines of {outcome.log_file.with_suffix('.txt')}:
{lines}
"""


def _recovered_text(state: State, outcome: Outcome) -> str:
    return f"""{_name(outcome)} works again since {state.recovered_at}.

It was bad since {state.since}: {state.error}
"""


def _tail(path: Path) -> list[str]:
    try:
        entries: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()[-LOG_LINES:] if line]
    except (OSError, json.JSONDecodeError):
        return []
    return [f"  {entry['time'][11:19]} {entry['level']:7} {entry['message']}" for entry in entries]
