"""The operator's tasks as a person does them, clicks counted; what happens when connection, session or console go."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.webconsole import console_pages
from tests.webconsole.conftest import ORDERS, Console, lock_rows
from tests.webconsole.console_pages import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FIRST = "order_id,ordered_at,amount\n1,2026-01-05,10.5\n2,2026-01-06,1\n"
SECOND = "order_id,ordered_at,amount\n1,2026-01-05,11\n"
DATED = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with console_pages.start_browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def operator(browser: Browser, console: Console) -> Iterator[Person]:
    console.load("orders", "orders_20260105.csv", FIRST, **DATED, **ORDERS)
    console.load("orders", "orders_20260112.csv", SECOND)
    with console_pages.open_person(browser, console) as person:
        person.sign_in("anna")
        yield person


def test_a_whole_run_is_undone_in_three_clicks_from_the_desk(operator: Person) -> None:
    page = operator.page
    operator.go("/console/")
    page.locator("tr", has_text="orders").locator("a.square").last.click()
    page.get_by_role("link", name="Undo this run").click()
    assert "2 rows of 2026-01-05" in operator.text()
    page.get_by_role("button", name="Undo 1 dataset").click()
    page.locator("#live .state", has_text="succeeded").wait_for()
    current = "select order_id from public.orders_current order by 1"
    assert operator.console.installation.sql(current) == [(1,), (2,)]


def test_a_pipeline_is_paused_resumed_and_rescheduled_with_the_mouse(operator: Person) -> None:
    page = operator.page
    operator.go("/console/schedules/weekly")
    page.locator("summary", has_text="Pause").click()
    page.get_by_label("Until").fill("2099-01-01T06:00")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.locator("h1 .state", has_text="paused").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("status").get_by_text("weekly is resumed").wait_for()
    page.locator("summary", has_text="Change times").click()
    page.get_by_label("Minute, hour").fill("0 8 * * 2")
    page.get_by_role("button", name="Change the times").click()
    page.get_by_text("every Tuesday at 08:00").first.wait_for()


@pytest.mark.parametrize(("width", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_no_page_of_the_operator_has_a_fault_of_accessibility_or_sticks_out(
    operator: Person, browser: Browser, width: str, scheme: str
) -> None:
    console = operator.console
    here = console.installation
    here.configure("tidied", schema={"order_id": {"type": "integer"}}, max_rejects=0)
    here.drop(f"tidied_{width}.csv", "order_id\nfirst\n")
    here.run("generic_import", "tidied")
    run = here.sql("select run_uuid::text from dba.tdataset where config_name = 'orders' order by dataset_id")[0][0]
    file_id = here.sql("select max(file_id) from dba.tfile where config_name = 'tidied'")[0][0]
    with console_pages.open_person(browser, console, width, scheme) as who:
        who.sign_in("anna")
        for path in (
            "/console/", "/console/feeds", "/console/feeds/orders", "/console/schedules", "/console/schedules/weekly",
            f"/console/runs/{run}/undo", f"/console/files/{file_id}/lines", "/console/configurations/visits/edit",
            "/console/configurations/visits/1", "/console/runs",
        ):  # fmt: skip
            who.go(path)
            assert who.faults() == [], path
            assert not who.sticks_out(), path


def test_a_run_goes_on_while_the_console_restarts_and_its_page_says_so_and_goes_on_after(operator: Person) -> None:
    console, page = operator.console, operator.page
    here = console.installation
    here.write_settings(DATABASE_LOCK_SECONDS="600")
    here.drop("orders_20260119.csv", SECOND)
    port = console.url.rpartition(":")[2]
    with lock_rows(here, "public.orders"):
        operator.go("/console/runs/new?name=orders")
        page.get_by_role("button", name="Run now").click()
        page.locator("#live .state", has_text="running").wait_for()
        console.process.terminate()
        console.process.wait(30)
        note = page.locator(".live-note")
        note.get_by_text("The connection to the console is lost").wait_for()
        with (here.data / "again.out").open("w") as stream:
            console.process = subprocess.Popen(
                here.command("web_console", "--port", port), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                env=here.process_environment(), cwd=here.data, text=True,
            )  # fmt: skip
        note.wait_for(state="detached", timeout=90_000)
        assert "running" in page.locator("#live").inner_text()
    page.locator("#live .state", has_text="succeeded").wait_for(timeout=90_000)
    operator.complaints.clear()  # of the refused connections


def test_a_lost_session_is_said_and_the_page_goes_on_after_signing_in(operator: Person) -> None:
    page = operator.page
    operator.expected = (401,)
    operator.go("/console/")
    page.context.clear_cookies()
    page.evaluate("htmx.ajax('GET', '/console/desk/live', {source: '#desk', swap: 'outerHTML'})")
    page.locator(".live-note", has_text="Your session has ended").wait_for()
    page.locator(".live-note").get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    page.locator("#desk").wait_for()
    assert page.locator(".live-note").count() == 0
    operator.complaints.clear()
