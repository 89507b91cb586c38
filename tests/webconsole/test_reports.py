"""Reports in the browser: charts, what changed, subscribing, and mails that respect both choice and rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2.extras import Json

from tests.smtp_server import SmtpServer
from tests.webconsole import console_pages
from tests.webconsole.conftest import Console
from tests.webconsole.test_users import post_form

SECRET = "zoe@example.test"
QUERIES = {
    "by_city": "select city, count(*)::integer as clients, sum(spent) as spent from public.clients"
    " group by 1 order by 1",
    "clients": "select client_id, email, city from public.clients order by 1",
    "problems": "select name as what, why as says from dba.v_waiting where %(since)s < 0",
}


def add_report(console: Console, name: str, queries: dict[str, str], **more: Any) -> None:
    values = {"report_name": name, "subject": f"{name} now", "template": "tables", "queries": Json(queries)} | more
    names = ", ".join(values)
    console.installation.sql(
        f"insert into dba.treportmanager ({names}) values ({', '.join(['%s'] * len(values))})", tuple(values.values())
    )


@pytest.fixture(scope="module")
def mailbox() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture(scope="module")
def reporting(console: Console) -> Console:
    """A list of clients, reports on it, and users with addresses."""
    sql = console.installation.sql
    sql("update dba.tusergroup set tables = '{targets}' where group_name = 'default'")
    console.load(
        "clients", "clients_1.csv", f"client_id,email,city,spent\n1,{SECRET},Rome,10\n2,y@example.test,Oslo,20\n",
        schema={"client_id": {"type": "integer"}, "email": {"personal": True}, "spent": {"type": "numeric"}},
        key_columns=["client_id"],
    )  # fmt: skip
    sql("create table public.by_hand (note text); insert into public.by_hand values ('not for all')")
    add_report(console, "clients_report", QUERIES)
    add_report(console, "hidden_report", {"notes": "select note from public.by_hand"})
    add_report(console, "list_changes", {}, template="meetmax_changes", parts=Json({"changes": "clients"}))
    sql("update dba.tuser set email = user_name || '@readers.test'")
    return console


def test_a_report_is_read_with_charts_and_without_what_is_not_for_the_reader(reporting: Console) -> None:
    listed = {row["report_name"] for row in reporting.get("/api/v1/reports", "ben").json()["rows"]}
    assert {"clients_report", "list_changes", "weekly_summary"} <= listed and "hidden_report" not in listed
    assert reporting.get("/console/reports/hidden_report", "ben").status_code == 404
    assert reporting.get("/api/v1/reports/hidden_report", "ben").status_code == 404
    assert "not for all" in reporting.get("/console/reports/hidden_report", "anna").text
    page = reporting.get("/console/reports/clients_report", "ben").text
    assert SECRET not in page and "•••" in page and "Rome" in page
    assert "<title>Oslo: 20</title>" in page and 'aria-label="Spent by city"' in page
    assert SECRET in reporting.get("/console/reports/clients_report", "anna").text
    tables = {table["name"]: table for table in reporting.get("/api/v1/reports/clients_report", "ben").json()["tables"]}
    assert tables["clients"]["rows"][0] == {"client_id": 1, "email": "•••", "city": "Rome"}


def test_the_changes_of_a_list_are_masked_too(reporting: Console) -> None:
    for name, shown in (("ben", False), ("anna", True)):
        for path in ("/console/reports/list_changes?since=0", "/api/v1/reports/list_changes?since=0"):
            assert (SECRET in reporting.get(path, name).text) == shown, (name, path)


def test_a_group_opens_a_report_but_not_its_personal_columns(reporting: Console) -> None:
    sql = reporting.installation.sql
    sql("insert into dba.tusergroup (group_name, reports) values ('readers', '{hidden_report,clients_report}')")
    sql("insert into dba.tgroupmember (group_name, user_name) values ('readers', 'ben')")
    try:
        assert "not for all" in reporting.get("/console/reports/hidden_report", "ben").text
        page = reporting.get("/console/reports/clients_report", "ben").text
        assert "Rome" in page and SECRET not in page
        assert reporting.get("/console/reports/list_changes", "ben").status_code == 404
    finally:
        sql("delete from dba.tusergroup where group_name = 'readers'")


@pytest.mark.parametrize("since", ["x", "-1", "999999999999", "1;drop", "%00"])
def test_a_wrong_mail_to_begin_with_is_refused(reporting: Console, since: str) -> None:
    answer = reporting.get(f"/console/reports/clients_report?since={since}", "ben")
    assert answer.status_code in (400, 422)


def send(console: Console, mailbox: SmtpServer, report: str) -> dict[str, str]:
    """Send a report; the text of each mail by its recipients."""
    before = len(mailbox.delivered)
    console.installation.write_settings(
        SMTP_HOST="127.0.0.1", SMTP_PORT=str(mailbox.port), SMTP_SECURITY="none", REPORT_RECIPIENTS=""
    )
    done = console.installation.run("send_report", report)
    assert done.returncode == 0, done.stderr
    texts = {}
    for mail in mailbox.delivered[before:]:
        body = mail.message.get_body(("html",))
        assert body is not None
        texts[",".join(mail.recipients)] = str(body.get_content())
    return texts


def test_a_mail_goes_to_subscribers_only_while_they_want_it_and_may_read_it(
    reporting: Console, mailbox: SmtpServer
) -> None:
    sql = reporting.installation.sql
    sql("update dba.treportmanager set recipients = '{boss@readers.test}' where report_name = 'clients_report'")
    assert send(reporting, mailbox, "clients_report").keys() == {"boss@readers.test"}
    session = reporting.browser_session("ben")
    for name in ("clients_report", "hidden_report"):
        path = f"/console/reports/{name}/subscribe"
        assert post_form(reporting, session, path).status_code == (303 if name == "clients_report" else 404)
    assert reporting.call("PUT", "/api/v1/reports/clients_report/subscription", "anna").status_code == 200
    mails = send(reporting, mailbox, "clients_report")
    assert mails.keys() == {"boss@readers.test", "anna@readers.test", "ben@readers.test"}
    assert SECRET not in mails["ben@readers.test"] and "Rome" in mails["ben@readers.test"]
    assert SECRET in mails["anna@readers.test"] and SECRET in mails["boss@readers.test"]
    # a right that is taken away counts at once, and so does leaving
    sql("update dba.tusergroup set tables = '{}' where group_name = 'default'")
    assert send(reporting, mailbox, "clients_report").keys() == {"boss@readers.test", "anna@readers.test"}
    sql("update dba.tusergroup set tables = '{targets}' where group_name = 'default'")
    assert post_form(reporting, session, "/console/reports/clients_report/unsubscribe").status_code == 303
    assert send(reporting, mailbox, "clients_report").keys() == {"boss@readers.test", "anna@readers.test"}


def test_who_is_named_in_the_report_may_leave_it_and_the_others_still_get_it(
    reporting: Console, mailbox: SmtpServer
) -> None:
    sql = reporting.installation.sql
    add_report(reporting, "named", {"cities": "select city from public.clients"},
               recipients=["Ben <BEN@readers.test>", "boss@readers.test"])  # fmt: skip
    assert len(send(reporting, mailbox, "named")) == 1
    assert reporting.delete("/api/v1/reports/named/subscription", "ben").status_code == 200
    assert send(reporting, mailbox, "named").keys() == {"boss@readers.test"}
    sql("update dba.treportmanager set recipients = '{ben@readers.test}' where report_name = 'named'")
    assert send(reporting, mailbox, "named") == {}


def test_without_an_address_one_is_told_whom_to_ask(reporting: Console) -> None:
    reporting.installation.run("console_user", "change", "ben", "--email", "")
    answer = reporting.call("PUT", "/api/v1/reports/clients_report/subscription", "ben")
    assert answer.status_code == 409 and "Ask the operator" in answer.json()["hint"]
    reporting.installation.run("console_user", "change", "ben", "--email", "ben@readers.test")


def test_an_analyst_reads_a_report_and_subscribes_in_two_clicks(reporting: Console) -> None:
    with console_pages.start_browser() as browser:
        for width, scheme in (("desktop", "light"), ("phone", "dark")):
            with console_pages.open_person(browser, reporting, width, scheme) as who:
                who.sign_in("ben")
                who.page.get_by_role("navigation").get_by_role("link", name="Reports").click()
                assert not who.faults() and not who.sticks_out()
                who.page.get_by_role("link", name="Clients report").click()
                who.page.get_by_role("img", name="Spent by city").wait_for()
                assert not who.faults() and not who.sticks_out()
                if width == "desktop":
                    who.page.get_by_role("button", name="Subscribe by mail").click()
                    who.page.get_by_text(re.compile("goes to ben@readers.test")).wait_for()
