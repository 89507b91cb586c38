"""The texts of alerts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from systemscripts import log_utils
from systemscripts.alerts import causes
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.events import Finding, Outcome

LOG_LINES = 15
# What a summary says before the command that runs the job again; the message says so itself.
RUN_AGAIN = "fix the cause, then: "
# Of the steps of a pipeline: the message stays readable.
MAX_LOGS = 3
# Of a message that could not be sent while the mail server did not answer.
MAX_UNSENT_LETTERS = 20_000
NEXT_MESSAGES = "You will hear again after a week if this lasts, or sooner if the problem changes or is resolved."


def compose_outcome(state: State, outcome: Outcome) -> str:
    """Compose the message about a run that failed, with the end of its log, or of those of the steps that failed."""
    logs = outcome.step_logs or (outcome.log_file,)
    return f"""{state.name} {outcome.status} (exit code {outcome.exit_code}), failing since {state.since}.

What: {outcome.error}

{_compose_next_steps(outcome)}

{NEXT_MESSAGES}

{_compose_logs(logs[:MAX_LOGS])}"""


def _compose_next_steps(outcome: Outcome) -> str:
    """Compose what to type: what decides about held files, else what runs the job again."""
    if outcome.decisions:
        return "\n".join(
            ["Next: look at the file, then load it as it is, or leave it out", *_indent(outcome.decisions)]
        )
    commands = [step.removeprefix(RUN_AGAIN) for step in outcome.next_steps] or [outcome.command]
    return "\n".join(["Next: fix the cause, then run", *_indent(commands)])


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _compose_logs(logs: Sequence[Path]) -> str:
    parts = []
    for path in logs:
        lines = "\n".join(_read_log_tail(path)) or "(no log)"
        parts.append(f"Last lines of {path.with_suffix('.txt')}:\n{lines}\n")
    return "\n".join(parts)


def compose_finding(state: State, finding: Finding) -> str:
    """Compose the message about a problem that the watchdog found."""
    return f"""{finding.title}, seen since {state.since}.

What: {finding.error}

Next: {finding.hint}

{NEXT_MESSAGES}
"""


def compose_reminder(state: State) -> str:
    """Compose the reminder of a failure that lasts."""
    return f"{state.name} is still failing, since {state.since}.\n\nThe first message was:\n\n{state.reason}"


def compose_unsent(state: State) -> str:
    """Compose the part of a message that repeats one that could not be sent."""
    text = state.text if len(state.text) <= MAX_UNSENT_LETTERS else f"{state.text[:MAX_UNSENT_LETTERS]}\n..."
    return f"\nThe mail server did not answer, so this message was not sent at the time:\n\n{state.subject}\n\n{text}"


def compose_recovery(state: State) -> str:
    """Compose the message about a recovery, with the message that could not be sent before."""
    text = f"{state.name} recovered at {state.recovered_at}."
    if state.title:
        text = f"Resolved at {state.recovered_at}: {state.title}."
    text += f"\n\nIt had been failing since {state.since}: {state.error}\n"
    if causes.is_shared(state) and state.items:
        text += "\nThese jobs could not run meanwhile; run them again:\n"
        text += "".join(f"  {command}\n" for command in state.items)
    return text + compose_unsent(state) if state.pending else text


def compose_retirement(state: State, reason: str) -> str:
    """Compose the last message about a job that is no longer expected to run."""
    text = f"{reason}, so its reminders ended at {state.recovered_at}.\n\n"
    text += f"{state.name} had been failing since {state.since}: {state.error}\n"
    return text + compose_unsent(state) if state.pending else text


def _read_log_tail(path: Path) -> list[str]:
    try:
        last = deque(log_utils.read_entries(path), maxlen=LOG_LINES)
    except OSError:
        return []
    return [f"  {entry['time'][11:19]} {entry['level']:7} {entry['message']}" for entry in last]
