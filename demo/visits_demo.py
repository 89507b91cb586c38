"""Demo of the pipeline visits: a local SFTP server on which reports appear day by day, a local mail server.

The pipeline runs for three nights, the last one in another year. One report still grows during the first run, one has
another layout, and some rows are bad; the demo ends with what the tables show of that.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from demo import sftp_server, visits_reports
from demo.installation import DemoInstallation
from systemscripts.commands import format_command

REMOTE = Path("home/vinkOS/archivosVisitas")
START_TIME = time(23, 30)
GROWING = "report_99.txt"
# 65: a refused file, as on the second day
EXPECTED_EXIT_CODES = (0, 65)


def run() -> int:
    """Run the demo and show what happened; return the exit code."""
    installation = DemoInstallation()
    root = installation.folder / "sftp"
    with (
        installation.serve_mail(),
        installation.serve(
            "sftp", lambda port: sftp_server.SftpServer(root, root.with_name("sftp_keys"), port)
        ) as server,
    ):
        installation.write_settings(
            SOURCE_VISITS_HOST=f"127.0.0.1:{server.port}",
            SOURCE_VISITS_USER=sftp_server.USER,
            SOURCE_VISITS_KEY_PATH=str(server.client_key_path),
            SFTP_STILL_SECONDS="2",
        )
        trusted = installation.run_job(
            "sftp_trust_host.py", f"127.0.0.1:{server.port}", "--fingerprint", server.fingerprint, "--replace"
        )
        codes = (
            [_run_night(installation, root / REMOTE, day) for day in visits_reports.DAYS] if not trusted else [trusted]
        )
        installation.enter()
        os.environ["ETL_NOW"] = datetime.combine(visits_reports.DAYS[-1], START_TIME).isoformat()
        _show_tables(installation, sorted(path.name for path in (root / REMOTE).iterdir()))
    return max((code for code in codes if code not in EXPECTED_EXIT_CODES), default=0)


def _run_night(installation: DemoInstallation, folder: Path, day: date) -> int:
    """Publish the reports of one day, then run the pipeline; return its exit code."""
    print(f"\n{day:%A %d %B %Y}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for report in visits_reports.make_reports(day):
        path = folder / report.name
        path.write_bytes(report.content)
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 60))
    first = day == visits_reports.DAYS[0]
    with _write_slowly(folder / GROWING, day) if first else contextlib.nullcontext():
        return installation.run_job("run_pipeline.py", "visits", now=datetime.combine(day, START_TIME))


@contextlib.contextmanager
def _write_slowly(path: Path, day: date) -> Iterator[None]:
    """Write a report slowly while the block runs; it is complete afterwards."""
    lines = visits_reports.make_report(99, day, 500).content.splitlines(keepends=True)
    ended = threading.Event()

    def write() -> None:
        with path.open("wb") as stream:
            for line in lines:
                stream.write(line)
                stream.flush()
                if not ended.is_set():
                    ended.wait(0.2)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _show_tables(installation: DemoInstallation, left: list[str]) -> None:
    """Print the final tables from the database, and the commands to try next."""
    from systemscripts import db_utils, settings
    from systemscripts.summary import Summary

    settings.reset()
    with contextlib.closing(db_utils.connect(purpose="demo")) as connection:
        log = _select_rows(connection, "select * from visits.load_log order by month")
        errors = _select_rows(
            connection,
            """select what, file, line, column_name, value, left(reason, 60) as reason from visits.errors
               order by file_id, line""",
        )
        visitors = _select_rows(connection, "select * from visits.visitor order by email")
    print(Summary(headline="\nvisits.load_log", rows=log).as_text())
    print(Summary(headline="\nvisits.errors", rows=errors).as_text())
    installation.show_result(
        "visits.visitor",
        visitors,
        [f"left on the SFTP server: {', '.join(left) or 'nothing, all files are loaded'}"],
        [
            format_command("database", "sql", "select * from visits.statistics limit 20"),
            format_command("sftp_pull", "visits", "--dry-run"),
            f"{format_command('database', 'url')}        # for DBeaver",
            format_command("generic_import", "--help"),
        ],
    )


def _select_rows(connection: Any, statement: str) -> list[dict[str, Any]]:
    from systemscripts import db_utils

    with db_utils.transaction(connection) as cursor:
        cursor.execute(statement)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
