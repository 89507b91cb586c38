"""Demo of the pipeline weekly: a local MeetMax site, a local mail server, an installation in var/demo/.

The pipeline runs for two Mondays; each later demo runs the Monday after, on which nothing is new. The pipeline and its
processes are the ordinary ones; only settings differ.
"""

from __future__ import annotations

import contextlib
from datetime import date, datetime, time, timedelta
from typing import Any

from demo import events, expected
from demo.installation import DemoInstallation
from demo.meetmax_server import MeetMaxServer
from systemscripts.commands import format_command

WEEKS = (1, 2)
START_TIME = time(6, 30)


def run() -> int:
    """Run the demo and show what happened; return the exit code."""
    installation = DemoInstallation()
    with installation.serve_mail() as mails, installation.serve("site", MeetMaxServer) as site:
        known = len(mails.list_mails())
        installation.write_settings(
            MEETMAX_BASE_URL=site.base_url, MEETMAX_FIRST_EVENTS=expected.EVENT_RANGE, MEETMAX_DELAY_SECONDS="0"
        )
        worst = 0
        for week, monday in _list_mondays(installation.list_days_run("weekly")):
            site.show_week(week)
            print(f"\n{monday:%A %d %B %Y}", flush=True)
            worst = worst or installation.run_day("weekly", datetime.combine(monday, START_TIME))
        installation.enter()
        new = mails.list_mails()[known:]
        installation.show_result(
            "What happened (rows; + added - removed ~ changed)",
            _summarize_lists(),
            [f"mail: {path}" for path in new] or ["no mail: nothing was new"],
            [
                format_command("database", "sql", "select * from dba.tmeetmax_current limit 20"),
                format_command("dataset_changes", "meetmax_events", "--label", "119179"),
                f"{format_command('database', 'url')}        # for DBeaver",
                format_command("generic_import", "--help"),
            ],
        )
    return worst


def _list_mondays(before: list[date]) -> list[tuple[int, date]]:
    """Return week and Monday of the runs that are left, else the Monday after the last run."""
    left = [(week, events.MONDAYS[week - 1]) for week in WEEKS if events.MONDAYS[week - 1] not in before]
    return left or [(WEEKS[-1], before[-1] + timedelta(days=7))]


def _summarize_lists() -> list[dict[str, Any]]:
    """Return a row for each event with the result of each Monday: rows and changes, or that nothing changed."""
    from systemscripts import configuration, db_utils
    from systemscripts.datasets import changes

    with contextlib.closing(db_utils.connect(purpose="demo")) as connection:
        keys = configuration.load_import(connection, "meetmax_events").key_columns
        with db_utils.transaction(connection) as cursor:
            compared = changes.compare_consecutive(cursor, "meetmax_events", keys)
            cursor.execute(
                """select label, dataset_date, status, rows_loaded, dataset_id from dba.tfile
                   where config_name = 'meetmax_events' and label is not null order by file_id desc"""
            )
            files = cursor.fetchall()
            cursor.execute("select eventid, title from public.tmeetmaxurlcheck")
            titles = dict(cursor.fetchall())
    counts = {comparison.after.dataset_id: comparison.counts() for comparison in compared}
    outcomes = {}
    for label, day, status, rows, dataset in files:
        news = f" ({counts[dataset]})" if counts.get(dataset) else ""
        outcomes[label, day] = f"{rows}{news}" if status == "loaded" else status
    return _arrange_by_day(outcomes, titles)


def _arrange_by_day(outcomes: dict[tuple[str, date], str], titles: dict[str, str]) -> list[dict[str, Any]]:
    """Return a row for each event with a column for each day."""
    days = sorted({day for _, day in outcomes})
    return [
        {"event": label, "title": titles.get(label)}
        | {f"{day:%d %b}": outcomes.get((label, day), "no list") for day in days}
        for label in sorted({label for label, _ in outcomes})
    ]
