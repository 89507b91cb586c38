"""Store the warnings about a file in the transaction that loads it, so that a kill before they are logged loses none.

The next run of the import finds the file, which is not archived yet, and logs those of its warnings that have no row in
dba.twarning.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from systemscripts import masking
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Notice, Summary

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def store_warnings(cursor: Cursor, file_id: int, notices: list[Notice]) -> None:
    """Store the warnings with the file, in the caller's transaction."""
    if notices:
        stored = json.dumps([asdict(notice) for notice in notices])
        cursor.execute("update dba.tfile set warnings = %s where file_id = %s", (stored, file_id))


def report_unreported_warnings(cursor: Cursor, context: Context, summary: Summary) -> None:
    """Log the warnings of files that a killed run loaded without logging them."""
    cursor.execute(
        """select f.warnings, array(select array[w.code, w.text] from dba.twarning w where w.file_id = f.file_id)
           from dba.tfile f
           where f.config_name = %s and (f.archived_at is null or f.settled_at is null) and f.warnings is not null
           order by f.file_id""",
        (context.config.config_name,),
    )
    for stored, logged in cursor.fetchall():
        # the run may have been killed between two warnings
        notices = [Notice(**values) for values in stored]
        summary.warn_all(notice for notice in notices if [notice.code, masking.mask(notice.text)] not in logged)
