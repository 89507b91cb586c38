"""When certificates expire: of the mail server, of a remote database, and of CERTIFICATE_SERVERS."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from systemscripts import certificates, settings
from systemscripts.alerts import Finding
from systemscripts.certificates import Greeting
from systemscripts.db_utils.connection import ENCRYPTED
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import View

KEYS = ("certificate",)
ORDER = 65
DATABASE_PORT = 5432


def find(view: View) -> Iterator[Finding]:
    """Report each certificate that expires within CERTIFICATE_DAYS, or has expired."""
    limit = settings.current().certificate_days
    for what, host, port, greeting in list_servers():
        key = f"certificate {host}:{port}"
        try:
            end = certificates.fetch_expiry(host, port, greeting)
        # the jobs that need the server report that it is away; a known problem stays known
        except OSError:
            if key in view.known_problems:
                state = view.known_problems[key]
                yield Finding(
                    key, _format_title(what, host, port), "the server does not answer now", _format_hint(what), state
                )
            continue
        if end - view.now < timedelta(days=limit):
            text = f"it {'expired' if end <= view.now else 'expires'} at {end:%Y-%m-%d %H:%M} UTC"
            yield Finding(
                key,
                _format_title(what, host, port),
                text,
                _format_hint(what),
                "ended" if end <= view.now else "ends soon",
            )


def check(context: Context) -> Iterator[Line]:
    """Yield a line for each server with a certificate."""
    if context.settings is None:
        return
    for what, host, port, greeting in list_servers():
        where = f"{what} {host}:{port}"
        try:
            end = certificates.fetch_expiry(host, port, greeting)
        except OSError as error:
            yield Line(WARNING, "certificate", f"{where} does not answer: {error}", "Check that server.")
            continue
        text = f"{where}: valid until {end:%Y-%m-%d}"
        if end <= settings.now():
            yield Line(FAILURE, "certificate", f"{where}: expired at {end:%Y-%m-%d}", "Have it renewed.")
        elif end - settings.now() < timedelta(days=context.settings.certificate_days):
            yield Line(WARNING, "certificate", text, "Have it renewed.")
        else:
            yield Line(OK, "certificate", text)


def list_servers() -> Iterator[tuple[str, str, int, Greeting]]:
    """Yield the servers with a certificate: what it is, host, port, protocol before TLS."""
    current_settings = settings.current()
    if current_settings.smtp_host and current_settings.smtp_security != "none":
        yield (
            "mail server",
            current_settings.smtp_host,
            current_settings.smtp_port,
            "smtp" if current_settings.smtp_security == "starttls" else "tls",
        )
    if not current_settings.uses_embedded_database:
        parts = urlsplit(current_settings.database_url.get_secret_value())
        if parts.hostname and parse_qs(parts.query).get("sslmode", [""])[-1] in ENCRYPTED:
            yield "database", parts.hostname, parts.port or DATABASE_PORT, "postgresql"
    for server in current_settings.certificate_servers:
        host, _, port = server.rpartition(":")
        yield "server", host.strip("[]"), int(port), "tls"


def _format_title(what: str, host: str, port: int) -> str:
    return f"the certificate of the {what} {host}:{port} expires"


def _format_hint(what: str) -> str:
    return f"have the certificate of the {what} renewed by the people who run it"
