"""Send the messages that wait, once by each channel: mail, a webhook, the addresses of ALERT_URLS.

A message is sent to all its recipients at once. If the mail server refuses one of them temporarily, the message waits
for that recipient alone, as a state of its own: the others never get it twice. What the server accepted is recorded
before anything else is said to it, so a kill during the rest of the session repeats no mail.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import masking, settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts import unsent_mail
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.recipients import MAIL, list_other_channels, list_recipients
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError, TryLaterError

if TYPE_CHECKING:
    from systemscripts.mail import Refusal

logger = logging.getLogger(__name__)

# The job in the states of messages that are sent once, to certain people.
NEWS = "news"
# RFC 5321, 4.5.4.1: a recipient who is refused for so long is given up.
GIVE_UP_AFTER = timedelta(days=5)


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
    """Send one message if it still waits; return whether its channel works, as far as this message tells."""
    state = _take(message, directories)
    if state is None:
        # another process was quicker
        return True
    if message.channel == MAIL and not list_recipients(state):
        logger.info("no alert mail was sent: set SMTP_HOST and ALERT_RECIPIENTS in config/.env")
        if list_other_channels():
            # mail is no longer a channel
            _record_sent(message.path, state.message_id, MAIL, directories)
        # others have recipients
        return True
    try:
        if message.channel == MAIL:
            is_done = _try_mail(message, state, directories)
        else:
            is_done = True
            _send_otherwise(state, message.channel)
    except EtlError as error:
        log_warning(f"the alert {_describe(message.channel)} was not sent, a later run sends it: {error}")
        if message.channel == MAIL:
            _record_unsent(str(error), directories)
        return False
    except Exception as error:
        # a service of Apprise: it says nothing about the other messages
        reason = f"{type(error).__name__}: {masking.mask(str(error))}"
        log_warning(f"the alert {_describe(message.channel)} was not sent, a later run sends it: {reason}")
        return True
    if is_done:
        _record_sent(message.path, state.message_id, message.channel, directories)
    return True


def _take(message: _Message, directories: Directories) -> State | None:
    """Return the state of a message if it still waits; raises OSError where it could not be recorded as sent."""
    with states.hold_lock(directories):
        state = states.read_state(message.path)
        if state is None or state.message_id != message.message_id or message.channel not in state.pending:
            return None
        # on a full disk: a message that cannot be recorded as sent would be sent by each run
        states.write_state(message.path, state)
        return state


def _send_otherwise(state: State, channel: str) -> None:
    # late: most runs have nothing to send
    from systemscripts.alerts import web_channels

    web_channels.send(state, channel)


def _describe(channel: str) -> str:
    if channel == MAIL:
        return channel
    from systemscripts.alerts import web_channels

    return web_channels.describe_channel(channel)


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


def _try_mail(message: _Message, state: State, directories: Directories) -> bool:
    """Mail a message to its recipients; return whether it is done. Raises EtlError if the server takes no mail."""
    # late: most runs have nothing to send, and ssl takes a while to import
    from systemscripts import mail

    to = list_recipients(state)

    def record_accepted(refused: list[Refusal]) -> None:
        for refusal in refused:
            if refusal.is_temporary:
                _keep_for_recipient(refusal.mailbox, state, directories)
        _record_sent(message.path, state.message_id, MAIL, directories)

    composed = mail.compose(state.subject, to, state.text)
    # the same ID for all attempts: a kill after the server accepted the mail repeats no new message
    del composed["Message-ID"]
    composed["Message-ID"] = state.message_id
    refused = mail.send(composed, to, on_accepted=record_accepted)
    _record_recipients(to, refused, directories)
    if len(refused) < len(to):
        return True
    if state.job == NEWS and _is_given_up(state, refused):
        for refusal in refused:
            _record_refused(refusal, directories)
        return True
    if not any(refusal.is_temporary for refusal in refused):
        raise TryLaterError(f"the mail server refused every recipient: {', '.join(map(str, refused))}")
    return False


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


def _record_unsent(error: str, directories: Directories) -> None:
    with suppress(OSError), states.hold_lock(directories):
        unsent_mail.record_server_fault(error, directories)


def _record_refused(refusal: Refusal, directories: Directories) -> None:
    with suppress(OSError), states.hold_lock(directories):
        unsent_mail.record_refused(refusal.mailbox, str(refusal), directories)


def _record_recipients(to: list[str], refused: list[Refusal], directories: Directories) -> None:
    """Record whom the server accepted, and whom it refuses for good although it accepts others."""
    names = {refusal.mailbox for refusal in refused}
    accepted = [mailbox for mailbox in to if mailbox not in names]
    if not accepted:
        return
    with suppress(OSError), states.hold_lock(directories):
        unsent_mail.record_accepted(accepted, directories)
    for refusal in refused:
        if not refusal.is_temporary:
            _record_refused(refusal, directories)


def log_warning(text: str) -> None:
    """Log a warning without failing anything."""
    # a full disk
    with suppress(EtlError):
        logger.warning("%s", text, extra={"code": "alert_not_sent"})
