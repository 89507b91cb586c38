"""The channels of alerts: mail, and a webhook in Slack's format. Each sends every message once.

A message is sent to all its recipients at once. If the mail server refuses one of them temporarily, the message waits
for that recipient alone, as a state of its own: the others never get it twice.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts.alert_state import State
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError, TryLaterError

if TYPE_CHECKING:
    from systemscripts.mail import Refusal

logger = logging.getLogger(__name__)

MAIL, WEBHOOK = "mail", "webhook"
# People wait for the run that sends.
WEBHOOK_SECONDS = 10
# People read the messages of this channel on a phone.
MAX_WEBHOOK_LETTERS = 3000
# The job in the states of messages that are sent once, to certain people.
NEWS = "news"
# RFC 5321, 4.5.4.1: a recipient who is refused for so long is given up.
GIVE_UP_AFTER = timedelta(days=5)


def choose_channels(state: State) -> list[str]:
    """Return the channels for a message; mail also if it cannot be sent yet."""
    if state.to:
        return [MAIL]
    webhook = [WEBHOOK] if settings.current().alert_webhook_url else []
    return [MAIL, *webhook] if list_recipients(state) or not webhook else webhook


def is_anyone_reachable(state: State) -> bool:
    """Return whether the settings name anyone to alert."""
    return bool(list_recipients(state) or settings.current().alert_webhook_url)


def list_recipients(state: State) -> list[str]:
    """Return the recipients: ALERT_RECIPIENTS and those of its pipeline; none if no mail server is configured."""
    mailboxes = state.to or list(settings.current().alert_recipients)
    if state.job == "run_pipeline" and state.key:
        # late: most runs alert no one
        from systemscripts.configuration import pipeline_config

        # a faulty file has an alert of its own
        with suppress(EtlError):
            mailboxes += pipeline_config.load_pipeline(state.key).notify
    if not settings.current().smtp_host:
        return []
    return list({settings.extract_address(mailbox): mailbox for mailbox in reversed(mailboxes)}.values())[::-1]


def send_pending(directories: Directories) -> None:
    """Send the messages that wait; a channel that fails once is not used again before the next run.

    Only one process sends at a time, and none waits for it: after releasing the lock, the sender looks for messages
    that others have queued meanwhile. The states stay unlocked, so a slow server does not block other runs.
    """
    tried: set[tuple[str, str]] = set()
    failed: set[str] = set()
    while waiting := _list_waiting(directories, tried, failed):
        with states.try_lock(directories, "alerts_sending.lock") as is_free:
            if not is_free:
                return
            for message in waiting:
                tried.add(message.key)
                if message.channel not in failed and not _try_send(message, directories):
                    failed.add(message.channel)


@dataclass(frozen=True)
class _Message:
    """One message that waits for one channel."""

    path: Path
    message_id: str
    channel: str

    @property
    def key(self) -> tuple[str, str]:
        """The key that its remainder for one recipient shares, so that a later run sends that."""
        return self.message_id, self.channel


def _list_waiting(directories: Directories, tried: set[tuple[str, str]], failed: set[str]) -> list[_Message]:
    messages = [
        _Message(path, state.message_id, channel)
        for path, state in states.list_states(directories)
        for channel in state.pending
    ]
    return [message for message in messages if message.key not in tried and message.channel not in failed]


def _try_send(message: _Message, directories: Directories) -> bool:
    """Send one message if it still waits; return whether its channel works."""
    state = states.read_state(message.path)
    if state is None or state.message_id != message.message_id or message.channel not in state.pending:
        # another process was quicker
        return True
    if message.channel == MAIL and not list_recipients(state):
        logger.info("no alert mail was sent: set SMTP_HOST and ALERT_RECIPIENTS in config/.env")
        return False
    try:
        is_done = _try_post(state) if message.channel == WEBHOOK else _try_mail(state, directories)
    except EtlError as error:
        log_warning(f"the alert {message.channel} was not sent, a later run sends it: {error}")
        return False
    if is_done:
        _record_sent(message.path, state.message_id, message.channel, directories)
    return True


def _record_sent(path: Path, message_id: str, channel: str, directories: Directories) -> None:
    """Record that a channel has sent a message, unless another message has replaced it meanwhile."""
    with states.hold_lock(directories):
        state = states.read_state(path)
        if state is None or state.message_id != message_id or channel not in state.pending:
            return
        state.pending.remove(channel)
        if state.is_failing:
            state.told, state.told_at = True, settings.now().isoformat(timespec="seconds")
        if state.is_failing or state.pending:
            states.write_state(path, state)
        else:
            path.unlink(missing_ok=True)


def _try_mail(state: State, directories: Directories) -> bool:
    """Mail a message to its recipients; return whether it is done. Raises EtlError if the server is away."""
    # late: most runs have nothing to send, and ssl takes a while to import
    from systemscripts import mail

    to = list_recipients(state)
    message = mail.compose(state.subject, to, state.text)
    # the same ID for all attempts: a kill after the server accepted the mail repeats no new message
    del message["Message-ID"]
    message["Message-ID"] = state.message_id
    refused = mail.send(message, to)
    if len(refused) == len(to):
        return state.job == NEWS and _is_given_up(state, refused)
    for refusal in refused:
        if refusal.is_temporary:
            _keep_for_recipient(refusal.mailbox, state, directories)
    return True


def _is_given_up(state: State, refused: list[Refusal]) -> bool:
    """Return whether a message to certain people is no longer tried: refused permanently, or for days."""
    since = datetime.fromisoformat(state.since)
    permanently = state.is_remainder and not any(refusal.is_temporary for refusal in refused)
    return permanently or abs(settings.now() - since) > GIVE_UP_AFTER


def _keep_for_recipient(mailbox: str, state: State, directories: Directories) -> None:
    """Keep a message for the one recipient who could not get it, before it is recorded as sent to the others."""
    now = settings.now().isoformat(timespec="seconds")
    key = f"{state.message_id} {settings.extract_address(mailbox)}"
    remainder = replace(
        state, job=NEWS, key=key, kind="", since=now, recovered_at=now, pending=[MAIL], to=[mailbox], items=[],
        reason="", is_remainder=True,
    )  # fmt: skip
    states.write_state(states.build_path(NEWS, key, directories), remainder)


def _try_post(state: State) -> bool:
    """Post to the webhook in Slack's format (api.slack.com, "Sending messages using incoming webhooks").

    Return True; raises TryLaterError if it does not accept the message.
    """
    # late: most runs have nothing to send
    from systemscripts import http_client

    secret = settings.current().alert_webhook_url
    url = secret.get_secret_value() if secret else ""
    text = f"*{state.subject}*\n{state.text}"[:MAX_WEBHOOK_LETTERS]
    try:
        http_client.send_notification(url, json.dumps({"text": text}).encode(), "application/json", WEBHOOK_SECONDS)
    except TryLaterError as error:
        raise TryLaterError(f"the webhook: {error.message}", "Check ALERT_WEBHOOK_URL.") from error
    return True


def log_warning(text: str) -> None:
    """Log a warning without failing anything."""
    # a full disk
    with suppress(EtlError):
        logger.warning("%s", text, extra={"code": "alert_not_sent"})
