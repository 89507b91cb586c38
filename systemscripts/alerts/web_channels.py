"""Send a message to a webhook in Slack's format, or to an address of Apprise (chat, push, SMS)."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from systemscripts import mail, masking, settings
from systemscripts.alerts import recipients
from systemscripts.alerts.alert_state import State
from systemscripts.commands import format_program
from systemscripts.errors import ConfigurationError, TryLaterError

# People wait for the run that sends.
WEBHOOK_SECONDS = 10
# People read the messages of these channels on a phone.
MAX_LETTERS = 3000


def send(state: State, channel: str) -> None:
    """Send the message of a state by one channel; raises EtlError if it is not accepted.

    A channel that the settings no longer name has nothing to send.
    """
    if channel == recipients.WEBHOOK:
        _post(state)
    elif address := recipients.list_addresses().get(channel):
        _notify(state, address)


def describe_channel(channel: str) -> str:
    """Return a channel as people know it, without its secrets."""
    address = recipients.list_addresses().get(channel, "")
    return f"{address.partition('://')[0]}:// of ALERT_URLS" if address else channel


def explain_missing_package() -> str:
    """Return what to type if the package that ALERT_URLS needs is missing; "" if it is there."""
    try:
        # late: hardly any run needs it
        import apprise  # noqa: F401 - only whether it can be imported
    except ImportError:
        return f"Run: {format_program('install_dependencies.sh', '--python-only', '--with', 'alerts')}"
    return ""


def is_known_address(address: str) -> bool:
    """Return whether Apprise has a service for an address; raises ImportError without the package."""
    import apprise

    return apprise.Apprise.instantiate(address, suppress_exceptions=True) is not None


def _post(state: State) -> None:
    """Post to the webhook (api.slack.com, "Sending messages using incoming webhooks")."""
    # late: most runs have nothing to send
    from systemscripts import http_client

    secret = settings.current().alert_webhook_url
    url = secret.get_secret_value() if secret else ""
    text = f"*{mail.add_to_subject(state.subject)}*\n{_shorten(state.text)}"
    try:
        http_client.send_notification(url, json.dumps({"text": text}).encode(), "application/json", WEBHOOK_SECONDS)
    except TryLaterError as error:
        raise TryLaterError(f"the webhook: {error.message}", "Check ALERT_WEBHOOK_URL.") from error


def _notify(state: State, address: str) -> None:
    """Send to an address of Apprise (github.com/caronc/apprise)."""
    scheme = address.partition("://")[0]
    try:
        import apprise
    except ImportError as error:
        raise ConfigurationError("ALERT_URLS needs the Python package apprise", explain_missing_package()) from error
    asset = apprise.AppriseAsset(app_id="Client ETL Workflow", async_mode=False, http_redirects=False)
    service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if service is None:
        raise ConfigurationError(f"{scheme}:// of ALERT_URLS is not an address of Apprise", "Correct ALERT_URLS.")
    # also where the address asks for it: the message, and the secrets with it, would go to any place
    service.redirects = False
    # a text that is too long for the service is shortened, not refused
    service.overflow_mode = apprise.OverflowMode.TRUNCATE
    colour = apprise.NotifyType.FAILURE if state.is_failing else apprise.NotifyType.SUCCESS
    with (
        _ignoring_proxies(),
        apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said,  # type: ignore[no-untyped-call]
    ):
        is_sent = service.notify(
            title=mail.add_to_subject(state.subject), body=_shorten(state.text), notify_type=colour,
            body_format=apprise.NotifyFormat.TEXT,
        )  # fmt: skip
        reason = " ".join(said.getvalue().split())
    if not is_sent:
        text = f"{scheme}:// of ALERT_URLS did not accept it"
        raise TryLaterError(masking.mask(f"{text}: {reason}" if reason else text), "Check ALERT_URLS.")


@contextmanager
def _ignoring_proxies() -> Iterator[None]:
    """Hide the proxies of the environment, which Apprise would use."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.lower().endswith("_proxy")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _shorten(text: str) -> str:
    return mail.sign(text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS - 4]}\n...")
