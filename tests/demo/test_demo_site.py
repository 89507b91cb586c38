"""The outside world of the demo: the site's files hold what the plain data say, the mail server insists on a login."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests
import xlrd
from lxml import html

from demo import events, expected, meetmax_site
from demo.mail_sink import MailSink
from demo.meetmax_server import HICCUPS, MeetMaxServer

ROOT = Path(__file__).parents[2]
WEEKS = (1, 2, 3)


def cells(event_id: int, week: int) -> list[list[Any]]:
    """Read a list with the library its content asks for."""
    content = meetmax_site.make_list_file(event_id, week)
    if content.startswith(b"PK"):
        book = openpyxl.load_workbook(BytesIO(content))
        return [["" if value is None else value for value in row] for row in book.worksheets[0].values]
    if content.startswith(b"\xd0\xcf"):
        sheet = xlrd.open_workbook(file_contents=content).sheet_by_index(0)
        return [sheet.row_values(row) for row in range(sheet.nrows)]
    return [[cell.text or "" for cell in row.iter("th", "td")] for row in html.fromstring(content).iter("tr")]


def by_key(event_id: int, week: int) -> dict[str, list[str]]:
    """Return the rows of a list by ticker, else by name, as text."""
    fields = [name for _, name in events.EVENTS[event_id].columns]
    ticker = fields.index(events.TICKER) if events.TICKER in fields else fields.index(events.NAME)
    rows = cells(event_id, week)[len(events.EVENTS[event_id].title_rows) + 1 :]
    texts = [[expected._format_value(value) for value in row] for row in rows]
    return {row[ticker] or row[fields.index(events.NAME)]: row for row in texts}


@pytest.mark.parametrize("week", WEEKS)
def test_every_list_opens_and_holds_header_and_rows(week: int) -> None:
    for event_id, rows in expected.count_list_rows(week).items():
        event = events.EVENTS[event_id]
        records = cells(event_id, week)
        header = records[len(event.title_rows)]
        width = len(header)
        assert [*header, *[""] * (len(event.columns) - width)] == [name for name, _ in event.columns], event_id
        assert len(records) == len(event.title_rows) + 1 + rows, event_id


@pytest.mark.parametrize("week", [2, 3])
def test_the_files_differ_as_the_plain_data_say(week: int) -> None:
    for event_id, change in expected.find_changes(week).items():
        before, after = by_key(event_id, week - 1), by_key(event_id, week)
        headers = [header for header, _ in events.EVENTS[event_id].columns]
        changed = {
            expected.ChangedValue(key, headers[column], old, new)
            for key in before.keys() & after.keys()
            for column, (old, new) in enumerate(zip(before[key], after[key], strict=True))
            if old != new
        }
        assert (after.keys() - before.keys(), before.keys() - after.keys()) == (set(change.added), set(change.removed))
        assert changed == set(change.changed)


def test_the_site_shows_every_case() -> None:
    lists = {event_id: meetmax_site.make_list_file(event_id, 1) for event_id in expected.count_list_rows(1)}
    assert len(events.EVENTS) >= 12
    assert lists[119187] == lists[119188]
    assert {content[:2] for content in lists.values()} == {b"PK", b"\xd0\xcf", b"<h"}
    assert 0 in expected.count_list_rows(1).values()
    assert meetmax_site.make_list_file(119189, 3) == meetmax_site.make_list_file(119189, 1)
    assert expected.list_published(2) == [119192, 119198]
    assert expected.find_disappeared(2) == {119193: events.INVALID, 119194: events.PAGE}
    assert any(change for change in expected.find_changes(2).values())
    assert not all(change for change in expected.find_changes(2).values())
    assert all(monday.weekday() == 0 for monday in events.MONDAYS)


def test_the_bytes_are_the_same_in_every_process() -> None:
    script = (
        "import hashlib; from demo import expected, meetmax_site as site\n"
        "bodies = [answer.body for week in (1, 2) for answer in site.build_site(week).values()]\n"
        "print(hashlib.sha256(b''.join(bodies)).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, env={"TZ": zone}
        ).stdout
        for zone in ("UTC", "Asia/Tokyo")
    ]
    assert runs[0] == runs[1]


def test_the_server_shows_another_week_and_its_hiccups_happen_once() -> None:
    with MeetMaxServer(week=1) as server:
        url = server.origin + "/sched/event_119192/__co-list_cp.html"
        assert "co-list_cp.xls" not in requests.get(url, timeout=5).text
        server.show_week(2)
        assert "co-list_cp.xls" in requests.get(url, timeout=5).text
        answers = [requests.get(server.origin + "/sched/event_119181/__co-list_cp.html", timeout=5) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [429, 200]
    assert answers[0].headers["Retry-After"] == "1"


def test_the_server_starts_by_hand() -> None:
    command = [sys.executable, "-m", "demo.meetmax_server", "--port", "0", "--week", "2", "--without-hiccups"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().strip()
        answer = requests.get(base.replace("{id}", "119181") + "__co-list_cp.html", timeout=5)
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert (answer.status_code, errors) == (200, "")
    assert HICCUPS


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[MailSink]:
    with MailSink(tmp_path / "mails", tmp_path / "certificate", "etl", "right password") as started:
        yield started


def send(
    sink: MailSink, password: str = "right password", host: str = "127.0.0.1", subject: str = "Übersicht: 2"
) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "etl@example.test", "analyst@example.test", subject
    message.set_content("Äpfel & Birnen\n.\nend")
    with smtplib.SMTP(host, sink.port, timeout=10) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(sink.certificate)))
        client.login("etl", password)
        client.send_message(message)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_mail_with_a_login_is_kept(sink: MailSink, host: str) -> None:
    send(sink, host=host)
    send(sink, host=host, subject="second/../mail")
    assert [path.name for path in sink.list_mails()] == ["0001_bersicht-2.eml", "0002_second-mail.eml"]
    assert b"analyst@example.test" in sink.list_mails()[0].read_bytes()


def test_a_wrong_password_is_refused(sink: MailSink) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError):
        send(sink, password="wrong")
    assert sink.list_mails() == []


def test_without_tls_or_login_nothing_is_accepted(sink: MailSink) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPException):
            client.login("etl", "right password")
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a@example.test", ["b@example.test"], "x")
        client.starttls(context=ssl.create_default_context(cafile=str(sink.certificate)))
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a@example.test", ["b@example.test"], "x")


def test_the_key_is_for_its_owner_only_and_both_are_kept(sink: MailSink, tmp_path: Path) -> None:
    folder = tmp_path / "certificate"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"mail_sink.crt": 0o644, "mail_sink.key": 0o600}
    before = sink.certificate.read_bytes()
    MailSink(tmp_path / "mails", folder, "etl", "x")
    assert sink.certificate.read_bytes() == before
