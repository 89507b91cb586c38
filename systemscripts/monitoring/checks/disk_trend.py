"""Measure once a day how full disks, logs, archive, backups and database are; find disks that will soon be full."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from psycopg2.extras import execute_values

from systemscripts import db_utils, disk_space, settings
from systemscripts.alerts import Finding
from systemscripts.backups import inventory
from systemscripts.commands import format_command
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.human_units import format_size
from systemscripts.monitoring.doctor_lines import OK, WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import Unseen, View

KEYS = ("full_on",)
ORDER = 31
# A trend of fewer days is chance: a large file of yesterday would fill the disk next week.
MIN_DAYS = 5
# A date that moves about the limit is one problem: it is over when the disk lasts half as long again.
RECOVERY_FACTOR = 1.5
_NEWEST = f"""
    select path, free, growth_per_day, full_on, measured_on from (
        select t.*, count(*) over (partition by path) as days,
               row_number() over (partition by path order by measured_on desc) as place
        from dba.v_disk_trend t where what = 'disk') n
    where place = 1 and days >= {MIN_DAYS} and measured_on > %s order by path
"""
_GROWING = """
    select distinct on (what, path) what, growth_per_day from dba.v_disk_trend
    where disk = %s and what <> 'disk' order by what, path, measured_on desc
"""


def find(view: View) -> Iterator[Finding]:
    """Measure if this day has no measurement yet, then report each disk that is full within DISK_FULL_DAYS."""
    connection = view.need_database()
    if view.is_clock_wrong:
        raise Unseen("the clock is wrong")
    today = view.now.astimezone(settings.get_zone()).date()
    _measure(connection, view.directories, today)
    limit = settings.current().disk_full_days
    for path, free, growth, full_on in _read_trends(connection, today):
        key = f"full_on {path}"
        days = (full_on - today).days if full_on else None
        if not limit or days is None or days > limit * (RECOVERY_FACTOR if key in view.known_problems else 1):
            continue
        yield Finding(
            key, f"the disk of {path} will be full soon",
            f"about {full_on:%a %Y-%m-%d}: {_describe(connection, path, free, growth)}",
            f"free space before that: {format_command('purge', '--dry-run')} shows what would be deleted, and the"
            f" settings KEEP_..._DAYS say after how many days; {format_command('ask', 'disk')} shows the trend",
        )  # fmt: skip


def check(context: Context) -> Iterator[Line]:
    """Yield a line for each disk of which the trend is known."""
    if context.settings is None:
        return
    today = settings.now().astimezone(settings.get_zone()).date()
    # a database that does not answer, or has no views yet, has a check of its own
    with contextlib.suppress(EtlError), contextlib.closing(db_utils.connect(purpose="doctor")) as connection:
        for path, free, growth, full_on in _read_trends(connection, today):
            text = f"the disk of {path} {'lasts' if full_on is None else f'will be full about {full_on:%Y-%m-%d}'}"
            text += f": {_describe(connection, path, free, growth)}"
            if full_on is not None and (full_on - today).days <= context.settings.disk_full_days:
                yield Line(WARNING, "disk trend", text, f"See: {format_command('ask', 'disk')}")
            else:
                yield Line(OK, "disk trend", text)


def _read_trends(connection: Connection, today: date) -> list[tuple[str, int, float, date | None]]:
    """Return path, free bytes, growth a day and the day on which it is full of each disk measured lately."""
    with transaction(connection) as cursor:
        cursor.execute(_NEWEST, (today - timedelta(days=MIN_DAYS),))
        return [(path, free, float(growth or 0), full_on) for path, free, growth, full_on, _ in cursor.fetchall()]


def _describe(connection: Connection, path: str, free: int, growth: float) -> str:
    """Return how fast a disk fills, and what grows on it."""
    with transaction(connection) as cursor:
        cursor.execute(_GROWING, (path,))
        parts = [f"{what} {format_size(int(rate))}" for what, rate in cursor.fetchall() if rate and rate > 0]
    grows = f"it grows by {format_size(int(growth))} a day" if growth > 0 else "it does not grow"
    shares = f" ({', '.join(parts)})" if parts else ""
    return f"{grows}{shares}, and {format_size(free)} are free"


def _measure(connection: Connection, directories: Directories, today: date) -> None:
    with transaction(connection) as cursor:
        cursor.execute("select exists (select from dba.tdiskuse where what = 'disk' and measured_on = %s)", (today,))
        if cursor.fetchone() == (True,):
            return
        cursor.execute("select pg_database_size(current_database())")
        [(database_size,)] = cursor.fetchall()
    rows = list(_list_measurements(directories, int(database_size)))
    with transaction(connection) as cursor:
        execute_values(
            cursor,
            """insert into dba.tdiskuse (measured_on, what, path, disk, used, free) values %s
               on conflict (what, path, measured_on) do nothing""",
            [(today, *row) for row in rows],
        )


def _list_measurements(directories: Directories, database_size: int) -> Iterator[tuple[Any, ...]]:
    """Yield what, path, the disk it lies on, bytes used, and bytes free of a disk."""
    folders = disk_space.list_folders(directories)
    by_device = {folder.stat().st_dev: str(folder) for folder in folders}
    for folder in folders:
        usage = shutil.disk_usage(folder)
        yield "disk", str(folder), str(folder), usage.used, usage.free
    for what, path in (
        ("logs", directories.logs), ("archive", directories.archive), ("backups", inventory.get_folder(directories)),
    ):  # fmt: skip
        if path.exists():
            yield what, str(path), by_device.get(path.stat().st_dev, ""), _measure_folder(path), None
    database_folder = disk_space.find_database_folder(directories)
    disk = by_device.get(database_folder.stat().st_dev, "") if database_folder is not None else ""
    yield "database", str(database_folder or ""), disk, database_size, None


def _measure_folder(path: Path) -> int:
    """Return the bytes of all files in a folder; what disappears meanwhile does not count."""
    size = 0
    for parent, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - a Path for each file costs twice
    return size
