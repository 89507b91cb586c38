"""The ways on which an alert reaches people: mail, and a webhook in Slack's format. Each takes every message once.

A message is sent to all its recipients at once. Where the mail server refuses one of them for now, it waits for that
one alone, as a state of its own: the others have it and never get it again.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import masking, settings
from systemscripts.alerts import alert_state as states
from systemscripts.alerts.alert_state import State
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError, TryLaterError

if TYPE_CHECKING:
    from systemscripts.mail import Refusal

logger = logging.getLogger(__name__)

MAIL, WEBHOOK = "mail", "webhook"
WEBHOOK_SECONDS = 10
MOST_LETTERS = 3000  # of a message to a channel that people read on a phone
NEWS = "news"  # the job in the states of what is told once, to certain people
GIVE_UP_AFTER = timedelta(days=5)  # RFC 5321, 4.5.4.1: a recipient who is refused for so long is given up


def wanted(state: State) -> list[str]:
    """The channels that a message is to go to; mail also where it cannot go out yet."""
    if state.to:
        return [MAIL]
    webhook = [WEBHOOK] if settings.current().alert_webhook_url else []
    return [MAIL, *webhook] if recipients(state) or not webhook else webhook


def reachable(state: State) -> bool:
    """Whether anybody can be told at all, by the settings."""
    return bool(recipients(state) or settings.current().alert_webhook_url)


def recipients(state: State) -> list[str]:
    """Who hears of it: ALERT_RECIPIENTS, and whom its pipeline names; nobody where no mail can go out."""
    found = state.to or list(settings.current().alert_recipients)
    if state.job == "run_pipeline" and state.key:
        from systemscripts.configuration import pipeline_config  # most runs tell nobody

        with suppress(EtlError):  # a faulty file is somebody else's alert
            found += pipeline_config.load_pipeline(state.key).notify
    if not settings.current().smtp_host:
        return []
    return list({settings.extract_address(each): each for each in reversed(found)}.values())[::-1]


def send_pending(directories: Directories) -> None:
    """Send what waits; a channel that fails once is left alone until the next run.

    One process sends at a time, and none waits for it: after it gave the lock back, the sender looks for what others
    have left meanwhile. The states stay free, so that a slow server keeps no run from noting its own.
    """
    tried: set[tuple[str, str]] = set()
    failed: set[str] = set()
    while waiting := [each for each in _waiting(directories) if each.key not in tried and each.channel not in failed]:
        with states.lock_if_free(directories, "alerts_sending.lock") as is_free:
            if not is_free:
                return
            for message in waiting:
                tried.add(message.key)
                if message.channel not in failed and not _send(message, directories):
                    failed.add(message.channel)


@dataclass(frozen=True)
class _Message:
    """One message that waits for one channel."""

    path: Path
    message_id: str
    channel: str

    @property
    def key(self) -> tuple[str, str]:
        """What its remainder for one recipient has as well, which goes with a later run."""
        return self.message_id, self.channel


def _waiting(directories: Directories) -> list[_Message]:
    return [
        _Message(path, state.message_id, channel)
        for path, state in states.all_states(directories)
        for channel in state.pending
    ]


def _send(message: _Message, directories: Directories) -> bool:
    """Send one message if it still waits; returns whether its channel is of use."""
    state = states.read(message.path)
    if state is None or state.message_id != message.message_id or message.channel not in state.pending:
        return True  # another process was quicker
    if message.channel == MAIL and not recipients(state):
        logger.info("no alert mail went out: set SMTP_HOST and ALERT_RECIPIENTS in config/.env")
        return False
    try:
        is_done = _post(state) if message.channel == WEBHOOK else _mail(state, directories)
    except EtlError as error:
        warn(f"the alert {message.channel} did not go out, it goes with a later run: {error}")
        return False
    if is_done:
        _note(message.path, state.message_id, message.channel, directories)
    return True


def _note(path: Path, message_id: str, channel: str, directories: Directories) -> None:
    """Note that a channel has a message, unless another message has taken its place meanwhile."""
    with states.lock(directories):
        state = states.read(path)
        if state is None or state.message_id != message_id or channel not in state.pending:
            return
        state.pending.remove(channel)
        if state.bad:
            state.told, state.told_at = True, settings.now().isoformat(timespec="seconds")
        if state.bad or state.pending:
            states.write(path, state)
        else:
            path.unlink(missing_ok=True)


def _mail(state: State, directories: Directories) -> bool:
    """Mail a message to its recipients; returns whether it is done with. Raises EtlError where the server is away."""
    from systemscripts import mail  # most runs have nothing to send, and ssl takes a while to import

    to = recipients(state)
    message = mail.compose(state.subject, to, state.text)
    del message["Message-ID"]  # one for all tries, so that a kill after the acceptance repeats nothing new
    message["Message-ID"] = state.message_id
    refused = mail.send(message, to)
    if len(refused) == len(to):
        return state.job == NEWS and _is_given_up(state, refused)
    for refusal in refused:
        if refusal.is_temporary:
            _keep_for(refusal.mailbox, state, directories)
    return True


def _is_given_up(state: State, refused: list[Refusal]) -> bool:
    """Return whether what only these people are told is no longer tried: refused for good, or for days."""
    since = datetime.fromisoformat(state.since)
    permanently = state.is_remainder and not any(each.is_temporary for each in refused)
    return permanently or abs(settings.now() - since) > GIVE_UP_AFTER


def _keep_for(mailbox: str, state: State, directories: Directories) -> None:
    """Keep a message for the one recipient who could not get it, before it is noted as sent to the others."""
    now = settings.now().isoformat(timespec="seconds")
    key = f"{state.message_id} {settings.extract_address(mailbox)}"
    left = replace(
        state, job=NEWS, key=key, kind="", since=now, recovered_at=now, pending=[MAIL], to=[mailbox], items=[],
        reason="", is_remainder=True,
    )  # fmt: skip
    states.write(states.path_of(NEWS, key, directories), left)


def _post(state: State) -> bool:
    """Post to the webhook as Slack wants it (api.slack.com, "Sending messages using incoming webhooks").

    Returns True; raises TryLaterError where it does not accept the message.
    """
    import urllib.error
    import urllib.request

    secret = settings.current().alert_webhook_url
    url = secret.get_secret_value() if secret else ""
    text = f"*{state.subject}*\n{state.text}"[:MOST_LETTERS]
    request = urllib.request.Request(
        url, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):
            pass
    except urllib.error.HTTPError as error:
        raise TryLaterError(f"the webhook answered {error.code}", "Check ALERT_WEBHOOK_URL.") from error
    except (OSError, ValueError) as error:
        raise TryLaterError(f"the webhook: {masking.mask(str(error))}", "Check ALERT_WEBHOOK_URL.") from error
    return True


def warn(text: str) -> None:
    """Say it without failing anything."""
    with suppress(EtlError):  # a full disk
        logger.warning("%s", text, extra={"code": "alert_not_sent"})
