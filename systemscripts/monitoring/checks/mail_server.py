"""Check the mail server, the webhook and the addresses of ALERT_URLS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from systemscripts import mail
from systemscripts.alerts import web_channels
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
    yield from _check_addresses([url.get_secret_value() for url in known.alert_urls])
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


def _check_addresses(addresses: list[str]) -> Iterator[Line]:
    if not addresses:
        return
    if advice := web_channels.explain_missing_package():
        yield Line(FAILURE, "alert urls", "ALERT_URLS needs the Python package apprise", advice)
        return
    for address in addresses:
        scheme = address.partition("://")[0]
        if web_channels.is_known_address(address):
            yield Line(OK, "alert urls", f"{scheme}:// is an address of Apprise")
        else:
            yield Line(FAILURE, "alert urls", f"{scheme}:// is not an address of Apprise", "Correct ALERT_URLS.")
