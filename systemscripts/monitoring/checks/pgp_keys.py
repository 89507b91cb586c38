"""When the PGP keys expire that files are decrypted with and encrypted for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from systemscripts import pgp, settings
from systemscripts.alerts import Finding
from systemscripts.errors import ConfigurationError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import View

KEYS = ("pgp key",)
ORDER = 66
HINT = "ask its owner for a new public key, or extend your own, and import it (docs/pgp.md)"


def find(view: View) -> Iterator[Finding]:
    """Report each key that expires within CERTIFICATE_DAYS, or has expired."""
    limit = timedelta(days=settings.current().certificate_days)
    try:
        keys = pgp.list_keys()
    # the doctor names it, and so does each run that needs a key
    except ConfigurationError:
        return
    for key in keys:
        if key.expires is not None and key.expires - view.now < limit:
            has_ended = key.expires <= view.now
            yield Finding(
                f"pgp key {key.fingerprint}",
                f"the PGP key of {key.owner} expires",
                f"it {'expired' if has_ended else 'expires'} at {key.expires:%Y-%m-%d %H:%M} UTC",
                HINT,
                "ended" if has_ended else "ends soon",
            )


def check(context: Context) -> Iterator[Line]:
    """Yield a line for each key."""
    if context.settings is None:
        return
    try:
        keys = pgp.list_keys()
    except ConfigurationError as error:
        yield Line.from_error("PGP keys", error)
        return
    for key in keys:
        text = f"{key.owner}: " + (f"valid until {key.expires:%Y-%m-%d}" if key.expires else "does not expire")
        if key.expires is None or key.expires - settings.now() >= timedelta(days=context.settings.certificate_days):
            yield Line(OK, "PGP key", text)
        elif key.expires <= settings.now():
            yield Line(FAILURE, "PGP key", f"{key.owner}: expired at {key.expires:%Y-%m-%d}", f"{HINT.capitalize()}.")
        else:
            yield Line(WARNING, "PGP key", text, f"{HINT.capitalize()}.")
