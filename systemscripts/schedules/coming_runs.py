"""Note in the database when each pipeline runs next, because only Python knows the times of cron (dba.v_next_run)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from psycopg2.extras import execute_values

from systemscripts import settings
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.db_utils import Connection, connect, embedded, migrations, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.schedules.cron_times import find_next_run
from systemscripts.schedules.pauses import Pause, find_pause
from systemscripts.schedules.scheduled_pipelines import list_with_schedule

# The watchdog notes them each hour: two days last over a weekend without it.
AHEAD = timedelta(days=2)
# Of each pipeline: the rare ones always have some, those of each minute not thousands.
MIN_TIMES, MAX_TIMES = 3, 200


def note_coming_runs(connection: Connection, directories: Directories) -> None:
    """Replace what is noted by the coming times; raises ConfigurationError for a faulty pipeline."""
    rows = [
        (pipeline.name, due_at, pipeline.schedule, _explain(pipeline, find_pause(directories, pipeline.name), due_at))
        for pipeline in list_with_schedule()
        for due_at in _list_times(pipeline.schedule, settings.now())
    ]
    with transaction(connection, durable=False) as cursor:
        # two at a time would both insert
        cursor.execute("lock table dba.tnextrun in share row exclusive mode")
        cursor.execute("delete from dba.tnextrun")
        execute_values(cursor, "insert into dba.tnextrun (pipeline, due_at, schedule, why_not) values %s", rows)


def try_note_coming_runs(directories: Directories) -> None:
    """Replace what is noted, if the database runs; otherwise the watchdog does it within the hour."""
    if settings.current().uses_embedded_database and not embedded.is_running():
        return
    with contextlib.suppress(EtlError), contextlib.closing(connect(purpose="schedule")) as connection:
        migrations.apply_pending(connection)
        note_coming_runs(connection, directories)


def _list_times(schedule: str, now: datetime) -> Iterator[datetime]:
    moment = now
    for number in range(MAX_TIMES):
        moment = find_next_run(schedule, moment)
        if number >= MIN_TIMES and moment > now + AHEAD:
            return
        yield moment


def _explain(pipeline: Pipeline, pause: Pause | None, due_at: datetime) -> str | None:
    """Return why a pipeline will not run at a time; None if it will."""
    if pipeline.unset_settings:
        return f"not set up: {', '.join(pipeline.unset_settings)} not set"
    if pause and (pause.until_moment is None or due_at < pause.until_moment):
        return str(pause)
    return None
