"""Check the mail server and the webhook."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from systemscripts import mail
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line

ORDER = 60
TIMEOUT_SECONDS = 10


def check(context: Context) -> Iterator[Line]:
    """Connect to the server and log in; check who receives mail."""
    known = context.settings
    if known is None:
        return
    if known.alert_webhook_url is not None:
        yield _check_webhook(known.alert_webhook_url.get_secret_value())
    if not mail.is_configured():
        yield Line(
            WARNING,
            "mail",
            "no mail server is configured: failures are not reported",
            "Set SMTP_HOST and ALERT_RECIPIENTS.",
        )
        return
    try:
        mail.try_login()
        yield Line(
            OK,
            "mail",
            f"{known.smtp_host}:{known.smtp_port} login succeeded ({known.smtp_security})",
        )
    except EtlError as error:
        yield build_line("mail", error)
    for name, addresses in (
        ("ALERT_RECIPIENTS", known.alert_recipients),
        ("REPORT_RECIPIENTS", known.report_recipients),
    ):
        if not addresses:
            state = FAILURE if name == "ALERT_RECIPIENTS" else WARNING
            yield Line(state, "recipients", f"{name} is empty", f"Set {name}.")


def build_line(check: str, error: EtlError) -> Line:
    """Return what went wrong with the mail server, and what to do: here nothing is retried automatically."""
    hint = error.hint if "next run" not in error.hint else "Check SMTP_HOST, SMTP_PORT and the firewall."
    return Line(FAILURE, check, error.message, hint or "Ask the people who run the mail server.")


def _check_webhook(url: str) -> Line:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), TIMEOUT_SECONDS).close()
    except OSError as error:
        return Line(FAILURE, "webhook", f"{parts.hostname}:{port} does not answer: {error}", "Check ALERT_WEBHOOK_URL.")
    return Line(OK, "webhook", f"{parts.hostname}:{port} answers")
