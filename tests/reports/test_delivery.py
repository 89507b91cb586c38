"""The delivery ledger: whatever the mail server does and wherever the process dies, each mail arrives once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import psycopg2
import pytest

from demo.mail_sink import make_certificate
from demo.meetmax_server import MeetMaxServer
from tests.conftest import Installation
from tests.reports.conftest import MeetMax, MoodySink, part
from tests.smtp_server import SmtpServer

REPORT = ("send_report", "meetmax_changes")
# copies of the first mail that wait for those who have not accepted it
WAITING = """insert into dba.treportdelivery
                 (report_name, status, recipients, accepted, subject, message, covered, run_uuid)
             select report_name, 'pending', recipients, '{{{accepted}}}', 'old', 'Subject: old', covered, run_uuid
             from dba.treportdelivery cross join generate_series(1, {numbers}) where delivery_id = 1"""


@pytest.fixture
def news(meetmax: MeetMax) -> Installation:
    """Something to mail."""
    meetmax.load("20260302", {70001: "Company Name,Ticker\nAlpha,A\n"})
    return meetmax.installation


def ledger(installation: Installation) -> list[str]:
    return [row[0] for row in installation.sql("select status from dba.treportdelivery order by delivery_id")]


def send(installation: Installation) -> int:
    done = installation.run(*REPORT, "--wait")
    others = ("warning:", "error: send_report meetmax_changes was interrupted")  # of the run before
    errors = [line for line in done.stderr.splitlines() if not line.startswith(others)]
    assert len(errors) == (1 if done.returncode else 0), done.stderr
    return done.returncode


def arrives_once(installation: Installation, sink: MoodySink) -> None:
    """The next run delivers it, the one after that nothing."""
    assert send(installation) == 0
    assert len(sink.list_mails()) == 1
    assert send(installation) == 0
    assert len(sink.list_mails()) == 1
    assert "pending" not in ledger(installation)
    assert ledger(installation).count("sent") == 1


@contextlib.contextmanager
def deaf_server() -> Iterator[int]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_is_down(news: Installation, sink: MoodySink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    news.write_settings(SMTP_PORT=str(port))
    assert [send(news), send(news)] == [75, 75]
    assert ledger(news) == ["pending"]
    assert news.sql("select error is not null, message is not null from dba.treportdelivery") == [(True, True)]
    news.write_settings(SMTP_PORT=str(sink.port))
    arrives_once(news, sink)


def test_a_server_that_hangs(news: Installation, sink: MoodySink) -> None:
    with deaf_server() as port:
        news.write_settings(SMTP_PORT=str(port), SMTP_TIMEOUT_SECONDS="1")
        assert send(news) == 75
    news.write_settings(SMTP_PORT=str(sink.port))
    arrives_once(news, sink)


def test_a_certificate_that_is_not_trusted(news: Installation, sink: MoodySink) -> None:
    other, _ = make_certificate(news.data / "other")
    news.write_settings(SMTP_CA_FILE=str(other))
    assert send(news) == 78
    news.write_settings(SMTP_CA_FILE=str(sink.certificate))
    arrives_once(news, sink)


def test_a_wrong_password(news: Installation, sink: MoodySink) -> None:
    news.write_settings(SMTP_PASSWORD="wrong-password")
    done = news.run(*REPORT)
    assert done.returncode == 78
    assert "wrong-password" not in done.stderr + news.read_logs()
    news.write_settings(SMTP_PASSWORD="secret")
    arrives_once(news, sink)


def test_no_recipients_then_some(news: Installation, sink: MoodySink) -> None:
    news.write_settings(REPORT_RECIPIENTS="")
    assert send(news) == 78
    assert ledger(news) == []
    news.write_settings(REPORT_RECIPIENTS="analyst@example.test")
    arrives_once(news, sink)


def test_a_refused_recipient_is_mended(news: Installation, sink: MoodySink) -> None:
    sink.refused = frozenset({"analyst@example.test"})
    assert send(news) == 1
    assert ledger(news)[0] == "pending"
    news.sql(WAITING.format(accepted="", numbers=2))
    done = news.run(*REPORT)
    assert (done.returncode, "and 2 more: the mail server refused analyst@example.test" in done.stderr) == (1, True), (
        done
    )
    assert "no one has the mail, correct the address in config/.env, REPORT_RECIPIENTS" in done.stderr
    news.sql("delete from dba.treportdelivery where subject = 'old'")
    news.write_settings(REPORT_RECIPIENTS="analysts@example.test")
    arrives_once(news, sink)
    assert sink.recipients() == ["analysts@example.test"]


def test_one_of_two_recipients_is_refused_and_does_not_hold_up_the_other(news: Installation, meetmax: MeetMax) -> None:
    sink = meetmax.sink
    sink.refused = frozenset({"wrong@example.test"})
    news.write_settings(REPORT_RECIPIENTS="ann@example.test,wrong@example.test")
    done = news.run(*REPORT)
    [told] = [line for line in done.stderr.splitlines() if "wrong@example.test" in line]
    assert (done.returncode, ledger(news)) == (0, ["sent"])
    assert "wrong@example.test (550 no such user); correct the address in config/.env, REPORT_RECIPIENTS" in told
    news.sql(WAITING.format(accepted="ann@example.test", numbers=2))
    meetmax.load("20260309", {70001: "Company Name,Ticker\nAlpha,A\nBeta,B\n"})
    done = news.run(*REPORT)
    assert (done.returncode, ledger(news)) == (0, ["sent"] * 4)
    assert len([line for line in done.stderr.splitlines() if "wrong@example.test" in line]) == 1
    assert sink.recipients() == ["ann@example.test", "ann@example.test"]
    assert send(news) == 0
    assert len(sink.recipients()) == 2


def test_who_is_refused_for_now_gets_the_report_later_and_alone(news: Installation, sink: MoodySink) -> None:
    sink.refused_for_now = frozenset({"jane@example.test"})
    news.write_settings(REPORT_RECIPIENTS="'ann@example.test, \"Doe, Jane\" <jane@example.test>'")
    done = news.run(*REPORT)
    assert (done.returncode, sink.recipients()) == (75, ["ann@example.test"])
    assert '"Doe, Jane" <jane@example.test> (451 greylisted, try later); the others have the mail' in done.stderr
    sink.refused_for_now = frozenset()
    assert [send(news), send(news)] == [0, 0]
    assert sink.recipients() == ["ann@example.test", "jane@example.test"]
    assert len({message["Message-ID"] for message in sink.read()}) == 1
    assert news.sql("select accepted from dba.treportdelivery where status = 'sent'") == [
        (["ann@example.test", "jane@example.test"],)
    ]


@pytest.mark.parametrize("at_end", ["250 ok", "reset"])
def test_a_report_that_the_server_accepted_is_sent_whatever_it_says_afterwards(news: Installation, at_end: str) -> None:
    with SmtpServer(at_end=at_end) as server:
        news.write_settings(**server.settings, SMTP_USER="", REPORT_RECIPIENTS="'Doe <jane@example.test>'")
        assert [send(news), send(news)] == [0, 0]
        assert server.list_recipients() == ["jane@example.test"]
    assert ledger(news) == ["sent", "nothing"]


def test_nothing_is_sent_while_nothing_is_new(mailing: Installation, sink: MoodySink) -> None:
    assert send(mailing) == 0
    assert ledger(mailing) == ["nothing"]
    assert sink.list_mails() == []


# Killed -------------------------------------------------------------------------------------------------------------


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@contextlib.contextmanager
def hold_lock(installation: Installation, statement: str) -> Iterator[None]:
    """Hold the locks of a statement."""
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        yield


def waits_for_lock(installation: Installation) -> bool:
    return bool(
        installation.sql(
            "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
    )


def test_killed_before_the_mail_is_in_the_ledger(news: Installation, sink: MoodySink) -> None:
    assert news.run(*REPORT, "--preview", news.data / "mail.html").returncode == 0  # the report is known
    with hold_lock(news, "lock table dba.treportdelivery in share mode"):
        process = news.start(*REPORT)
        wait_for(lambda: waits_for_lock(news))
        kill(process)
    arrives_once(news, sink)


def test_killed_between_ledger_and_server(news: Installation, sink: MoodySink) -> None:
    with deaf_server() as port:
        news.write_settings(SMTP_PORT=str(port), SMTP_TIMEOUT_SECONDS="30")
        process = news.start(*REPORT)
        wait_for(lambda: ledger(news) == ["pending"])
        kill(process)
    news.write_settings(SMTP_PORT=str(sink.port))
    arrives_once(news, sink)


def test_killed_while_the_mail_is_handed_over(news: Installation, sink: MoodySink) -> None:
    process: list[subprocess.Popen[str]] = []

    def cut_connection() -> str:
        kill(process[0])
        return "451 nobody is there"

    sink.before_keeping = cut_connection
    process.append(news.start(*REPORT))
    wait_for(lambda: process[0].poll() is not None)
    sink.before_keeping = None
    assert sink.list_mails() == []
    arrives_once(news, sink)


def test_killed_between_acceptance_and_marking_repeats_it_with_the_same_message_id(
    news: Installation, sink: MoodySink
) -> None:
    with contextlib.ExitStack() as locks:
        sink.after_keeping = lambda: locks.enter_context(
            hold_lock(news, "select * from dba.treportdelivery for update")
        )
        process = news.start(*REPORT)
        wait_for(lambda: waits_for_lock(news))
        kill(process)
    sink.after_keeping = None
    assert [send(news), send(news)] == [0, 0]
    first, second = sink.read()
    assert first["Message-ID"] == second["Message-ID"]
    assert ledger(news)[0] == "sent"


def test_killed_after_marking(news: Installation, sink: MoodySink) -> None:
    process = news.start(*REPORT)
    wait_for(lambda: ledger(news) == ["sent"])
    kill(process)
    assert send(news) == 0
    assert len(sink.list_mails()) == 1


def test_two_at_once(news: Installation, sink: MoodySink) -> None:
    runs = [news.start(*REPORT, "--wait") for _ in range(2)]
    for run in runs:
        _, errors = run.communicate(timeout=60)
        assert run.returncode == 0, errors
    assert len(sink.list_mails()) == 1


# In a pipeline -------------------------------------------------------------------------------------------------------


def test_a_mail_server_that_is_down_leaves_the_rest_of_the_pipeline_alone(
    mailing: Installation, sink: MoodySink
) -> None:
    with MeetMaxServer(hiccups={}) as site, socket.create_server(("127.0.0.1", 0)) as server:
        site.faults["/sched/event_119181/__co-list_cp.xls"] = "error page"
        port = server.getsockname()[1]
        server.close()
        mailing.write_settings(
            SMTP_PORT=str(port), MEETMAX_BASE_URL=site.base_url, MEETMAX_FIRST_EVENTS="119179-119184",
            MEETMAX_DELAY_SECONDS="0",
        )  # fmt: skip
        summary = mailing.summary("run_pipeline", "weekly")
    assert [row["state"] for row in summary["rows"]] == ["done", "done", "failed (65)", "done", "failed (75)"]
    mailing.write_settings(SMTP_PORT=str(sink.port))
    arrives_once(mailing, sink)
    text = part(sink.read()[0], "plain")
    problems, _, rest = text.partition("\n\n")
    assert problems.startswith("PROBLEMS\n- meetmax_url_download: event 119181: ")
    assert "3 new lists" in rest
