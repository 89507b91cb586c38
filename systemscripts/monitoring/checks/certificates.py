"""Until when certificates hold: of the mail server, of a remote database, and of what CERTIFICATE_SERVERS names."""

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
    """Name each certificate that ends within CERTIFICATE_DAYS, or has ended."""
    limit = settings.current().certificate_days
    for what, host, port, greeting in servers():
        key = f"certificate {host}:{port}"
        try:
            end = certificates.fetch_expiry(host, port, greeting)
        except OSError:  # whoever needs the server says that it is away; a known end stays known
            if key in view.bad:
                yield Finding(key, _title(what, host, port), "it cannot be asked now", _hint(what), view.bad[key])
            continue
        if end - view.now < timedelta(days=limit):
            text = f"it {'ended' if end <= view.now else 'ends'} at {end:%Y-%m-%d %H:%M} UTC"
            kind = "ended" if end <= view.now else "ends soon"
            yield Finding(key, _title(what, host, port), text, _hint(what), kind)


def check(context: Context) -> Iterator[Line]:
    """A line for each server with a certificate."""
    if context.settings is None:
        return
    for what, host, port, greeting in servers():
        where = f"{what} {host}:{port}"
        try:
            end = certificates.fetch_expiry(host, port, greeting)
        except OSError as error:
            yield Line(WARNING, "certificate", f"{where}: it cannot be asked: {error}", "Look at that server.")
            continue
        text = f"{where}: holds until {end:%Y-%m-%d}"
        if end <= settings.now():
            yield Line(FAILURE, "certificate", f"{where}: ended at {end:%Y-%m-%d}", "Have it renewed.")
        elif end - settings.now() < timedelta(days=context.settings.certificate_days):
            yield Line(WARNING, "certificate", text, "Have it renewed.")
        else:
            yield Line(OK, "certificate", text)


def servers() -> Iterator[tuple[str, str, int, Greeting]]:
    """What shows a certificate: in words, host, port, what comes before it."""
    wanted = settings.current()
    if wanted.smtp_host and wanted.smtp_security != "none":
        yield "mail server", wanted.smtp_host, wanted.smtp_port, "smtp" if wanted.smtp_security == "starttls" else "tls"
    if not wanted.embedded:
        parts = urlsplit(wanted.database_url.get_secret_value())
        if parts.hostname and parse_qs(parts.query).get("sslmode", [""])[-1] in ENCRYPTED:
            yield "database", parts.hostname, parts.port or DATABASE_PORT, "postgresql"
    for each in wanted.certificate_servers:
        host, _, port = each.rpartition(":")
        yield "server", host.strip("[]"), int(port), "tls"


def _title(what: str, host: str, port: int) -> str:
    return f"the certificate of the {what} {host}:{port} is near its end"


def _hint(what: str) -> str:
    return f"have the certificate of the {what} renewed by whoever runs it"
