"""The warnings about a file: kept with it by the transaction that loads it, written into the log after the commit.

A run that is killed between the two has said nothing of what it loaded. The next run of the import finds the file,
which is not archived yet, and says those of its warnings that have no row in dba.twarning.
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
    """Keep the warnings with the file, in the caller's transaction."""
    if notices:
        kept = json.dumps([asdict(notice) for notice in notices])
        cursor.execute("update dba.tfile set warnings = %s where file_id = %s", (kept, file_id))


def report_unreported_warnings(cursor: Cursor, context: Context, summary: Summary) -> None:
    """Write the warnings of files that a killed run loaded into the log of this one."""
    cursor.execute(
        """select f.warnings, array(select array[w.code, w.text] from dba.twarning w where w.file_id = f.file_id)
           from dba.tfile f
           where f.config_name = %s and (f.archived_at is null or f.settled_at is null) and f.warnings is not null
           order by f.file_id""",
        (context.config.config_name,),
    )
    for kept, said in cursor.fetchall():
        # the kill may also have come between two of them
        notices = [Notice(**values) for values in kept]
        summary.warn_all(each for each in notices if [each.code, masking.mask(each.text)] not in said)
