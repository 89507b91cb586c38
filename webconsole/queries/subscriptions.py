"""Query which reports a user has subscribed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def list_own(cursor: Cursor, user_name: str) -> list[str]:
    """Return the names of the reports that a user gets by subscription."""
    cursor.execute(
        "select report_name from dba.treportsubscription where user_name = %s and is_subscribed order by report_name",
        (user_name,),
    )
    return [row[0] for row in cursor.fetchall()]


def find_choice(cursor: Cursor, report_name: str, user_name: str) -> bool | None:
    """Return whether a user wants a report; None if the user has not said so."""
    cursor.execute(
        "select is_subscribed from dba.treportsubscription where report_name = %s and user_name = %s",
        (report_name, user_name),
    )
    row = cursor.fetchone()
    return None if row is None else bool(row[0])


def set_choice(cursor: Cursor, report_name: str, user_name: str, is_subscribed: bool) -> None:
    """Record that a user wants a report, or wants it no longer."""
    cursor.execute(
        """insert into dba.treportsubscription (report_name, user_name, is_subscribed) values (%s, %s, %s)
           on conflict (report_name, user_name)
           do update set is_subscribed = excluded.is_subscribed, changed_at = now()""",
        (report_name, user_name, is_subscribed),
    )
