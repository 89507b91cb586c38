"""The main job on a fresh machine: a local MeetMax site, a local mail server, an installation of its own in var/demo/.

The pipeline runs for two Mondays a week apart. It is the ordinary pipeline in ordinary processes: only settings differ.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from demo import events, expected
from demo.mail_sink import MailSink
from demo.meetmax_server import MeetMaxServer

PROJECT = Path(__file__).resolve().parents[1]
WRAPPER = PROJECT / "run_python_etl_script.sh"
PIPELINES = ("weekly",)
WEEKS = (1, 2)


def run(name: str) -> int:
    """Run the demo of a pipeline and show what happened; returns the exit code."""
    if name not in PIPELINES:
        print(f"run_pipeline: there is no demo of {name!r}. There is one of: {', '.join(PIPELINES)}.", file=sys.stderr)
        return 2
    folder = Path(os.environ.get("ETL_DATA_DIR") or PROJECT) / "var" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("mail").setLevel(logging.ERROR)  # aiosmtpd warns of its own attributes
    with _servers(folder) as (site, mails):
        known = len(mails.mails())
        environment = _environment(folder, site, mails)
        worst = 0
        for week in WEEKS:
            site.show_week(week)
            worst = worst or _run_week(name, events.MONDAYS[week - 1], environment)
        _show(folder, environment, mails.mails()[known:])
    return worst


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[tuple[MeetMaxServer, MailSink]]:
    """Both servers, on the ports they had before: the site's address is part of what the scan finds."""
    state_file = folder / "demo.json"
    state: dict[str, Any] = json.loads(state_file.read_text()) if state_file.exists() else {}
    state.setdefault("password", secrets.token_urlsafe(12))
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(_on_port(MeetMaxServer, state.get("site", 0)))
        mails = stack.enter_context(
            _on_port(
                lambda port: MailSink(folder / "mails", folder / "certificate", "demo", state["password"], port),
                state.get("mail", 0),
            )
        )
        state_file.touch(mode=0o600)
        state_file.write_text(json.dumps(state | {"site": site.port, "mail": mails.port}))
        yield site, mails


@contextlib.contextmanager
def _on_port(make: Any, port: int) -> Iterator[Any]:
    """A started server on the port it had before, or on a free one where another program has taken that."""
    try:
        server = make(port)
        server.start()
    except OSError:
        server = make(0)
        server.start()
    try:
        yield server
    finally:
        server.stop()


def _environment(folder: Path, site: MeetMaxServer, mails: MailSink) -> dict[str, str]:
    """The environment of the demo's installation, its settings file written."""
    password = json.loads((folder / "demo.json").read_text())["password"]
    settings = {
        "DATABASE_URL": "embedded",
        "MEETMAX_BASE_URL": site.base_url,
        "MEETMAX_FIRST_EVENTS": expected.EVENT_RANGE,
        "MEETMAX_DELAY_SECONDS": "0",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mails.port),
        "SMTP_USER": "demo",
        "SMTP_PASSWORD": password,
        "SMTP_CA_FILE": str(mails.certificate),
        "MAIL_FROM": "etl@example.test",
        "REPORT_RECIPIENTS": "analyst@example.test",
        "ALERT_RECIPIENTS": "operator@example.test",
    }
    path = folder / "settings.env"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    others = {name: value for name, value in os.environ.items() if name not in settings and not name.startswith("ETL_")}
    return {**others, "ETL_DATA_DIR": str(folder), "ETL_ENV_FILE": str(path), "ETL_NO_CRON_LOG": "1"}


def _run_week(name: str, monday: date, environment: dict[str, str]) -> int:
    print(f"\n{monday:%A %d %B %Y}", flush=True)
    done = subprocess.run(
        [str(WRAPPER), "run_pipeline.py", name], env={**environment, "ETL_NOW": f"{monday}T06:30:00"}, check=False
    )
    return done.returncode


def _show(folder: Path, environment: dict[str, str], mails: list[Path]) -> None:
    """The closing table, read from the database, and what to do next."""
    from systemscripts import settings
    from systemscripts.summary import Summary

    os.environ.update({name: value for name, value in environment.items() if name.startswith("ETL_")})
    settings.reset()
    summary = Summary(headline="\nWhat happened (rows; + added - removed ~ changed)", rows=_lists())
    database = settings.current().etl_data_dir / "var" / "database"
    summary.details = ["", *(f"mail: {path}" for path in mails)] if mails else ["", "no mail: nothing was new"]
    if not database.exists():
        summary.details.append(f"database: {_database_folder()} (PostgreSQL does not run as root)")
    shown = os.path.relpath(folder)
    prefix = f"ETL_DATA_DIR={shown} ETL_ENV_FILE={shown}/settings.env ./run_python_etl_script.sh"
    summary.next_steps = [
        f'{prefix} database.py sql "select * from dba.tmeetmax_current limit 20"',
        f"{prefix} dataset_changes.py meetmax_events --label 119179",
        f"{prefix} database.py url        # for DBeaver",
        "./run_python_etl_script.sh generic_import.py --help",
    ]
    print(summary.as_text(), flush=True)


def _lists() -> list[dict[str, Any]]:
    """For each event and Monday the rows of its list and what changed in it, or that it was as before."""
    from systemscripts import configuration, db_utils
    from systemscripts.datasets import changes

    with contextlib.closing(db_utils.connect(purpose="demo")) as connection:
        keys = configuration.load(connection, "meetmax_events").key_columns
        with db_utils.transaction(connection) as cursor:
            compared = changes.consecutive(cursor, "meetmax_events", keys)
            cursor.execute(
                """select label, dataset_date, status, rows_loaded, dataset_id from dba.tfile
                   where config_name = 'meetmax_events' and label is not null order by file_id desc"""
            )
            files = cursor.fetchall()
            cursor.execute("select eventid, title from public.tmeetmaxurlcheck")
            titles = dict(cursor.fetchall())
    counts = {comparison.after.dataset_id: comparison.counts() for comparison in compared}
    found = {}
    for label, day, status, rows, dataset in files:
        news = f" ({counts[dataset]})" if counts.get(dataset) else ""
        found[label, day] = f"{rows}{news}" if status == "loaded" else status
    return _by_day(found, titles)


def _by_day(found: dict[tuple[str, date], str], titles: dict[str, str]) -> list[dict[str, Any]]:
    """A line for each event, a column for each day."""
    days = sorted({day for _, day in found})
    return [
        {"event": label, "title": titles.get(label)}
        | {f"{day:%d %b}": found.get((label, day), "no list") for day in days}
        for label in sorted({label for label, _ in found})
    ]


def _database_folder() -> object:
    from systemscripts.db_utils import embedded

    return embedded.status()["folder"]
