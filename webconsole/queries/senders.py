"""Query how the senders of the imports delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

SHOWN_MONTHS = 12


def list_months(cursor: Cursor, config_name: str = "") -> list[dict[str, Any]]:
    """Return a row for each import and month of the last year, newest first."""
    return connections.fetch_rows(
        cursor,
        """select * from dba.v_sender
           where (%(name)s = '' or config_name = %(name)s)
             and month > current_date - make_interval(months => %(months)s)
           order by month desc, config_name""",
        {"name": config_name, "months": SHOWN_MONTHS},
    )
