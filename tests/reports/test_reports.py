"""A report of one's own: a row or a YAML file; tables, charts, attachments, when it is sent; the weekly summary."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import openpyxl
import psycopg2
import pytest

from systemscripts import db_utils
from systemscripts.db_utils import queries
from systemscripts.errors import EtlError
from tests import browser
from tests.clones import Clone
from tests.conftest import Installation
from tests.mail_origin import strip_origin
from tests.reports.conftest import MeetMax, MoodySink, part
from tests.smtp_server import SmtpServer
from tests.tiny_jobs import wait_for

DANGEROUS = """
    select * from (values ('=1+2', 1, -5.5), ('+49 30', 2, 0), ('-x', 3, 7), ('@sum(a)', 4, null), (e'\\tx', 5, 8),
                          ('plain', 6, 9), (' =1+1', 7, 9), ('＝1+1', 8, 9), ('"=x', 9, 9), ('-5', 10, 9))
    v(text, number, amount) order by number
"""


def report(installation: Installation, name: str, **columns: object) -> None:
    """A report as a row, as a user creates it in DBeaver."""
    assert installation.run("send_report", "nothing").returncode == 2  # the schema is there
    values: dict[str, object] = {"report_name": name, "subject": f"Report {name}", "template": "tables"} | columns
    values = {k: json.dumps(v) if k in ("queries", "attachments") else v for k, v in values.items()}
    names = ", ".join(values)
    installation.sql(
        f"insert into dba.treportmanager ({names}) values ({', '.join(['%s'] * len(values))})", tuple(values.values())
    )


def files(message: EmailMessage) -> dict[str, bytes]:
    attached: Any = {
        str(attachment.get_filename()): attachment.get_payload(decode=True) for attachment in message.iter_attachments()
    }
    return dict(attached)


def test_queries_become_tables_and_attachments_in_which_nothing_is_a_formula(
    mailing: Installation, sink: MoodySink
) -> None:
    report(
        mailing, "phones", queries={"phones": DANGEROUS},
        attachments=[
            {"name": 'phones_{{ now.strftime("%Y") }}.csv', "query": "phones"},
            {"name": "own.xlsx", "query": "select '=cmd()' as \"=header\", 12 as n, timestamptz '2026-03-02' as at"},
            {"name": "none.csv", "query": "select 1 as one where false", "if_empty": False},
        ],
    )  # fmt: skip
    done = mailing.run("send_report", "phones", ETL_NOW="2026-03-02T07:00:00+00:00")
    assert done.returncode == 0, done.stderr
    [message] = sink.read()
    text = part(message, "plain")
    assert "PHONES" in text
    assert "+49 30" in text
    assert "<th" in part(message, "html")
    attached = files(message)
    assert set(attached) == {"phones_2026.csv", "own.xlsx"}
    rows = list(csv.reader(io.StringIO(attached["phones_2026.csv"].decode("utf-8-sig"))))
    assert rows[0] == ["text", "number", "amount"]
    assert [row[0] for row in rows[1:]] == [
        "'=1+2",
        "'+49 30",
        "'-x",
        "'@sum(a)",
        "'\tx",
        "plain",
        "' =1+1",
        "'＝1+1",
        "'\"=x",
        "-5",
    ]
    assert rows[1] == ["'=1+2", "1", "-5.5"]  # a number below zero is a number
    sheet: Any = openpyxl.load_workbook(io.BytesIO(attached["own.xlsx"])).active
    assert [cell.value for cell in sheet[1]] == ["=header", "n", "at"]
    assert [cell.data_type for cell in sheet[2]] == ["s", "n", "d"]
    assert sheet["A2"].value == "=cmd()"
    assert b"<f>" not in zipfile.ZipFile(io.BytesIO(attached["own.xlsx"])).read("xl/worksheets/sheet1.xml")
    for _ in range(2):
        assert mailing.run("send_report", "phones").returncode == 0  # send_if: always
    assert len(sink.list_mails()) == 3


def test_too_large_an_attachment_is_left_out_and_the_mail_says_so(mailing: Installation, sink: MoodySink) -> None:
    mailing.write_settings(REPORT_ATTACHMENT_MB="0.01")
    report(
        mailing, "large", queries={"few": "select 1 as one"},
        attachments=[{"name": "all.csv", "query": "select repeat('x', 100) as x from generate_series(1, 1000)"}],
    )  # fmt: skip
    assert mailing.run("send_report", "large").returncode == 0
    [message] = sink.read()
    assert files(message) == {}
    note = "all.csv is not attached: 0.1 MB is more than 0.01 MB (1,000 rows)"
    assert note in part(message, "plain")
    assert note in part(message, "html")


def test_when_it_is_sent(mailing: Installation, sink: MoodySink) -> None:
    report(mailing, "rows", queries={"a": "select 1 as x where false"}, send_if="rows")
    report(
        mailing, "troubles", queries={"a": "select 1 as x", "problems": "select 1 as x where false"}, send_if="problems"
    )
    report(mailing, "off", is_active=False)
    for name in ("rows", "troubles", "off"):
        assert mailing.run("send_report", name).returncode == 0
    assert sink.list_mails() == []
    mailing.sql("update dba.treportmanager set queries = replace(queries::text, 'where false', '')::jsonb")
    for name in ("rows", "troubles"):
        assert mailing.run("send_report", name).returncode == 0
    assert [strip_origin(str(message["Subject"])) for message in sink.read()] == ["Report rows", "Report troubles"]


def test_queries_can_only_read_and_not_everything(mailing: Installation, sink: MoodySink) -> None:
    report(mailing, "thief", queries={"users": "select * from dba.tuser"})
    report(mailing, "vandal", queries={"drop": "delete from dba.trun"})
    report(mailing, "slip", queries={"x": "selekt 1"})
    for name in ("thief", "vandal", "slip"):
        done = mailing.run("send_report", name)
        assert done.returncode == 78, done.stderr
        assert f"report {name}: query" in done.stderr
    assert sink.list_mails() == []


CREATE = "create table public.made_by_a_report (n integer)"


@pytest.mark.parametrize(
    "query",
    [
        f"commit; begin; {CREATE}; commit; begin; select 1",
        f"select 1; commit; begin; {CREATE}; commit",
        f"select 1 /* ; */; -- ;\ncommit;\n{CREATE}; commit; begin",
        f"select 1) to stdout; commit; {CREATE}; commit; begin; select (1",
        f"release savepoint query; set transaction read write; {CREATE}; commit; begin",
        "set transaction read write",
        "set session characteristics as transaction read write",
        f"do $$ begin set transaction read write; {CREATE}; end $$",
        "copy (select 1) to program 'touch /tmp/made_by_a_report'",
        "commit", "rollback", "prepare x as select 1", CREATE, "", "-- nothing",
        "with gone as (delete from public.victim returning n) select * from gone",
        "select set_config('transaction_read_only', 'off', true)",
        "select nextval('public.counter')",
        "select dba.open_query('select 1; select 2', 'x')",
    ],
)  # fmt: skip
def test_a_query_of_a_report_is_one_statement_that_only_reads(here: Installation, query: str) -> None:
    here.sql("create table public.victim (n integer); insert into public.victim values (1); create sequence counter")
    # with all rights it could have: what stops it is the transaction, not what it lacks
    with contextlib.closing(psycopg2.connect(here.url)) as connection:
        with pytest.raises((psycopg2.Error, EtlError)), db_utils.transaction(connection) as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            cursor.execute("savepoint query")
            queries.read_rows(cursor, query, {"since": 1})
        assert not connection.closed
    assert here.sql("select to_regclass('public.made_by_a_report') is null, (select count(*) from public.victim)") == [
        (True, 1)
    ]
    assert here.sql("select is_called from public.counter") == [(False,)]


def test_a_query_that_ends_its_transaction_sends_no_mail(mailing: Installation, sink: MoodySink) -> None:
    report(mailing, "leaver", queries={"x": "select 1; commit; begin; select 2"})
    report(mailing, "good", queries={"x": "select %(since)s as a, '100 %%' as b, null::date as c; "}, send_if="always")
    done = mailing.run("send_report", "leaver")
    assert done.returncode == 78 and "report leaver: query x: cannot open multi-query plan as cursor" in done.stderr
    assert mailing.run("send_report", "good").returncode == 0
    assert len(sink.list_mails()) == 1


@pytest.fixture
def summary(meetmax: MeetMax) -> MeetMax:
    """A week in which much happened."""
    first = "Company Name,Ticker\nAlpha,A\nBeta,B\n"
    meetmax.load("20260302", {70001: first, 70002: first})
    meetmax.load("20260309", {70001: first})  # unchanged
    page = "1,False,1,200,Conference"
    meetmax.check("20260302", e70001=page, e70002=page)
    meetmax.check("20260309", e70001=page + " of another name", e70002=page)
    meetmax.installation.drop("20260309T060000_MeetMax_70009.xls", b"\x00\x01 no workbook")
    meetmax.installation.run("generic_import", "meetmax_events")
    meetmax.installation.run("generic_import", "no_such_import")
    return meetmax


def weekly(attached: MeetMax) -> EmailMessage:
    done = attached.installation.run("send_report", "weekly_summary")
    assert done.returncode == 0, done.stderr
    return attached.sink.read()[-1]


def test_the_weekly_summary_says_what_the_database_has(summary: MeetMax) -> None:
    sql = summary.installation.sql
    [(runs, failed)] = sql(
        """select count(*), count(*) filter (where status = 'failed') from dba.trun
           where status in ('succeeded', 'failed')"""
    )
    [(loaded,)] = sql("select sum(rows_loaded) from dba.tdataset")
    message = weekly(summary)
    assert (
        strip_origin(str(message["Subject"])) == f"ETL: {runs + 1} runs, {failed} failed, {loaded} rows loaded"
    )  # itself among them
    text = part(message, "plain")
    assert text.startswith("PROBLEMS\n- generic_import meetmax_events: failed: ")
    assert "- 20260309T060000_MeetMax_70009.xls: " in text
    assert "1 files waiting" in text
    assert "1 changed" in text
    lines = [line for line in text.partition("ROWS LOADED PER WEEK")[2].partition("IMPORTS")[0].splitlines() if line]
    assert len(lines) == 8
    assert lines[-1].endswith(f"█ {loaded}")
    assert all(line.endswith(" 0") for line in lines[:-1])
    [events] = [line for line in text.splitlines() if line.startswith("meetmax_events")]
    assert events.split()[:3] == ["meetmax_events", "4", "4"]  # files, rows


@pytest.mark.parametrize("device", browser.WIDTHS)
def test_the_weekly_summary_on_screen(summary: MeetMax, tmp_path: Path, device: str) -> None:
    path = tmp_path / "mail.html"
    path.write_text(part(weekly(summary), "html"))
    with browser.open_page(browser.WIDTHS[device]) as shown:
        shown.goto(path.as_uri())
        assert browser.find_cut_elements(shown) == []
        places = [browser.find_top(shown, name) for name in (".problems", ".numbers", ".chart", ".rows")]
        assert places == sorted(places)
        widths = shown.locator(".chart div").evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
        assert widths[-1] > 50
        assert max(widths[:-1]) < 5  # the weeks before
        shown.screenshot(path=tmp_path / f"{device}.png", full_page=True)


def test_on_a_phone_long_texts_break_and_a_wide_table_scrolls_within_itself(
    mailing: Installation, tmp_path: Path
) -> None:
    path, command = tmp_path / "mail.html", "ETL_DATA_DIR=/srv/" + "client_data/" * 12 + " etl status"
    totals = ", ".join(f"1234567 + n as total_of_month_{month}" for month in range(1, 13))
    selects = {
        "problems": f"select '{'long_name_' * 9}' as what, '{command}' as says",
        "notes": f"select n, '{command}' || n as command, 'file_' || n as name from generate_series(1, 3) n",
        "months": f"select {totals} from generate_series(1, 3) n",
        "same": f"select n, '{command}' as path from generate_series(1, 3) n",
    }
    report(mailing, "wide", queries=selects)
    done = mailing.run("send_report", "wide", "--preview", path)
    assert done.returncode == 0, done.stderr
    with browser.open_page(browser.WIDTHS["phone"]) as shown:
        shown.goto(path.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") == browser.WIDTHS["phone"]
        scrolls = "all => all.map(e => e.parentElement.scrollWidth > e.parentElement.clientWidth)"
        assert shown.locator(".rows").evaluate_all(scrolls) == [False, False, True]  # the shortest name first
        # no number is broken in the middle
        heights = shown.locator(".rows").last.locator("td").evaluate_all("all => all.map(e => e.clientHeight)")
        assert max(heights) < 40
        assert "path: ETL_DATA_DIR=" in shown.locator("body").inner_text()  # the same in every row


def test_a_preview_sends_nothing(summary: MeetMax, tmp_path: Path) -> None:
    path = tmp_path / "summary.html"
    before = len(summary.sink.list_mails())
    done = summary.installation.run("send_report", "weekly_summary", "--preview", path)
    assert done.returncode == 0, done.stderr
    assert "Rows loaded per week" in path.read_text()
    assert len(summary.sink.list_mails()) == before


def test_file_and_row_both_changed_is_refused_until_somebody_decides(mailing: Installation, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    script = clone.folder / "jobscripts" / "send_report.py"
    own, text = (
        clone.folder / "config/reports/own.yaml",
        "subject: {}\nsend_if: rows\nqueries: {{a: select 1 where false}}\n",
    )
    own.write_text(text.format("first"))

    def send() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, script, "own"], capture_output=True, text=True, timeout=60,
            env=mailing.process_environment(PYTHONPATH=str(clone.folder)),
        )  # fmt: skip

    def subject() -> str:
        return str(mailing.sql("select subject from dba.treportmanager where report_name = 'own'")[0][0])

    assert send().returncode == 0
    mailing.sql("update dba.treportmanager set subject = 'edited' where report_name = 'own'")
    assert send().returncode == 0
    assert subject() == "edited"  # an unchanged file never touches the row
    own.write_text(text.format("second"))
    done = send()
    assert done.returncode == 78
    assert "its row in dba.treportmanager was edited as well" in done.stderr
    assert subject() == "edited"
    mailing.sql(re.search(r'sql "(update .*)"', done.stderr)[1])  # type: ignore[index]
    assert send().returncode == 0
    assert subject() == "second"


def test_a_kill_after_the_server_accepted_a_report_repeats_it_for_no_recipient(mailing: Installation) -> None:
    report(mailing, "one", queries={"few": "select 1 as one"}, recipients=["ann@example.com", "bob@example.com"])
    with SmtpServer(at_end="silent") as server:
        mailing.write_settings(**server.settings, SMTP_USER="", SMTP_PASSWORD="", SMTP_CA_FILE="")
        process = mailing.start("send_report", "one")
        # the mail is accepted, the session is not over
        wait_for(lambda: any(line.upper() == "QUIT" for line in server.lines), 60)
        process.kill()
        process.communicate()
        server.at_end = "221 bye"
        assert mailing.run("send_report", "one").returncode == 0
        ids = [str(delivery.message["Message-ID"]) for delivery in server.delivered]
        assert len(ids) == len(set(ids)) == 2
        statuses = mailing.sql("select status, accepted from dba.treportdelivery order by delivery_id")
        assert statuses == [("sent", ["ann@example.com", "bob@example.com"])] * 2
