"""Who gets a report by the own choice in the console, and who left it."""

from __future__ import annotations

from dataclasses import dataclass

from systemscripts import settings
from systemscripts.db_utils import Cursor
from systemscripts.reports import reading_rights
from systemscripts.reports.definition import Report
from systemscripts.table_rights import Visibility, read_visibility


@dataclass(frozen=True)
class Subscriber:
    """A user who wants a report and may read it."""

    user_name: str
    email: str
    visibility: Visibility


def list_subscribers(cursor: Cursor, report: Report) -> list[Subscriber]:
    """Return the active users who subscribed, have an address, and may read the report."""
    cursor.execute(
        """select u.user_name, u.email, u.role = 'admin'
           from dba.treportsubscription s join dba.tuser u using (user_name)
           where s.report_name = %s and s.is_subscribed and u.is_active and u.email <> '' order by u.user_name""",
        (report.report_name,),
    )
    wanting = [
        Subscriber(name, email, read_visibility(cursor, name, is_admin)) for name, email, is_admin in cursor.fetchall()
    ]
    return [user for user in wanting if reading_rights.may_read_report(cursor, report, user.visibility)]


def find_subscriber(cursor: Cursor, report: Report, user_name: str) -> Subscriber | None:
    """Return a user who still wants a report and may still read it, or None."""
    return next((user for user in list_subscribers(cursor, report) if user.user_name == user_name), None)


def normalize(mailbox: str) -> str:
    """Return the address of a mailbox in lower case: people write the same address in both."""
    return settings.extract_address(mailbox).lower()


def list_left(cursor: Cursor, report: Report) -> set[str]:
    """Return the addresses of the users who want the report no longer, in lower case."""
    cursor.execute(
        """select u.email from dba.treportsubscription s join dba.tuser u using (user_name)
           where s.report_name = %s and not s.is_subscribed and u.email <> ''""",
        (report.report_name,),
    )
    return {normalize(email) for (email,) in cursor.fetchall()}
