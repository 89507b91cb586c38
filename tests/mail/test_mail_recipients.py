"""Every recipient has a mail once: whatever one of them is refused for, and however the server says goodbye."""

from __future__ import annotations

import fcntl
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import alerts, settings
from systemscripts.configuration import pipeline_config
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError
from systemscripts.reports.definition import Report
from tests.mail_origin import strip_origin
from tests.smtp_server import Delivered, SmtpServer
from tests.tiny_jobs import Jobs, wait_for

LATER = "451 4.7.1 greylisted, try later"
NEVER = "550 5.1.1 no such user"


@pytest.fixture
def mail_server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


def read_subject(delivery: Delivered) -> str:
    """The subject of a mail, without where it comes from."""
    return strip_origin(str(delivery.message["Subject"]))


class Host:
    """An installation without a database whose alerts go to a server."""

    def __init__(self, folder: Path, mail_server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directories = Directories(folder).create()
        self._file = folder / "settings.env"
        self._values = {"DATABASE_URL": "embedded", "ALERT_RECIPIENTS": "ann@example.com,bob@example.com"}
        self.write(**mail_server.settings)
        monkeypatch.setenv("ETL_DATA_DIR", str(folder))
        monkeypatch.setenv("ETL_ENV_FILE", str(self._file))

    def write(self, **values: str) -> None:
        self._values |= values
        self._file.write_text("".join(f"{name}='{value}'\n" for name, value in self._values.items()))
        self._file.chmod(0o600)
        settings.reset()

    def end_run(self, status: str = "failed", error: str = "it is broken", job: str = "tiny") -> None:
        """Let a run end, and the alerts go out that are due."""
        outcome = alerts.Outcome(job, "", status, int(status == "failed"), error, "", self.directories.logs / "x")
        alerts.try_record_outcome(outcome, self.directories)

    def states(self) -> list[Path]:
        return list(self.directories.alerts.glob("*.json"))


@pytest.fixture
def host(tmp_path: Path, mail_server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    yield Host(tmp_path, mail_server, monkeypatch)
    settings.reset()


@pytest.mark.parametrize(
    "at_end", ["250 ok", "421 too many connections", "554 no", "garbage", "reset", "continued", "silent"]
)
def test_a_mail_that_the_server_accepted_is_sent_whatever_it_says_afterwards(
    host: Host, mail_server: SmtpServer, at_end: str
) -> None:
    mail_server.at_end = at_end
    for _ in range(2):
        host.end_run()
    assert mail_server.list_recipients() == ["ann@example.com", "bob@example.com"]
    assert len(mail_server.delivered) == 1


def test_who_is_refused_for_now_gets_the_alert_later_and_alone(host: Host, mail_server: SmtpServer) -> None:
    mail_server.answers = {"bob@example.com": LATER}
    for _ in range(2):
        host.end_run()
    assert mail_server.list_recipients() == ["ann@example.com"]
    mail_server.answers = {}
    for _ in range(2):
        host.end_run()
    assert mail_server.list_recipients() == ["ann@example.com", "bob@example.com"]
    first, second = [delivery.message for delivery in mail_server.delivered]
    assert (first["Subject"], first["Message-ID"]) == (second["Subject"], second["Message-ID"])
    host.end_run("succeeded")
    assert mail_server.list_recipients()[2:] == ["ann@example.com", "bob@example.com"]
    assert host.states() == []


def test_who_is_refused_for_now_does_not_lose_a_message_that_another_one_follows(
    host: Host, mail_server: SmtpServer
) -> None:
    mail_server.answers = {"ann@example.com": LATER}
    host.end_run(error="the first fault")
    host.end_run("succeeded")
    mail_server.answers = {}
    host.end_run("succeeded")
    subjects = [
        (delivery.recipients, strip_origin(str(delivery.message["Subject"]))) for delivery in mail_server.delivered
    ]
    for recipient in ("ann@example.com", "bob@example.com"):
        own = sorted(subject for recipients, subject in subjects if recipient in recipients)
        assert own == ["[ETL] tiny failed", "[ETL] tiny recovered"], subjects


def test_who_is_refused_for_good_is_named_and_the_others_are_served_once(
    host: Host, mail_server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.answers = {"ann@example.com": NEVER}
    for _ in range(2):
        host.end_run()
    assert [(delivery.recipients, read_subject(delivery)) for delivery in mail_server.delivered] == [
        (["bob@example.com"], "[ETL] tiny failed"),
        (["bob@example.com"], "[ETL] mail to ann@example.com is refused"),
    ]
    assert "ann@example.com (550 5.1.1 no such user): this" in mail_server.delivered[1].message.get_content()
    assert "ann@example.com (550 5.1.1 no such user)" in caplog.text


def test_an_address_that_the_server_cannot_write_is_named_and_the_others_are_served(
    host: Host, mail_server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    host.write(ALERT_RECIPIENTS="jané@example.com,bob@example.com")
    host.end_run()
    assert set(mail_server.list_recipients()) == {"bob@example.com"}
    assert "jané@example.com (553 the server accepts only addresses in ASCII" in caplog.text
    mail_server.extensions = ("SMTPUTF8", "8BITMIME")
    host.end_run("succeeded")
    served = [(delivery.recipients, read_subject(delivery)) for delivery in mail_server.delivered]
    assert served[2:] == [
        (["jané@example.com", "bob@example.com"], "[ETL] tiny recovered"),
        (["bob@example.com"], "[ETL] over: mail to jané@example.com is refused"),
    ]


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ('"Doe, Jane" <jane@example.com>', "Doe, Jane", "jane@example.com"),
        ("jane@example.com <jane@example.com>", "jane@example.com", "jane@example.com"),
        ("Jané Dœ <jane@example.com>", "Jané Dœ", "jane@example.com"),
        ('"Jané, the ""2nd""" <jane@example.com>'.replace('""', r"\""), 'Jané, the "2nd"', "jane@example.com"),
        ("jane@bücher.example", "", "jane@xn--bcher-kva.example"),
        (f'"{"Long, Name, " * 12}End" <jane@example.com>', f"{'Long, Name, ' * 12}End", "jane@example.com"),
    ],
)
def test_a_name_is_one_recipient_however_it_is_written(
    host: Host, mail_server: SmtpServer, written: str, name: str, address: str
) -> None:
    host.write(ALERT_RECIPIENTS=f"{written}, bob@example.com")
    host.end_run()
    assert mail_server.list_recipients() == [address, "bob@example.com"]
    shown = [
        (delivery.display_name, delivery.addr_spec) for delivery in mail_server.delivered[0].message["To"].addresses
    ]
    assert shown == [(name, address), ("", "bob@example.com")]


def test_a_name_with_a_comma_in_yaml_is_one_recipient_and_a_list_in_one_entry_is_refused() -> None:
    report = Report(report_name="x", subject="x", recipients=["Doe, Jane <jane@example.com>"])
    assert report.recipients == ['"Doe, Jane" <jane@example.com>']
    for faulty in ("ann@example.com, Bob <bob@example.com>", "team: a@b.c, d@e.f;", "", "Jane", "a b@example.com"):
        with pytest.raises(ValueError, match=r"more than one recipient|is not a mail address"):
            Report(report_name="x", subject="x", recipients=[faulty])
        with pytest.raises(ValueError, match=r"more than one recipient|is not a mail address"):
            pipeline_config.Pipeline.model_validate({"steps": [], "notify": [faulty]})


def test_a_name_with_a_comma_in_the_settings_needs_quotes(host: Host) -> None:
    host.write(ALERT_RECIPIENTS="Doe, Jane <jane@example.com>")
    with pytest.raises(ConfigurationError, match=r"'Doe' is not a mail address \(expected .* \"Doe, Jane\" <jane@"):
        settings.current()


def test_a_mail_goes_in_seven_bits_from_a_name_that_exists_with_a_subject_in_its_first_line(
    host: Host, mail_server: SmtpServer
) -> None:
    host.write(MAIL_FROM="Zürich, ETL <etl@example.com>".replace("Zürich, ETL", '"Zürich, ETL"'))
    alerts.queue_message(
        "x", ["jane@example.com"], "x" * 120 + " is held", "Grüße\n.\n..dots\n" + "é" * 1200, host.directories
    )
    alerts.queue_message("y", ["jane@example.com"], "é" * 90, "Grüße", host.directories)
    alerts.send_waiting(host.directories)
    assert len(mail_server.delivered) == 2
    for delivery in mail_server.delivered:
        assert delivery.content.isascii()
        assert max(map(len, delivery.content.split(b"\r\n"))) < 998
        assert re.search(rb"^Subject: \S", delivery.content, re.MULTILINE)
        assert delivery.message["From"].addresses[0].display_name == "Zürich, ETL"
        assert delivery.message["Message-ID"].rstrip(">").endswith("@example.com")
    by_subject = {
        strip_origin(str(delivery.message["Subject"])): delivery.message for delivery in mail_server.delivered
    }
    assert f"[ETL] {'é' * 90}" in by_subject
    text = by_subject[f"[ETL] {'x' * 120} is held"].get_content().replace("\r\n", "\n")
    assert "Grüße\n.\n..dots\n" in text
    greetings = {line for line in mail_server.lines if line.startswith("EHLO")}
    assert all(re.fullmatch(r"EHLO (\[[0-9.]+\]|[^ ]+\.[^ .]+)", line) for line in greetings), greetings
    assert not any("local" in line for line in greetings)


def test_no_end_of_a_run_waits_for_another_that_sends_and_its_alert_goes_with_that_one(
    host: Host, mail_server: SmtpServer
) -> None:
    host.write(ALERT_RECIPIENTS="ann@example.com", SMTP_TIMEOUT_SECONDS="20")
    mail_server.is_hanging = True
    first = threading.Thread(target=host.end_run)
    first.start()
    lock = host.directories.locks / "alerts_sending.lock"
    wait_for(lambda: lock.exists() and is_locked(lock))
    begin = time.monotonic()
    host.end_run(job="small")
    seconds = time.monotonic() - begin
    assert (mail_server.list_recipients(), seconds < 10) == ([], True), seconds
    mail_server.is_hanging = False
    first.join()
    assert mail_server.list_recipients() == ["ann@example.com"] * 2
    assert all(json.loads(path.read_text())["pending"] == [] for path in host.states())


def is_locked(path: Path) -> bool:
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_a_slow_mail_server_never_delays_status(jobs: Jobs, mail_server: SmtpServer) -> None:
    jobs.installation.write_settings(
        **mail_server.settings | {"SMTP_TIMEOUT_SECONDS": "8"}, ALERT_RECIPIENTS="a@b.example"
    )
    jobs.write("killed", "Path('begun').touch(); time.sleep(60)")
    jobs.write("bad", "raise errors.BadDataError('x')")
    process = jobs.start_and_wait("killed")
    process.kill()  # its alert is left to the next run
    process.communicate()
    mail_server.is_hanging = True
    holding = jobs.start("bad")
    locks = jobs.installation.data / "var" / "locks"
    until = time.monotonic() + 20
    while not (locks / "alerts_sending.lock").exists() and not (locks / "alerts.lock").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    begin = time.monotonic()
    assert jobs.installation.run("status").returncode == 0
    seconds = time.monotonic() - begin
    mail_server.is_hanging = False
    holding.communicate()
    assert seconds < 6, seconds
