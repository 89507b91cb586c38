"""What an analyst asks on a Monday: each question by clicks in Chromium, and the files that come out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import duckdb
import openpyxl
import pytest

from tests.webconsole import console_pages
from tests.webconsole.conftest import Console, wait_for
from tests.webconsole.console_pages import Person

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

EVENTS: dict[str, Any] = {
    "metadata_label_source": "filename", "metadata_label_location": "0", "dateconfig": "filename", "datelocation": "1",
    "dateformat": "yyyyMMdd", "file_pattern": r"\d+_\d+\.csv", "key_columns": ["company_name"],
    "schema": {"cap": {"type": "numeric"}, "since": {"type": "date"}},
    "label_title": {"table": "public.titles", "label": "event", "title": "title"},
}  # fmt: skip
HEAD = "company_name,cap,since\n"
FIRST = f"{HEAD}Alnix,10.50,2026-01-05\nBiqola,7,\nCadlux,=1+1,2026-01-07\n".replace("=1+1", "3")
SECOND = f"{HEAD}Alnix,11,2026-01-05\nCadlux,3,2026-01-07\nDentaro,-5,\n"
OTHER = f"{HEAD}Cadlux,3,\nElkon,1,\nAlnix,2,\n"


@pytest.fixture(scope="module")
def events(console: Console) -> Console:
    """Two events with titles: one with a list in each of two months, and a withdrawn one; and a held list."""
    sql = console.installation.sql
    sql("create table public.titles as select '119179' as event, 'Growth Conference' as title")
    # a type that has neither order nor equality
    sql("create table public.documents as select '{}'::json as body")
    sql("grant select on public.titles, public.documents to reader")
    console.installation.configure("events", **EVENTS)
    month_before = sql("select to_char(date_trunc('month', now()) - interval '3 days', 'YYYYMMDD')")[0][0]
    today = sql("select to_char(now(), 'YYYYMMDD')")[0][0]
    console.load("events", f"119179_{month_before}.csv", FIRST)
    console.load("events", f"119179_{today}.csv", SECOND)
    console.load("events", f"200000_{today}.csv", OTHER)
    return console


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with console_pages.start_browser() as chromium:
        yield chromium


@pytest.fixture(params=list(console_pages.WIDTHS))
def analyst(request: pytest.FixtureRequest, browser: Browser, events: Console) -> Iterator[Person]:
    with console_pages.open_person(browser, events, request.param) as person:
        person.sign_in("ben")
        yield person


def read_sheet(content: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    return [[cell.value for cell in row] for row in sheet.iter_rows()]  # type: ignore[union-attr]


def test_each_of_the_five_questions_takes_two_clicks_at_most(analyst: Person) -> None:
    page = analyst.page
    # what changed in event 119179, as Excel
    assert page.url.endswith("/console/lists")
    row = page.locator("tr", has_text="119179")
    row.get_by_role("link", name="1 added, 1 removed, 1 changed").click()
    with page.expect_download() as file:
        analyst.link("Excel")
    changes = read_sheet(file.value.path().read_bytes())
    assert changes[0] == ["change", "company_name", "column", "from", "to", "company_name", "cap", "since"]
    assert [line[:5] for line in changes[1:]] == [
        ["added", "Dentaro", None, None, None], ["removed", "Biqola", None, None, None],
        ["changed", "Alnix", "cap", "10.50", "11"],
    ]  # fmt: skip
    # where does this row come from, and what was it before
    analyst.go("/console/lists")
    analyst.link("Growth Conference")
    page.get_by_role("rowheader", name="Alnix").click()
    panel = page.locator("#panel section")
    panel.wait_for()
    text = panel.inner_text()
    assert "119179_" in text and "line 2" in text and "10.50" in text
    page.keyboard.press("Escape")
    assert page.locator("#panel section").count() == 0
    # is it fresh: without a click
    analyst.go("/console/lists")
    assert "loaded" in page.locator(".group").first.inner_text()
    # which companies are in more than one event
    analyst.link("In more than one list")
    page.wait_for_url("**/several")
    names = page.locator("tbody tr td.lead").all_inner_texts()
    assert names == ["Alnix", "Cadlux"]
    # last month's list
    analyst.go("/console/lists")
    analyst.link("Last month")
    page.wait_for_url("**day=**")
    assert page.locator("tbody tr").count() == 1
    analyst.link("Growth Conference")
    page.wait_for_url("**/now?**day=**")
    assert page.locator("table.data tbody th").all_inner_texts() == ["Alnix", "Biqola", "Cadlux"]


def test_a_list_is_searched_while_one_types(analyst: Person) -> None:
    page = analyst.page
    page.get_by_placeholder("Search by title or number").fill("growth")
    page.wait_for_url("**search=growth**")
    assert page.locator("tbody tr").count() == 1
    page.get_by_placeholder("Search by title or number").fill("nothing of the kind")
    page.get_by_text("No list matches").wait_for()


def test_a_view_is_saved_shared_and_deleted(events: Console, analyst: Person, browser: Browser) -> None:
    page, name = analyst.page, f"Large {analyst.page.viewport_size['width']}"  # type: ignore[index]
    analyst.go("/console/tables/public.events?column1=cap&operator1=from&value1=3&columns=company_name,cap&by=since")
    page.locator(".facet").first.wait_for()
    page.locator("summary", has_text="Save view").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("for everyone").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("status").wait_for()
    with console_pages.open_person(browser, events) as other:
        other.sign_in("anna")
        other.go("/console/tables/public.events")
        other.link(name)
        other.page.wait_for_url("**value1=3**")
        assert other.page.locator("table.rows tbody tr").count() == 3
        assert other.page.get_by_role("button", name=f"Delete the view {name}").count() == 0
    page.get_by_role("button", name=f"Delete the view {name}").click()
    page.get_by_text("The view is deleted").wait_for()


def test_the_pages_of_a_table_go_forward_and_back_and_say_where_they_are(events: Console) -> None:
    events.installation.sql("create table public.numbers as select n, n % 3 as kind from generate_series(1, 190) n")
    events.installation.sql("grant select on public.numbers to reader; analyze public.numbers")
    for sort in ("", "sort=n&order=desc", "sort=kind"):
        path, seen = f"/console/tables/public.numbers?{sort}", []
        for expected in ("1–50 of 190", "51–100 of 190", "101–150 of 190", "151–190 of 190"):
            text = events.get(path).text
            assert f"Rows {expected}" in text, path
            seen.append(text.partition("<tbody>")[2].partition("</tbody>")[0])
            path = text.rpartition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        for index in (2, 1, 0):
            path = text.partition('rel="prev" href="')[2].partition('"')[0].replace("&amp;", "&")
            text = events.get(path).text
            assert text.partition("<tbody>")[2].partition("</tbody>")[0] == seen[index], (sort, index)


def test_files_and_views_are_sorted_by_numbers_and_not_by_their_text(events: Console) -> None:
    events.installation.sql("create table public.sizes as select n from unnest(array[10, 9, 100]) n")
    events.installation.sql("create view public.v_sizes as select n from public.sizes")
    events.installation.sql("grant select on public.sizes, public.v_sizes to reader")
    for table in ("sizes", "v_sizes"):
        path = f"/console/tables/public.{table}"
        assert events.get(f"{path}/download.csv?sort=n").text.split()[1:4] == ["9", "10", "100"], table
        rows = events.post("/data-view", json={"table": f"public.{table}", "sort": "n"}).json()["rows"]
        assert [row["n"] for row in rows] == ["9", "10", "100"], table


def test_counts_and_totals_are_those_of_the_filtered_rows(events: Console) -> None:
    path = "/console/tables/public.events"
    counts = events.get(f"{path}/groups?by=company_name&sum=cap&column1=cap&operator1=from&value1=1", "ben").text
    assert counts.count("<tr>") - 1 == 3  # Alnix, Cadlux, Elkon
    assert ">13<" in counts  # the caps of Alnix
    totals = events.get(f"{path}/totals?column1=company_name&value1=alnix", "ben").text
    assert "2 rows" in totals and "13" in totals


def test_files_hold_real_numbers_and_dates_and_say_where_each_row_comes_from(events: Console, tmp_path: Path) -> None:
    path = "/console/lists/events/now.{}?list=119179"
    rows = read_sheet(events.get(path.format("xlsx"), "ben").content)
    assert rows[0] == ["company_name", "cap", "since", "list", "date", "file", "line"]
    assert rows[1][1] == 11 and rows[1][2].year == 2026 and rows[1][3] == "Growth Conference" and rows[1][6] == 2
    text = events.get(path.format("csv"), "ben").content.decode("utf-8-sig")
    assert [row["cap"] for row in csv.DictReader(io.StringIO(text))] == ["11", "3", "-5"]
    target = tmp_path / "list.parquet"
    target.write_bytes(events.get(path.format("parquet"), "ben").content)
    found = duckdb.sql(f"select company_name, cap, since, line from '{target}'")
    assert [str(kind).partition("(")[0] for kind in found.types] == ["VARCHAR", "DECIMAL", "DATE", "INTEGER"]
    assert [row[0] for row in found.fetchall()] == ["Alnix", "Cadlux", "Dentaro"]


def test_a_parquet_file_keeps_a_byte_order_mark_at_its_very_beginning(events: Console, tmp_path: Path) -> None:
    events.installation.sql("create table public.marked as select chr(65279) || 'x' as t")
    events.installation.sql("grant select on public.marked to reader")
    target = tmp_path / "marked.parquet"
    target.write_bytes(events.get("/console/tables/public.marked/download.parquet", "ben").content)
    assert duckdb.sql(f"select t from '{target}'").fetchall() == [("\ufeffx",)]


def test_a_large_file_is_prepared_in_the_background_and_limited_per_user(events: Console) -> None:
    events.installation.sql("create table public.large as select n, 'text ' || n as t from generate_series(1, 60000) n")
    events.installation.sql("grant select on public.large to reader; analyze public.large")
    answer = events.get("/console/tables/public.large/download.csv", "ben")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/downloads")
    wait_for(lambda: ">ready<" in events.get("/console/downloads", "ben").text)
    link = events.get("/console/downloads", "ben").text.partition('small" href="')[2].partition('"')[0]
    for _ in range(2):  # it can be fetched again
        assert len(events.get(link, "ben").content.splitlines()) == 60_001
    # an address that another user knows opens and removes nothing
    assert events.get(link, "anna").status_code == 404
    assert events.post(f"{link.rpartition('.')[0]}/remove", "anna").status_code == 303
    assert events.get(link, "ben").status_code == 200
    statuses = [events.get("/console/tables/public.large/download.csv", "ben").status_code for _ in range(4)]
    assert statuses == [303, 303, 303, 429]
    for part in events.get("/console/downloads", "ben").text.split('action="')[1:]:
        if part.startswith("/console/downloads/"):
            assert events.post(part.partition('"')[0], "ben").status_code == 303
    assert "There is no download" in events.get("/console/downloads", "ben").text


def test_a_list_that_a_user_may_not_see_does_not_exist(events: Console) -> None:
    sql = events.installation.sql
    sql("create table public.closed as select 1 as n")
    events.load("secret", "secret_1.csv", "n\n1\n", target_table="public.secret")
    number = events.dataset("secret")
    sql("update dba.tusergroup set tables = '{public.events}' where group_name = 'default'")
    try:
        assert events.get("/console/lists/events/now?list=119179", "ben").status_code == 200
        assert "secret" not in events.get("/console/lists", "ben").text.lower()
        for path in ("now", "now.csv", "changes", "earlier", "several", "counts"):
            assert events.get(f"/console/lists/secret/{path}", "ben").status_code == 404, path
        for path in ("", "/groups?by=n", "/totals", f"/row/{number}/2", "/download.parquet"):
            assert events.get(f"/console/tables/public.secret{path}", "ben").status_code == 404, path
        assert events.get("/console/lists/secret/now", "anna").status_code == 200
    finally:
        sql("update dba.tusergroup set tables = '{*}' where group_name = 'default'")


@pytest.mark.parametrize(
    "path",
    [
        "/console/lists?day=2026-13-01", "/console/lists/events/now?list=119179&day=yesterday",
        "/console/tables/public.events/groups?by=since&sum=company_name",
        "/console/tables/public.documents/groups?by=body", "/console/tables/public.documents?sort=body",
        "/console/tables/public.documents?column1=body&operator1=is&value1={}",
        "/console/tables/public.events?day=x", "/console/tables/public.events/groups?by=nothing",
        "/console/tables/public.events?before=WyIoOTk5OTk5OTk5OTk5OTksMSkiXQ",
    ],
)  # fmt: skip
def test_a_wrong_address_is_answered_with_what_is_wrong(events: Console, path: str) -> None:
    assert events.get(path, "ben").status_code == 422
