"""Who gets a message, and by which channels: mail, a webhook in Slack's format, the addresses of ALERT_URLS."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from systemscripts import settings
from systemscripts.alerts.alert_state import State
from systemscripts.errors import EtlError

MAIL, WEBHOOK = "mail", "webhook"
# followed by the beginning of the hash of an address, because the address is a secret
ADDRESS = "address "
# The job in the states of mail that cannot be sent; the key is the recipient, if it is about one.
UNSENT_MAIL = "mail"


def choose_channels(state: State) -> list[str]:
    """Return the channels for a message; mail also if it cannot be sent yet."""
    if state.to:
        return [MAIL]
    others = list_other_channels()
    if state.job == UNSENT_MAIL and not list_recipients(state):
        return others
    return [MAIL, *others] if list_recipients(state) or not others else others


def list_other_channels() -> list[str]:
    """Return the channels of the settings beside mail."""
    webhook = [WEBHOOK] if settings.current().alert_webhook_url else []
    return [*webhook, *list_addresses()]


def list_addresses() -> dict[str, str]:
    """Return the addresses of ALERT_URLS by the names of their channels."""
    addresses = [url.get_secret_value() for url in settings.current().alert_urls]
    return {f"{ADDRESS}{hashlib.sha256(address.encode()).hexdigest()[:8]}": address for address in addresses}


def is_anyone_reachable(state: State) -> bool:
    """Return whether the settings name anyone to alert."""
    return bool(list_recipients(state) or list_other_channels())


def list_recipients(state: State) -> list[str]:
    """Return the recipients: ALERT_RECIPIENTS and those of its pipeline; none if no mail server is configured."""
    mailboxes = state.to or list(settings.current().alert_recipients)
    if state.job == "run_pipeline" and state.key:
        # late: most runs alert no one
        from systemscripts.configuration import pipeline_config

        # a faulty file has an alert of its own
        with suppress(EtlError):
            mailboxes += pipeline_config.load_pipeline(state.key).notify
    if state.job == UNSENT_MAIL:
        # those who are not refused hear of the one who is; of a server that is away no one can hear by mail
        mailboxes = [name for name in mailboxes if state.key and settings.extract_address(name) != state.key]
    if not settings.current().smtp_host:
        return []
    return list({settings.extract_address(mailbox): mailbox for mailbox in reversed(mailboxes)}.values())[::-1]
