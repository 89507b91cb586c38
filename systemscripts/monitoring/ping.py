"""Tell somebody outside that the watchdog itself lives, as healthchecks does (healthchecks.io, "Pinging API")."""

from __future__ import annotations

import logging

from systemscripts import settings

logger = logging.getLogger(__name__)
SECONDS = 10


def tell(problems: list[str]) -> None:
    """Ask for WATCHDOG_PING_URL, with /fail behind it and the problems as text where there are some.

    Whatever goes wrong is a warning: whoever waits for the ping notices its absence.
    """
    secret = settings.current().watchdog_ping_url
    if secret is None:
        return
    import urllib.request

    url = secret.get_secret_value().rstrip("/") + ("/fail" if problems else "")
    body = "\n".join(problems).encode() if problems else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=SECONDS):
            pass
    except (OSError, ValueError) as error:
        logger.warning("the ping did not go out: %s", error, extra={"code": "ping_failed"})
