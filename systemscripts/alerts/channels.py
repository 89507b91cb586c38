"""The ways on which an alert reaches people: mail, and a webhook in Slack's format. Each takes every message once."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path

from systemscripts import masking, settings
from systemscripts.alerts import state as states
from systemscripts.alerts.state import State
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError, TryLaterError

logger = logging.getLogger(__name__)

MAIL, WEBHOOK = "mail", "webhook"
WEBHOOK_SECONDS = 10
MOST_LETTERS = 3000  # of a message to a channel that people read on a phone


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
            found += pipeline_config.load(state.key).notify
    return list(dict.fromkeys(found)) if settings.current().smtp_host else []


def send_pending(directories: Directories) -> None:
    """Send what waits; a channel that fails once is left alone until the next run."""
    failed: set[str] = set()
    for path, state in states.all_states(directories):
        for channel in [each for each in state.pending if each not in failed]:
            if channel == MAIL and not recipients(state):
                logger.info("no alert mail went out: set SMTP_HOST and ALERT_RECIPIENTS in config/.env")
                failed.add(channel)
            elif _sent(channel, state):
                _note(path, state, channel)
            else:
                failed.add(channel)


def _note(path: Path, state: State, channel: str) -> None:
    state.pending.remove(channel)
    if state.bad:
        state.told, state.told_at = True, settings.now().isoformat(timespec="seconds")
    if state.bad or state.pending:
        states.write(path, state)
    else:
        path.unlink(missing_ok=True)


def _sent(channel: str, state: State) -> bool:
    try:
        if channel == WEBHOOK:
            _post(state)
        else:
            _mail(state)
    except EtlError as error:
        warn(f"the alert {channel} did not go out, it goes with a later run: {error}")
        return False
    return True


def _mail(state: State) -> None:
    from systemscripts import mail  # most runs have nothing to send, and ssl takes a while to import

    message = mail.compose(state.subject, recipients(state), state.text)
    del message["Message-ID"]  # one for all tries, so that a kill after the acceptance repeats nothing new
    message["Message-ID"] = state.message_id
    mail.send(message)


def _post(state: State) -> None:
    """Post to the webhook as Slack wants it (api.slack.com, "Sending messages using incoming webhooks")."""
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


def warn(text: str) -> None:
    """Say it without failing anything."""
    with suppress(EtlError):  # a full disk
        logger.warning("%s", text, extra={"code": "alert_not_sent"})
