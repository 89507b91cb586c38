"""The whole way through the console as people go it: Chromium, at the width of a desk and of a phone, both roles."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import openpyxl
import pytest

from tests.webconsole import console_pages
from tests.webconsole.conftest import ORDERS, SCHEMA, Console, lock_rows
from tests.webconsole.console_pages import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUN = "select run_uuid from dba.trun where job = 'generic_import' order by started_at limit 1"
FIRST = "order_id,ordered_at,amount,who\n1,2026-01-05,10.50,Ann\n2,2026-01-06,x,Bob\n3,2026-01-07,7,Émile\n"
SECOND = "order_id,ordered_at,amount,who\n1,2026-01-05,11,Ann\n3,2026-01-07,7,Émile\n4,2026-01-08,1,=1+1\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with console_pages.start_browser() as chromium:
        yield chromium


@pytest.fixture(params=list(console_pages.WIDTHS))
def operator(request: pytest.FixtureRequest, browser: Browser, console: Console) -> Iterator[Person]:
    with console_pages.open_person(browser, console, request.param) as person:
        person.sign_in("anna")
        yield person


@pytest.fixture(params=list(console_pages.WIDTHS))
def analyst(request: pytest.FixtureRequest, browser: Browser, console: Console) -> Iterator[Person]:
    with console_pages.open_person(browser, console, request.param) as person:
        person.sign_in("ben")
        yield person


@pytest.fixture(scope="module")
def orders(console: Console) -> Console:
    """An import with two datasets, the first with a rejected row."""
    console.load("orders", "orders_20260105.csv", FIRST, **ORDERS)
    console.load("orders", "orders_20260106.csv", SECOND)
    return console


def test_a_wrong_password_says_so_and_the_next_ones_have_to_wait(browser: Browser, console: Console) -> None:
    with console_pages.open_person(browser, console) as who:
        who.expected = (401, 429)
        who.go("/console/runs")
        for _ in range(8):
            who.page.get_by_label("Name").fill("dora")
            who.page.get_by_label("Password").fill("nothing of the kind")
            who.page.get_by_role("button", name="Sign in").click()
            who.page.get_by_role("alert").wait_for()
            if "Too many wrong passwords" in who.text():
                break
        assert "Too many wrong passwords" in who.text()
        who.sign_in("anna")


def test_signing_in_leads_to_where_one_wanted_to_go_and_signing_out_back(browser: Browser, console: Console) -> None:
    with console_pages.open_person(browser, console) as who:
        who.go("/console/datasets?status=held")
        who.page.get_by_label("Name").fill("anna")
        who.page.get_by_label("Password").fill("correct horse battery")
        who.page.keyboard.press("Enter")
        who.page.wait_for_url("**/console/datasets?status=held")
        who.page.get_by_role("button", name="Sign out").click()
        who.page.wait_for_url("**/console/sign-in")
        who.go("/console/runs")
        assert "/console/sign-in" in who.page.url


def test_the_operator_tries_a_run_then_runs_it_and_sees_the_rows(operator: Person) -> None:
    console, page = operator.console, operator.page
    name = f"tried{operator.page.viewport_size['width']}"  # type: ignore[index]
    console.installation.configure(name, **ORDERS)
    console.installation.drop(f"{name}_1.csv", FIRST)
    operator.go(f"/console/runs/new?name={name}")
    page.get_by_role("button", name="Dry run").click()
    page.get_by_text("dry run, nothing written: 1 file: 3 rows read, 2 loaded, 1 rejected").wait_for()
    assert f'create table "public"."{name}"' in operator.text()
    assert "from 'order_id'" in operator.text()
    operator.go(f"/console/runs/new?name={name}")
    page.get_by_role("button", name="Run now").click()
    page.get_by_text("1 file: 3 rows read, 2 loaded, 1 rejected, 0 skipped").wait_for()
    assert "succeeded" in page.locator("#live").inner_text()
    assert "run ended" in page.locator(".log").inner_text()
    page.locator("#live table a", has_text=name).click()
    operator.link("Its rows")
    assert "Émile" in operator.text() and "10.50" in operator.text()


def test_a_run_is_watched_live_and_stopped(operator: Person) -> None:
    console, page = operator.console, operator.page
    name = f"slow{operator.page.viewport_size['width']}"  # type: ignore[index]
    console.load(name, f"{name}_1.csv", FIRST, **ORDERS)
    console.installation.write_settings(DATABASE_LOCK_SECONDS="600")
    console.installation.drop(f"{name}_2.csv", SECOND)
    with lock_rows(console.installation, f"public.{name}"):
        operator.go(f"/console/runs/new?name={name}")
        page.get_by_role("button", name="Run now").click()
        page.locator("#live .state", has_text="running").wait_for()
        page.locator(".log li", has_text="run began").wait_for()
        operator.confirm("Stop", "Stop this run")
        page.locator("#live .state", has_text="interrupted").wait_for()
    page.get_by_text("stopped by SIGTERM").first.wait_for()
    assert console.installation.sql(f"select count(*) from dba.tdataset where config_name = '{name}'") == [(1,)]
    assert operator.page.locator(".note", has_text="stopped by").count() == 1  # said once


def test_tables_are_sorted_filtered_and_taken_home(orders: Console, analyst: Person) -> None:
    page = analyst.page
    analyst.link("Tables")
    analyst.link("Orders")
    assert "3 rows, current" in analyst.text()
    page.get_by_role("link", name="who", exact=True).click()
    page.wait_for_url("**sort=who**")
    who = page.locator("table.data tbody tr td:nth-child(4)").all_inner_texts()
    assert who == ["=1+1", "Ann", "Émile"]
    page.get_by_label("Column").first.select_option("amount")
    page.get_by_label("Comparison").first.select_option("is at least")
    page.get_by_label("Value").first.fill("7")
    page.wait_for_url("**value1=7**")  # a filter acts without a button
    assert page.locator("table.data tbody tr").count() == 2
    with page.expect_download() as csv_file:
        analyst.link("CSV")
    text = csv_file.value.path().read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["who"] for row in rows] == ["Ann", "Émile"]
    analyst.link("Clear")
    with page.expect_download() as sheet_file:
        analyst.link("Excel")
    sheet = openpyxl.load_workbook(io.BytesIO(sheet_file.value.path().read_bytes())).active
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]  # type: ignore[union-attr]
    assert cells[0] == ["order_id", "ordered_at", "amount", "who", "file", "line"]
    assert {row[3] for row in cells[1:]} == {"Ann", "Émile", "=1+1"}


def test_an_analyst_finds_nothing_that_changes_anything(orders: Console, analyst: Person) -> None:
    links = analyst.page.locator("nav[aria-label=Main] a").all_inner_texts()
    assert links == ["Lists", "Tables", "Reports", "Downloads", "View a YAML", "Coverage", "Glossary"]
    analyst.expected = (403,)
    analyst.go("/console/runs")
    assert "Only the operator may do this" in analyst.text()
    analyst.expected = (404,)
    analyst.go("/console/nothing")
    assert "This page does not exist" in analyst.text()
    analyst.link("Tables")  # a link to where the analyst may go


def test_a_held_dataset_is_accepted_and_one_is_undone(operator: Person) -> None:
    console, page = operator.console, operator.page
    name = f"kept{operator.page.viewport_size['width']}"  # type: ignore[index]
    console.load(name, f"{name}_1.csv", FIRST, guards={"min_rows": 1}, **ORDERS)
    console.installation.configure(name, guards={"min_rows": 10})
    console.load(name, f"{name}_2.csv", SECOND)
    operator.go("/console/")
    held = console.dataset(name, "held")
    assert "min_rows" in operator.text() or "fewer" in operator.text()
    page.locator(".decisions > li", has_text=f"{name}_2.csv").locator("summary", has_text="Accept").click()
    page.get_by_role("button", name="Accept as it is").locator("visible=true").click()
    page.get_by_role("status").get_by_text(f"dataset {held} is accepted").wait_for()
    loaded = console.dataset(name, "active")
    operator.go(f"/console/datasets/{loaded}")
    assert loaded > held and "current" in page.locator(".facts").inner_text()
    operator.confirm("Undo", f"Undo dataset {loaded}")
    page.get_by_role("status").get_by_text("1 dataset undone").wait_for()
    assert "undone" in page.locator(".facts").inner_text()
    statuses = dict(
        console.installation.sql(f"select status, count(*) from dba.tdataset where config_name = '{name}' group by 1")
    )
    assert statuses == {"undone": 1, "superseded": 1, "active": 1}


def test_a_rejected_row_is_read_sent_back_and_replayed(operator: Person) -> None:
    console, page = operator.console, operator.page
    name = f"again{operator.page.viewport_size['width']}"  # type: ignore[index]
    console.load(name, f"{name}_1.csv", FIRST, **ORDERS)
    dataset = console.dataset(name)
    operator.link("Rejects")
    page.get_by_role("link", name=f"{dataset} {name}").click()
    assert "'x' is not a number" in operator.text()
    with page.expect_download() as sent:
        operator.link("CSV to send back")
    assert "2,2026-01-06,x,Bob" in sent.value.path().read_text()
    console.installation.configure(name, schema={**SCHEMA, "amount": {"type": "numeric", "null": ["x"]}})
    operator.confirm("Replay rejects", "Replay 1 row")
    page.get_by_role("status").get_by_text(f"1 of 1 rejected rows loaded into dataset {dataset}").wait_for()
    assert console.installation.sql(f"select count(*) from public.{name}") == [(3,)]


def test_two_datasets_are_compared(orders: Console, operator: Person) -> None:
    newest = orders.dataset("orders")
    operator.go(f"/console/datasets/{newest}")
    operator.link("What changed")
    text = operator.text()
    assert "10.50" in text and "11" in text
    assert operator.page.locator("table .state.good").count() == 1  # added: 4
    assert operator.page.locator("table .state.warn").count() == 1  # changed: the amount of 1


def test_two_versions_of_a_configuration_are_compared_and_one_is_restored(operator: Person) -> None:
    console, page = operator.console, operator.page
    name = f"versions{operator.page.viewport_size['width']}"  # type: ignore[index]
    console.installation.configure(name, max_rejects=5)
    console.installation.sql(f"update dba.timportconfig set max_rejects = 7 where config_name = '{name}'")
    operator.link("Configurations")
    operator.link(name)
    assert "max_rejects: 5" in operator.text() and "max_rejects: 7" in operator.text()
    page.get_by_role("link", name=f"View version 1 of {name}").click()
    operator.link("Compare with current")
    differences = page.locator(".diff").inner_text()
    assert "- max_rejects: 5" in differences and "+ max_rejects: 7" in differences
    page.go_back()
    operator.confirm("Restore", "Restore version 1")
    page.get_by_role("status").get_by_text(f"{name} has the content of version 1 again, as version 3").wait_for()
    rows = console.installation.sql(f"select max_rejects, version from dba.timportconfig where config_name = '{name}'")
    assert rows == [(5, 3)]
    by = console.installation.sql(
        f"select changed_by from dba.tconfighistory where config_name = '{name}' and version = 3"
    )
    assert by == [("anna",)]


def test_the_log_shows_new_entries_by_itself(operator: Person) -> None:
    operator.link("Log")
    operator.console.installation.sql(
        """insert into dba.tlogentry (run_uuid, sequence, logged_at, process_type, level, message)
           values (gen_random_uuid(), 1, now() + interval '1 minute', 'somewhere', 'WARNING', 'said just now')"""
    )
    operator.page.locator(".log li", has_text="said just now").wait_for()


PAGES = {
    "anna": ("/console/", "/console/runs", "/console/runs/new", "/console/datasets", "/console/datasets/{dataset}",
             "/console/datasets/{dataset}/changes", "/console/rejects", "/console/configurations", "/console/history",
             "/console/configurations/orders", "/console/configurations/orders/1", "/console/tables",
             "/console/tables/public.orders", "/console/log", "/console/coverage", "/console/runs/{run}",
             "/console/nothing"),
    "ben": ("/console/lists", "/console/lists/orders/now", "/console/lists/orders/changes",
            "/console/lists/orders/earlier",
            "/console/lists/orders/several", "/console/tables", "/console/tables/public.orders?by=who&sum=amount",
            "/console/tables/public.orders/groups?by=who", "/console/tables/public.orders/row/{dataset}/2",
            "/console/downloads", "/console/coverage"),
}  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_no_page_has_a_serious_fault_of_accessibility_or_sticks_out(
    orders: Console, browser: Browser, width: str, scheme: str
) -> None:
    run = orders.installation.sql(
        "select run_uuid from dba.trun where job = 'generic_import' order by started_at limit 1"
    )
    lines = {"covered_lines": 9, "num_statements": 10}
    report = {"meta": {"timestamp": "2026-01-05T06:00:00"}, "totals": lines, "files": {"a.py": {"summary": lines}}}
    (orders.installation.data / "var" / "coverage.json").write_text(json.dumps(report))
    for name, paths in PAGES.items():
        with console_pages.open_person(browser, orders, width, scheme) as who:
            who.expected = (404,)
            who.go("/console/sign-in")
            assert who.faults() == []
            who.sign_in(name)
            for path in paths:
                who.go(path.format(dataset=orders.dataset("orders"), run=run[0][0]))
                assert who.faults() == [], path
                assert not who.sticks_out(), path
                bars = who.page.locator("progress")
                assert all(bar["width"] > 60 for item in bars.all() if (bar := item.bounding_box())), path


def test_the_place_in_the_menu_is_marked_and_long_names_stay_in_their_box(orders: Console, browser: Browser) -> None:
    target = "public.a_table_whose_name_is_as_long_as_names_of_tables_may_be"
    orders.installation.configure("zz_a_long_name_of_an_import", target_table=target)
    with console_pages.open_person(browser, orders, "phone") as who:
        who.sign_in("anna")
        for path, index in (
            ("/console/configurations", "Configurations"),
            ("/console/history", "Configurations"),
            ("/console/upload", "Configurations"),
            ("/console/view", "Tables"),
            ("/console/runs/new", "Runs"),
        ):
            who.go(path)
            assert who.page.locator("nav [aria-current]").all_inner_texts() == [index], path
            assert not who.sticks_out(), path
        who.go("/console/configurations")
        assert target in who.text()
    orders.installation.sql("delete from dba.timportconfig where config_name = 'zz_a_long_name_of_an_import'")


def test_everything_is_reached_by_keyboard(orders: Console, browser: Browser) -> None:
    with console_pages.open_person(browser, orders) as who:
        who.sign_in("anna")
        who.go("/console/datasets")
        who.page.keyboard.press("Tab")
        assert who.page.evaluate("document.activeElement.textContent") == "Skip to content"
        who.page.keyboard.press("Enter")
        assert who.page.evaluate("document.activeElement.id") == "main"
        reached = set()
        for _ in range(40):
            who.page.keyboard.press("Tab")
            reached.add(who.page.evaluate("document.activeElement.getAttribute('href') || ''"))
        assert f"/console/datasets/{orders.dataset('orders')}" in reached
        who.go(f"/console/datasets/{orders.dataset('orders')}")
        who.page.locator("summary", has_text="Undo").focus()
        who.page.keyboard.press("Enter")
        assert who.page.locator("details.confirm[open]").count() == 1
        who.page.keyboard.press("Escape")
        assert who.page.locator("details.confirm[open]").count() == 0
        assert "Undo" in who.page.evaluate("document.activeElement.textContent")


def test_times_are_those_of_the_readers_zone_with_the_whole_time_on_hover(orders: Console, browser: Browser) -> None:
    orders.installation.sql(
        "update dba.tdataset set created_at = '2026-03-01 23:30:00+00' where config_name = 'orders'"
    )
    for zone, shown, whole in (
        ("Asia/Tokyo", "2 Mar 08:30", "Monday 2 March 2026, 08:30:00 JST (2026-03-01 23:30:00 UTC)"),
        ("America/New_York", "1 Mar 18:30", "Sunday 1 March 2026, 18:30:00 EST (2026-03-01 23:30:00 UTC)"),
    ):
        with console_pages.open_person(browser, orders, zone=zone) as who:
            who.sign_in("anna")
            who.go("/console/datasets?import=orders")
            time = who.page.locator("tbody time").first
            assert time.get_attribute("title") == whole
            assert time.inner_text() in (shown, shown.rsplit(" ", 1)[0] + " 2026")


def test_nothing_jumps_while_a_run_is_watched(orders: Console, browser: Browser) -> None:
    with console_pages.open_person(browser, orders) as who:
        who.sign_in("anna")
        run = orders.installation.sql(RUN)[0][0]
        who.go(f"/console/runs/{run}")
        shift = who.page.evaluate(
            """() => new Promise(resolve => {
                let sum = 0;
                new PerformanceObserver(list => list.getEntries().forEach(entry => sum += entry.value))
                    .observe({type: 'layout-shift', buffered: true});
                setTimeout(() => resolve(sum), 500);
            })"""
        )
        assert shift < 0.02
