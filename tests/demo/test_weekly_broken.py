"""The weekly pipeline when something breaks: killed at every step, a site that is away, forbids or answers nonsense."""

from __future__ import annotations

import email
import email.policy
import re
import signal
import subprocess
import time
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
STEPS = ("meetmax_url_check", "generic_import", "meetmax_url_download", "generic_import", "send_report")


class Week:
    """An installation with a site and a mail server of its own, on its first Monday."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation = installation
        self.site = MeetMaxServer(hiccups={}).start()
        self.mails = MailSink(folder / "mails", folder / "certificate", "demo", "password").start()
        installation.environment = {"ETL_NOW": MONDAY, "ETL_NO_CRON_LOG": "1"}
        installation.write_settings(
            MEETMAX_BASE_URL=self.site.base_url, MEETMAX_FIRST_EVENTS=expected.EVENT_RANGE, MEETMAX_DELAY_SECONDS="0",
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
        found: dict[str, Any] = {name: sorted(map(str, sql(statement))) for name, statement in tables.items()}
        found["waiting"] = self.installation.waiting()
        found["archive"] = sorted(
            {(re.sub(r"^\d{8}T\d{6}", "", n), c) for n, c in self.installation.archive().items() if n.endswith(".xls")}
        )
        found["mails"] = [mailed(path) for path in self.mails.mails()]
        return found


def mailed(path: Path) -> str:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return str(message.get_body(("plain",)).get_content())  # type: ignore[union-attr]


@pytest.fixture
def week(server: Server, tmp_path: Path) -> Iterator[Callable[[], Week]]:
    """Make installations on their first Monday."""
    made: list[tuple[Week, str]] = []

    def make() -> Week:
        name = f"week_{uuid.uuid4().hex[:12]}"
        url, reader = server.create_database(name)
        installation = Installation(tmp_path / name, url, reader)
        (installation.data / "file_watcher").mkdir(parents=True)
        installation.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader)
        made.append((Week(installation, tmp_path / name), name))
        return made[-1][0]

    yield make
    for found, name in made:
        found.close()
        server.execute(f'drop database "{name}" with (force)')


def kill_in_step(found: Week, number: int, delay: float, victim: str) -> None:
    """Start the pipeline and kill it, or the process of its step, a moment after that step began."""
    process = found.installation.start("run_pipeline", "weekly")
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        rows = found.installation.sql(
            "select pid from dba.trun where step_number = %s and status = 'running'", (number,)
        )
        if rows:
            time.sleep(delay)
            pid = process.pid if victim == "pipeline" else rows[0][0]
            subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(pid)], check=False, capture_output=True)
            break
        time.sleep(0.02)
    process.communicate(timeout=120)


@pytest.mark.timeout(900)
def test_killed_in_any_step_the_same_command_ends_in_the_same_state(week: Callable[[], Week]) -> None:
    undisturbed = week()
    for _ in range(2):  # the second run asks for the ids beyond the first ones too
        assert undisturbed.run().returncode == 0
    wanted = undisturbed.state()
    assert len(wanted["mails"]) == 1
    for number in range(1, len(STEPS) + 1):
        for delay, victim in ((0.0, "pipeline"), (0.2, "step")):
            found = week()
            kill_in_step(found, number, delay, victim)
            done = [found.run() for _ in range(2)]
            assert done[-1].returncode == 0, done[-1].stdout + done[-1].stderr
            ended, mails = found.state(), found.mails.mails()
            if victim == "step":  # the pipeline goes on and its mail says so; the lists may then come in two mails
                told = [event for path in mails for event in re.findall(r"^(\d{6})  ", mailed(path), re.MULTILINE)]
                assert sorted(told) == sorted(map(str, expected.downloadable(1))), f"step {number} killed"
                ended["mails"] = wanted["mails"]
            assert ended == wanted, f"{victim} killed in step {number}"


def test_a_site_that_is_away_is_one_line_and_an_exit_code(week: Callable[[], Week]) -> None:
    found = week()
    found.site.stop()
    done = found.installation.run("meetmax_url_check", "--events", "119179-119181")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "MeetMax does not answer" in done.stderr
    assert found.installation.waiting() == []
    found.site = MeetMaxServer(hiccups={}).start()  # on another port, so that close() has something to stop


def test_a_site_that_forbids_is_said(week: Callable[[], Week]) -> None:
    found = week()
    found.site.robots = b"User-agent: *\nDisallow: /sched/\n"
    done = found.installation.run("meetmax_url_check", "--events", "119179-119181")
    assert done.returncode == 1
    assert "ForbiddenByRobotsTxt" in done.stderr


def test_ids_that_are_all_invalid_are_a_result(week: Callable[[], Week]) -> None:
    found = week()
    summary = found.installation.summary("meetmax_url_check", "--events", "90000-90003")
    assert summary["exit_code"] == 0
    assert "4 are no event" in summary["headline"]
    loaded = found.installation.summary("generic_import", "meetmax_urls")
    assert loaded["counts"]["loaded"] == 4
    nothing = found.installation.run("meetmax_url_download")
    assert nothing.returncode == 0
    assert "nothing to do" in nothing.stdout


def test_one_list_that_fails_does_not_stop_the_others_and_the_mail_says_which(week: Callable[[], Week]) -> None:
    found = week()
    found.site.faults["/sched/event_119181/__co-list_cp.xls"] = "error page"
    done = found.run()
    assert done.returncode == 65, done.stdout + done.stderr
    labels = {row[0] for row in found.installation.sql("select label from dba.tdataset where label is not null")}
    assert labels == {str(event) for event in expected.downloadable(1)} - {"119181"}
    [text] = [mailed(path) for path in found.mails.mails()]
    assert "119181" in text


def test_a_stopped_scan_goes_on_where_it_was(week: Callable[[], Week]) -> None:
    found = week()
    options = ("--events", expected.EVENT_RANGE)
    first = found.installation.summary("meetmax_url_check", *options, "--delay", "0.5", "--max-hours", "0.0003")
    assert found.installation.waiting() == []
    assert any("the next run goes on" in text for text in first["warnings"])
    found.installation.summary("meetmax_url_check", *options)
    pages = [path for path in found.site.requests if path.endswith("__co-list_cp.html") and "private" not in path]
    assert sum(found.site.requests[path] for path in pages) <= expected.asked() + 1  # the one under way when it stopped
    assert len(found.installation.waiting()) == 1


def test_30_lists_with_110_headers_load_in_any_order(week: Callable[[], Week]) -> None:
    lists = {}
    for number in range(30):
        headers = [f"Header {n}" for n in range(number * 4, number * 4 + 4)][: 4 if number < 27 else 2]
        lists[f"20260302T063000_MeetMax_{100 + number}.xls"] = (
            "<table><tr>"
            + "".join(f"<th>{header}</th>" for header in ("Company Name", *headers))
            + "</tr><tr><td>Company A</td>"
            + "<td>x</td>" * len(headers)
            + "</tr></table>"
        )
    states = []
    for names in (sorted(lists), sorted(lists, reverse=True)):
        found = week().installation
        for name in names:
            found.drop(name, lists[name])
            found.run("generic_import", "meetmax_events")
        rows = found.sql(
            "select d.label, to_jsonb(t) - 'dataset_id' from dba.tmeetmax t join dba.tdataset d using (dataset_id)"
        )
        states.append(sorted(map(str, rows)))
    assert states[0] == states[1]
    assert states[0][0].count("header_") >= 110
