"""How often people are told: once, weekly while it lasts, once when it is over; by mail and by webhook."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from systemscripts import http_client
from systemscripts.errors import TryLaterError
from systemscripts.last_resort.send_message import send_message
from tests.mail_origin import strip_origin
from tests.tiny_jobs import Jobs, Mails, wait_for

FAIL = "if how != 'well': raise getattr(errors, how)('it is ' + how)"
BAD, STILL, WELL = "[ETL] tiny failed", "[ETL] tiny is still failing", "[ETL] tiny recovered"
UNSENT = "[ETL] mail cannot be sent"


def at(day: int) -> dict[str, str]:
    """The clock of a run on a Monday, Tuesday ... from 5 January 2026 on."""
    from datetime import UTC, datetime, timedelta

    return {"ETL_NOW": (datetime(2026, 1, 5, 6, 30, tzinfo=UTC) + timedelta(days=day)).isoformat()}


def test_a_job_that_stays_bad_is_told_of_once_a_week_until_it_works_again(jobs: Jobs, mails: Mails) -> None:
    jobs.write("tiny", FAIL, parameters="how: str")
    jobs.write("other", "pass")
    jobs.run("tiny", "BadDataError", **at(0))
    for day in (1, 3, 6):
        jobs.run("tiny", "BadDataError", **at(day))
    assert mails.list_subjects() == [BAD]
    jobs.run("other", **at(7))  # whichever job runs
    jobs.run("tiny", "BadDataError", **at(7))
    assert mails.list_subjects() == [BAD, STILL]
    assert "failing since 2026-01-05" in mails.read_text()
    assert "What: it is BadDataError" in mails.read_text()
    jobs.run("tiny", "BadDataError", **at(14))
    assert mails.list_subjects() == [BAD, STILL, STILL]
    assert mails.read_text().count("The first message was") == 1
    jobs.run("tiny", "TryLaterError", **at(15))  # another way of failing is news
    assert mails.list_subjects()[3:] == [BAD]
    jobs.run("tiny", "well", **at(16))
    for day in (17, 30):
        jobs.run("tiny", "well", **at(day))
    assert mails.list_subjects()[4:] == [WELL]


def test_a_mail_sent_under_a_clock_that_was_wrong_does_not_keep_the_reminders_away(jobs: Jobs, mails: Mails) -> None:
    jobs.write("tiny", FAIL, parameters="how: str")
    jobs.run("tiny", "BadDataError", **at(400))
    jobs.run("tiny", "BadDataError", **at(0))
    assert mails.list_subjects() == [BAD, STILL]
    jobs.run("tiny", "BadDataError", **at(1))
    assert mails.list_subjects() == [BAD, STILL]


def test_without_a_database_one_mail_for_all_jobs_and_one_when_it_is_back(jobs: Jobs, mails: Mails) -> None:
    for name in ("one", "two"):
        jobs.write(name, "pass")
    url = jobs.installation.settings["DATABASE_URL"]
    jobs.installation.write_settings(DATABASE_URL="postgresql://etl:x@127.0.0.1:1/etl")
    for day, name in ((0, "one"), (0, "two"), (1, "one")):
        assert jobs.run(name, **at(day)).returncode == 75
    assert mails.list_subjects() == ["[ETL] the database is down"]
    assert "does not answer" in mails.read_text()
    jobs.run("two", **at(8))
    assert mails.list_subjects()[1:] == ["[ETL] still: the database is down"]
    jobs.installation.write_settings(DATABASE_URL=url)
    for day in (9, 10):
        assert jobs.run("one", **at(day)).returncode == 0
    assert mails.list_subjects()[2:] == ["[ETL] over: the database is down"]
    assert "etl one" in mails.read_text()
    assert "etl two" in mails.read_text()


def test_killed_and_timed_out_are_told_once_and_weekly_while_it_lasts(jobs: Jobs, mails: Mails) -> None:
    jobs.write("slow", "Path('begun').touch(); time.sleep(60)", needs="time_limit_hours=0.0001")
    for day in (0, 1):
        assert jobs.run("slow", **at(day)).returncode == 1
    assert mails.list_subjects() == ["[ETL] slow timed out"]
    jobs.write("other", "pass")
    for day in (7, 8):
        jobs.run("other", **at(day))
    assert mails.list_subjects()[1:] == ["[ETL] slow is still failing"]
    assert "slow timed out (exit code 1), failing since 2026-01-05" in mails.read_text()
    jobs.write("slow", "Path('begun').touch(); time.sleep(60)")
    for _ in range(2):
        process = jobs.start_and_wait("slow", **at(9))
        process.kill()
        process.communicate()
        jobs.installation.run("close_interrupted_runs", **at(9))
    assert mails.list_subjects()[2:] == ["[ETL] slow interrupted"]
    assert "killed, or the machine went down" in mails.read_text()
    jobs.run("other", **at(16))
    assert mails.list_subjects()[3:] == ["[ETL] slow is still failing"]
    jobs.write("slow", "pass")
    jobs.run("slow", **at(17))
    assert mails.list_subjects()[4:] == ["[ETL] slow recovered"]


@contextlib.contextmanager
def deaf_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize("trouble", ["refusing", "hanging", "wrong certificate", "wrong password"])
def test_mail_trouble_changes_no_result_and_the_mail_goes_later_once(jobs: Jobs, mails: Mails, trouble: str) -> None:
    jobs.write("tiny", FAIL, parameters="how: str")
    jobs.write("other", "pass")
    right = {name: value for name, value in jobs.installation.settings.items() if name.startswith("SMTP_")}
    with deaf_server() as deaf:
        jobs.installation.write_settings(SMTP_TIMEOUT_SECONDS="1", **{
            "refusing": {"SMTP_PORT": "1"},
            "hanging": {"SMTP_PORT": deaf},
            "wrong certificate": {"SMTP_CA_FILE": ""},
            "wrong password": {"SMTP_PASSWORD": "wrong"},
        }[trouble])  # fmt: skip
        assert jobs.run("tiny", "BadDataError").returncode == 65
        assert jobs.run("other").returncode == 0
    assert mails.list_subjects() == []
    jobs.installation.write_settings(**right)
    for _ in range(2):
        assert jobs.run("other").returncode == 0
    assert mails.list_subjects() == [BAD]


class Hook:
    """A webhook that can be away."""

    def __init__(self) -> None:
        self.posts: list[dict[str, str]] = []
        self.answer = 200
        self.moved_to = ""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.answer == 200:
                    hook.posts.append(json.loads(content))
                self.send_response(hook.answer)
                if hook.moved_to:
                    self.send_header("Location", hook.moved_to)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/T0/hook-secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def list_subjects(self) -> list[str]:
        return [strip_origin(post["text"].splitlines()[0].strip("*")) for post in self.posts]


@pytest.fixture
def hook() -> Iterator[Hook]:
    webhook = Hook()
    yield webhook
    webhook.server.shutdown()
    webhook.server.server_close()


def test_a_webhook_hears_the_same_once_whatever_the_mail_server_does(jobs: Jobs, mails: Mails, hook: Hook) -> None:
    jobs.write("tiny", FAIL, parameters="how: str")
    port = jobs.installation.settings["SMTP_PORT"]
    jobs.installation.write_settings(ALERT_WEBHOOK_URL=hook.url, SMTP_PORT="1")
    assert jobs.run("tiny", "BadDataError").returncode == 65
    wait_for(lambda: hook.posts)
    hook.answer = 500
    jobs.installation.write_settings(SMTP_PORT=port)
    assert jobs.run("tiny", "BadDataError").returncode == 65
    assert (mails.list_subjects(), hook.list_subjects()) == ([BAD], [BAD, UNSENT])
    assert "[ETL] mail cannot be sent" in hook.list_subjects()[1] and "Connection refused" in hook.posts[1]["text"]
    assert jobs.run("tiny", "well").returncode == 0
    assert (mails.list_subjects(), hook.list_subjects()) == ([BAD, WELL], [BAD, UNSENT])
    hook.answer = 200
    for _ in range(2):
        jobs.run("tiny", "well")
    assert mails.list_subjects() == [BAD, WELL]
    assert sorted(hook.list_subjects()) == sorted([BAD, UNSENT, WELL, "[ETL] over: mail cannot be sent"])
    assert "hook-secret" not in jobs.installation.read_logs()


def test_a_webhook_alone_is_enough(jobs: Jobs, hook: Hook) -> None:
    jobs.write("tiny", FAIL, parameters="how: str")
    jobs.installation.write_settings(ALERT_WEBHOOK_URL=hook.url)
    # a proxy of the environment is not asked, which could read the alert
    proxies = {"http_proxy": "http://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1"}
    for how in ("BadDataError", "BadDataError", "well", "well"):
        jobs.run("tiny", how, **proxies)
    assert hook.list_subjects() == [BAD, WELL]


def _send_by_job(url: str) -> None:
    http_client.send_notification(url, b'{"text": "x"}', "application/json", 5)


def _send_by_wrapper(url: str) -> None:
    if reason := send_message({"ALERT_WEBHOOK_URL": url}, "x", "y", Path("/")):
        raise TryLaterError(reason)


@pytest.mark.parametrize("send", [_send_by_job, _send_by_wrapper])
def test_a_webhook_gets_the_text_itself_or_nobody_does(
    send: Callable[[str], None], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    send(hook.url)
    assert len(hook.posts) == 1
    hook.moved_to, hook.answer = hook.url, 302
    with pytest.raises(TryLaterError):
        send(hook.url)
    # the address where clouds hand out credentials
    with pytest.raises(TryLaterError) as caught:
        send("http://169.254.169.254/hook-secret")
    assert "hook-secret" not in str(caught.value)
    assert len(hook.posts) == 1
