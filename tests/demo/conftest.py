"""A first Monday: an installation with a MeetMax site and a mail server of its own."""

from __future__ import annotations

import contextlib
import email
import email.policy
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo import expected
from demo.mail_sink import MailSink
from demo.meetmax_server import MeetMaxServer
from tests.conftest import Installation, Server

MONDAY = "2026-03-02T06:30:00"


class Week:
    """An installation with a site and a mail server of its own, on its first Monday."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation = installation
        self.site = MeetMaxServer(hiccups={}).start()
        self.mails = MailSink(folder / "mails", folder / "certificate", "demo", "password").start()
        installation.environment = {"ETL_NOW": MONDAY, "ETL_NO_CRON_LOG": "1"}
        installation.write_settings(
            MEETMAX_BASE_URL=self.site.base_url, MEETMAX_FIRST_EVENTS=expected.EVENT_RANGE, MEETMAX_DELAY_SECONDS="0",
            MEETMAX_RETRIES="1",
            FILE_STILL_SECONDS="0", SMTP_HOST="127.0.0.1", SMTP_PORT=str(self.mails.port), SMTP_USER="demo",
            SMTP_PASSWORD="password", SMTP_CA_FILE=str(self.mails.certificate), REPORT_RECIPIENTS="a@example.test",
        )  # fmt: skip

    def close(self) -> None:
        self.site.stop()
        self.mails.stop()

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the pipeline to its end."""
        return self.installation.run("run_pipeline", "weekly")

    def state(self) -> dict[str, Any]:
        """What must be equal however often the run was killed; stamps of files and numbers of datasets left out."""
        sql = self.installation.sql
        tables = {
            "events": "select eventid, ifexists, isdownloadable, title from public.tmeetmaxurlcheck where title <> ''",
            "rows": """select d.label, t.source_row, to_jsonb(t) - 'dataset_id' from dba.tmeetmax_current t
                       join dba.tdataset d using (dataset_id)""",
            "datasets": "select label, dataset_date, status, rows_loaded from dba.tdataset where label is not null",
            "open": "select name from dba.tfile where archived_at is null or settled_at is null",
            "running": "select job from dba.trun where status = 'running'",
        }
        result: dict[str, Any] = {name: sorted(map(str, sql(statement))) for name, statement in tables.items()}
        result["waiting"] = self.installation.list_waiting()
        result["archive"] = sorted(
            {
                (re.sub(r"^\d{8}T\d{6}", "", n), c)
                for n, c in self.installation.read_archive().items()
                if n.endswith(".xls")
            }
        )
        result["mails"] = self.read_mails()
        return result

    def read_mails(self) -> list[str]:
        """Return the texts of all mails, without the folder of this installation, which its commands name."""
        texts = map(read_mail_text, self.mails.list_mails())
        return [text.replace(str(self.installation.data), "FOLDER") for text in texts]


def read_mail_text(path: Path) -> str:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return str(message.get_body(("plain",)).get_content())  # type: ignore[union-attr]


@contextlib.contextmanager
def open_weeks(server: Server, folder: Path) -> Iterator[Callable[[], Week]]:
    """Make installations on their first Monday, and close them at the end."""
    weeks: list[tuple[Week, str]] = []

    def make() -> Week:
        name = f"week_{uuid.uuid4().hex[:12]}"
        url, reader = server.create_database(name)
        installation = Installation(folder / name, url, reader)
        (installation.data / "file_watcher").mkdir(parents=True)
        installation.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader)
        weeks.append((Week(installation, folder / name), name))
        return weeks[-1][0]

    yield make
    for started_week, name in weeks:
        started_week.close()
        server.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def week(server: Server, tmp_path: Path) -> Iterator[Callable[[], Week]]:
    """Make installations on their first Monday."""
    with open_weeks(server, tmp_path) as make:
        yield make
