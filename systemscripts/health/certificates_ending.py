"""Until when certificates hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from systemscripts import certificates, settings
from systemscripts.health.lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.watch import certificates_ending

ORDER = 65


def check(context: Context) -> Iterator[Line]:
    """A line for each server with a certificate."""
    if context.settings is None:
        return
    for what, host, port, greeting in certificates_ending.servers():
        where = f"{what} {host}:{port}"
        try:
            end = certificates.ends_at(host, port, greeting)
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
