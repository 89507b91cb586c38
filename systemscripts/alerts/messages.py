"""The words of alerts."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from systemscripts import log_utils
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.events import Finding, Outcome

LOG_LINES = 15
MOST_UNTOLD = 20_000  # letters, of what went on while the mail server was away
AGAIN = "You will hear again in a week while this lasts, when it fails in another way, and when it works again."


def of_outcome(state: State, outcome: Outcome) -> str:
    """A run that went bad."""
    lines = "\n".join(_tail(outcome.log_file)) or "(no log)"
    return f"""{state.name} {outcome.status} (exit code {outcome.exit_code}), bad since {state.since}.

What: {outcome.error}

Next: fix the cause, then run
  {outcome.command}

{AGAIN}

Last lines of {outcome.log_file.with_suffix(".txt")}:
{lines}
"""


def of_finding(state: State, finding: Finding) -> str:
    """Something the watchdog found."""
    return f"""{finding.title}, seen since {state.since}.

What: {finding.error}

Next: {finding.hint}

{AGAIN}
"""


def reminder(state: State) -> str:
    """It is still bad."""
    return f"{state.name} is still bad, since {state.since}.\n\nWhat was said then:\n\n{state.reason}"


def untold(state: State) -> str:
    """The message of a state that has not gone out, as a part of the next one."""
    text = state.text if len(state.text) <= MOST_UNTOLD else f"{state.text[:MOST_UNTOLD]}\n..."
    return f"\nThe mail server was away, so this was not told then:\n\n{state.subject}\n\n{text}"


def recovery(state: State) -> str:
    """It is over; with what could not be told in its time."""
    text = f"{state.name} works again since {state.recovered_at}."
    if state.title:
        text = f"No longer so since {state.recovered_at}: {state.title}."
    text += f"\n\nIt was bad since {state.since}: {state.error}\n"
    if state.job == "database" and state.items:
        text += "\nWhat could not run meanwhile; run it again:\n" + "".join(f"  {each}\n" for each in state.items)
    return text + untold(state) if state.pending else text


def let_go(state: State, reason: str) -> str:
    """Nobody waits any more for it to work again."""
    text = f"{reason}, so there are no more reminders since {state.recovered_at}.\n\n"
    text += f"{state.name} was bad since {state.since}: {state.error}\n"
    return text + untold(state) if state.pending else text


def _tail(path: Path) -> list[str]:
    try:
        last = deque(log_utils.read_entries(path), maxlen=LOG_LINES)
    except OSError:
        return []
    return [f"  {entry['time'][11:19]} {entry['level']:7} {entry['message']}" for entry in last]
