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
def clients_console(console: Console) -> Console:
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


def test_a_report_is_read_with_charts_and_without_what_is_not_for_the_reader(clients_console: Console) -> None:
    listed = {row["report_name"] for row in clients_console.get("/api/v1/reports", "ben").json()["rows"]}
    assert {"clients_report", "list_changes", "weekly_summary"} <= listed and "hidden_report" not in listed
    assert clients_console.get("/console/reports/hidden_report", "ben").status_code == 404
    assert clients_console.get("/api/v1/reports/hidden_report", "ben").status_code == 404
    assert "not for all" in clients_console.get("/console/reports/hidden_report", "anna").text
    page = clients_console.get("/console/reports/clients_report", "ben").text
    assert SECRET not in page and "•••" in page and "Rome" in page
    assert "<title>Oslo: 20</title>" in page and 'aria-label="Spent by city"' in page
    assert SECRET in clients_console.get("/console/reports/clients_report", "anna").text
    tables = {
        table["name"]: table for table in clients_console.get("/api/v1/reports/clients_report", "ben").json()["tables"]
    }
    assert tables["clients"]["rows"][0] == {"client_id": 1, "email": "•••", "city": "Rome"}


def test_the_changes_of_a_list_are_masked_too(clients_console: Console) -> None:
    for name, shown in (("ben", False), ("anna", True)):
        for path in ("/console/reports/list_changes?since=0", "/api/v1/reports/list_changes?since=0"):
            assert (SECRET in clients_console.get(path, name).text) == shown, (name, path)


def test_a_group_opens_a_report_but_not_its_personal_columns(clients_console: Console) -> None:
    sql = clients_console.installation.sql
    sql("insert into dba.tusergroup (group_name, reports) values ('readers', '{hidden_report,clients_report}')")
    sql("insert into dba.tgroupmember (group_name, user_name) values ('readers', 'ben')")
    try:
        assert "not for all" in clients_console.get("/console/reports/hidden_report", "ben").text
        page = clients_console.get("/console/reports/clients_report", "ben").text
        assert "Rome" in page and SECRET not in page
        assert clients_console.get("/console/reports/list_changes", "ben").status_code == 404
    finally:
        sql("delete from dba.tusergroup where group_name = 'readers'")


@pytest.mark.parametrize("since", ["x", "-1", "999999999999", "1;drop", "%00"])
def test_a_wrong_mail_to_begin_with_is_refused(clients_console: Console, since: str) -> None:
    answer = clients_console.get(f"/console/reports/clients_report?since={since}", "ben")
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
    clients_console: Console, mailbox: SmtpServer
) -> None:
    sql = clients_console.installation.sql
    sql("update dba.treportmanager set recipients = '{boss@readers.test}' where report_name = 'clients_report'")
    assert send(clients_console, mailbox, "clients_report").keys() == {"boss@readers.test"}
    session = clients_console.browser_session("ben")
    for name in ("clients_report", "hidden_report"):
        path = f"/console/reports/{name}/subscribe"
        assert post_form(clients_console, session, path).status_code == (303 if name == "clients_report" else 404)
    assert clients_console.call("PUT", "/api/v1/reports/clients_report/subscription", "anna").status_code == 200
    mails = send(clients_console, mailbox, "clients_report")
    assert mails.keys() == {"boss@readers.test", "anna@readers.test", "ben@readers.test"}
    assert SECRET not in mails["ben@readers.test"] and "Rome" in mails["ben@readers.test"]
    assert SECRET in mails["anna@readers.test"] and SECRET in mails["boss@readers.test"]
    # a right that is taken away counts at once, and so does leaving
    sql("update dba.tusergroup set tables = '{}' where group_name = 'default'")
    assert send(clients_console, mailbox, "clients_report").keys() == {"boss@readers.test", "anna@readers.test"}
    sql("update dba.tusergroup set tables = '{targets}' where group_name = 'default'")
    assert post_form(clients_console, session, "/console/reports/clients_report/unsubscribe").status_code == 303
    assert send(clients_console, mailbox, "clients_report").keys() == {"boss@readers.test", "anna@readers.test"}


def test_who_is_named_in_the_report_may_leave_it_and_the_others_still_get_it(
    clients_console: Console, mailbox: SmtpServer
) -> None:
    sql = clients_console.installation.sql
    add_report(clients_console, "named", {"cities": "select city from public.clients"},
               recipients=["Ben <BEN@readers.test>", "boss@readers.test"])  # fmt: skip
    assert len(send(clients_console, mailbox, "named")) == 1
    assert clients_console.delete("/api/v1/reports/named/subscription", "ben").status_code == 200
    assert send(clients_console, mailbox, "named").keys() == {"boss@readers.test"}
    sql("update dba.treportmanager set recipients = '{ben@readers.test}' where report_name = 'named'")
    assert send(clients_console, mailbox, "named") == {}


def test_without_an_address_one_is_told_whom_to_ask(clients_console: Console) -> None:
    clients_console.installation.run("console_user", "change", "ben", "--email", "")
    answer = clients_console.call("PUT", "/api/v1/reports/clients_report/subscription", "ben")
    assert answer.status_code == 409 and "Ask the operator" in answer.json()["hint"]
    clients_console.installation.run("console_user", "change", "ben", "--email", "ben@readers.test")


def test_an_analyst_reads_a_report_and_subscribes_in_two_clicks(clients_console: Console) -> None:
    with console_pages.start_browser() as browser:
        for width, scheme in (("desktop", "light"), ("phone", "dark")):
            with console_pages.open_person(browser, clients_console, width, scheme) as who:
                who.sign_in("ben")
                who.page.get_by_role("navigation").get_by_role("link", name="Reports").click()
                assert not who.faults() and not who.sticks_out()
                who.page.get_by_role("link", name="Clients report").click()
                who.page.get_by_role("img", name="Spent by city").wait_for()
                assert not who.faults() and not who.sticks_out()
                if width == "desktop":
                    who.page.get_by_role("button", name="Subscribe by mail").click()
                    who.page.get_by_text(re.compile("goes to ben@readers.test")).wait_for()
