"""Subscribe the user of a request to reports, for page and JSON."""

from __future__ import annotations

import logging

from systemscripts.errors import UsageError
from webconsole import connections
from webconsole.queries import reports, subscriptions
from webconsole.security import access, visibility

logger = logging.getLogger(__name__)


def choose_report(name: str, wants_it: bool) -> str:
    """Record whether the user wants a report by mail and return a sentence about it.

    Raise MissingError if the user may not read it, UsageError if the user has no address.
    """
    user_name = access.require_user().name
    email = find_own_email()
    if wants_it and not email:
        raise UsageError("you have no e-mail address here", "Ask the operator to enter it on the page Users.")
    with connections.write_as_etl() as cursor:
        reports.require_readable(cursor, name, visibility.current())
        subscriptions.set_choice(cursor, name, user_name, wants_it)
    logger.info("console: %s %s the report %s", user_name, "subscribed to" if wants_it else "left", name)
    return f"The report goes to {email} from now on." if wants_it else "You get this report by mail no longer."


def find_own_choice(name: str) -> bool | None:
    """Return whether the user wants a report by mail; None if the user has not said so."""
    with connections.read_as_etl() as cursor:
        return subscriptions.find_choice(cursor, name, access.require_user().name)


def find_own_email() -> str:
    """Return the address of the user, or an empty text."""
    with connections.read_as_etl() as cursor:
        cursor.execute("select email from dba.tuser where user_name = %s", (access.require_user().name,))
        row = cursor.fetchone()
    return str(row[0]) if row else ""
