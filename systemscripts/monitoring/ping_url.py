"""Ping an outside service, so that it notices when the watchdog itself stops (healthchecks.io, "Pinging API")."""

from __future__ import annotations

import logging

from systemscripts import settings
from systemscripts.errors import EtlError

logger = logging.getLogger(__name__)
# The watchdog waits for it.
TIMEOUT_SECONDS = 10


def send_ping(problems: list[str]) -> None:
    """Request WATCHDOG_PING_URL; if there are problems, with /fail appended and the problems as the body.

    Every error is only a warning: the service that waits for the ping notices its absence.
    """
    secret = settings.current().watchdog_ping_url
    if secret is None:
        return
    # late: most installations have no such address
    from systemscripts import http_client

    url = secret.get_secret_value().rstrip("/") + ("/fail" if problems else "")
    body = "\n".join(problems).encode() if problems else None
    try:
        http_client.send_notification(url, body, "text/plain; charset=utf-8", TIMEOUT_SECONDS)
    except EtlError as error:
        logger.warning("the ping was not sent: %s", error, extra={"code": "ping_failed"})
