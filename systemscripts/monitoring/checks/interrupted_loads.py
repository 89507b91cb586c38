"""Name the loads into other databases that were interrupted and that no run takes back: their rows count there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from systemscripts import db_utils, settings
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import View

KEYS = ("interrupted_load",)
ORDER = 76
# the next run of the target takes the rows back; most jobs run once a day
REMIND_AFTER_HOURS = 24
# at once where no import loads the target any longer
_LEFT = """
    select l.target_table, min(l.config_name), min(l.begun_at)
    from dba.ttargetload l left join dba.trun r using (run_uuid)
    where l.begun_at < %(day_ago)s or (r.status is distinct from 'running' and not exists (
        select from dba.timportconfig c where c.target_table = l.target_table and c.is_active))
    group by l.target_table order by l.target_table"""


def find(view: View) -> Iterator[Finding]:
    """Name each target that has rows of an interrupted load."""
    for target, error, hint in _list_left(view.need_database(), view.now):
        title = f"rows of an interrupted load may count in {target}"
        yield Finding(f"interrupted_load {target}", title, error, hint)


def check(context: Context) -> Iterator[Line]:
    """Name each target that has rows of an interrupted load."""
    if context.settings is None:
        return
    # a database that does not answer, or has no tables yet, has a check of its own
    with contextlib.suppress(EtlError), contextlib.closing(db_utils.connect(purpose="doctor")) as connection:
        for _, error, hint in _list_left(connection, settings.now()):
            yield Line(WARNING, "interrupted load", error, hint)


def _list_left(connection: Connection, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Yield each target with what is wrong and what to do."""
    with transaction(connection) as cursor:
        cursor.execute(_LEFT, {"day_ago": now - timedelta(hours=REMIND_AFTER_HOURS)})
        rows = cursor.fetchall()
    for target, config_name, begun_at in rows:
        forget = format_command("database", "sql", f"delete from dba.ttargetload where target_table = '{target}'")
        error = f"a load of {config_name} into {target} was interrupted on {begun_at:%a %Y-%m-%d}, and not taken back"
        hint = f"Set the target of a job named {config_name} to it again and run that job once; or, if that database is"
        yield target, error, f"{hint} gone: {forget}"
