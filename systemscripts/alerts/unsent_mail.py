"""Report mail that cannot be sent: by the other channels, in syslog, and in status, doctor and console.

One state is about the mail server, one about each recipient whom it refuses for good; the other recipients hear of
that one by mail.
"""

from __future__ import annotations

import syslog

from systemscripts import masking, settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts import state_changes
from systemscripts.alerts.events import Finding
from systemscripts.alerts.recipients import UNSENT_MAIL
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories

SERVER_TITLE = "mail cannot be sent"


def record_server_fault(error: str, directories: Directories) -> None:
    """Record that the mail server takes no mail; raises OSError."""
    hint = (
        f"correct the mail settings in {settings.settings_file()}, or ask the people who run the mail server;"
        f" {format_command('doctor', '--test-mail')} shows the conversation with it. The mails wait in"
        f" {directories.alerts} and are sent then."
    )
    _record(Finding("", SERVER_TITLE, error, hint), directories)


def record_refused(mailbox: str, refusal: str, directories: Directories) -> None:
    """Record that the mail server refuses a recipient for good; raises OSError."""
    address = settings.extract_address(mailbox)
    hint = f"correct the address in {settings.settings_file()} or in the YAML that names it, or ask who runs its server"
    error = f"the mail server refused {refusal}: this recipient gets no mail"
    _record(Finding(address, f"mail to {address} is refused", error, hint), directories)


def record_accepted(mailboxes: list[str], directories: Directories) -> None:
    """Record that the mail server accepted a mail for these; raises OSError."""
    for key in ["", *map(settings.extract_address, mailboxes)]:
        path = states.build_path(UNSENT_MAIL, key, directories)
        if state := state_changes.read_failing(path):
            state_changes.recover(path)
            _write_syslog(syslog.LOG_NOTICE, f"over: {state.title}")


def list_unsent(directories: Directories) -> list[str]:
    """Return each message that a channel has not sent yet, with since when it waits."""
    return [
        f"{', '.join(state.pending)}: {state.subject.removeprefix('[ETL] ')}"
        f"{f' to {state.to[0]}' if state.to else ''}, waits since {(state.recovered_at or state.since)[:16]}"
        for _, state in states.list_states(directories)
        if state.pending
    ]


def forget_removed_recipients(known: set[str], directories: Directories) -> None:
    """End what is recorded of recipients whom nothing names any longer; raises OSError."""
    for path, state in states.list_states(directories):
        if state.job == UNSENT_MAIL and state.is_failing and state.key and state.key not in known:
            state_changes.recover(path)


def _record(finding: Finding, directories: Directories) -> None:
    path = states.build_path(UNSENT_MAIL, finding.key, directories)
    if state_changes.read_failing(path) is None:
        _write_syslog(syslog.LOG_ERR, f"{finding.title}: {finding.error}")
    state_changes.record_finding(finding, path, UNSENT_MAIL)


def _write_syslog(level: int, text: str) -> None:
    syslog.openlog("client_etl_workflow", 0, syslog.LOG_USER)
    syslog.syslog(level, masking.mask(f"{settings.PROJECT}: {' '.join(text.split())}")[:1000])
