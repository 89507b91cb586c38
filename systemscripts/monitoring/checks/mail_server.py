"""Mail, and the webhook beside it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from systemscripts import mail
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line

ORDER = 60
SECONDS = 10


def check(context: Context) -> Iterator[Line]:
    """Reach the server and log in; who is to get mail."""
    wanted = context.settings
    if wanted is None:
        return
    if wanted.alert_webhook_url is not None:
        yield _webhook(wanted.alert_webhook_url.get_secret_value())
    if not mail.is_configured():
        yield Line(
            WARNING,
            "mail",
            "no mail server is configured: nobody hears of failures",
            "Set SMTP_HOST and ALERT_RECIPIENTS.",
        )
        return
    try:
        mail.try_login()
        yield Line(OK, "mail", f"{wanted.smtp_host}:{wanted.smtp_port} lets us in ({wanted.smtp_security})")
    except EtlError as error:
        yield line("mail", error)
    for name, addresses in (
        ("ALERT_RECIPIENTS", wanted.alert_recipients),
        ("REPORT_RECIPIENTS", wanted.report_recipients),
    ):
        if not addresses:
            state = FAILURE if name == "ALERT_RECIPIENTS" else WARNING
            yield Line(state, "recipients", f"{name} is empty", f"Set {name}.")


def line(check: str, error: EtlError) -> Line:
    """What went wrong with the mail server, and what to do; nobody tries it again by himself."""
    hint = error.hint if "tried again" not in error.hint else "Check SMTP_HOST, SMTP_PORT and the firewall."
    return Line(FAILURE, check, error.message, hint or "Ask whoever runs the mail server.")


def _webhook(url: str) -> Line:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), SECONDS).close()
    except OSError as error:
        return Line(FAILURE, "webhook", f"{parts.hostname}:{port} does not answer: {error}", "Check ALERT_WEBHOOK_URL.")
    return Line(OK, "webhook", f"{parts.hostname}:{port} answers")
