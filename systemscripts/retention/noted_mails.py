"""Delete what is noted about mails besides their files, after KEEP_LOGS_DAYS.

What keeps a mail from being read, or its sender from being answered, a second time stays: the note of a mail that is
still in its folder, and of an answered one the mark without the answer.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from systemscripts import settings
from systemscripts.db_utils import transaction
from systemscripts.retention.retention_view import Due, View

_GONE = "gone_at < %s and answer is null"
_ANSWERED = """answer in ('sent', 'refused', 'none') and recipient is not null
    and coalesce(answered_at, created_at) < %s"""


def due(view: View) -> list[Due]:
    """Return the notes and answers that have expired."""
    days = settings.current().keep_logs_days
    if not days:
        return []
    moment = view.subtract_days(days)
    number = sum(
        view.count_rows(f"select count(*) from dba.tmail where {condition}", (moment,))
        for condition in (_GONE, _ANSWERED)
    )
    if not number:
        return []
    return [Due("notes about mails", days, number, 0, partial(_remove, view, moment), ("dba.tmail",))]


def _remove(view: View, moment: datetime) -> None:
    view.delete_rows("dba.tmail", _GONE, (moment,))
    with transaction(view.connection) as cursor:
        cursor.execute(
            f"""update dba.tmail set recipient = null, subject = null, in_reply_to = null, message_id = null,
                    answer_text = null, notes = '{{}}'
                where {_ANSWERED}""",
            (moment,),
        )
