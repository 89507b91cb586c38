"""Rows of tables: which are shown, in which order, page after page, none twice and none left out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webconsole.conftest import Console


def pages(console: Console, body: dict[str, Any]) -> list[dict[str, str]]:
    """Every row, by following `next` from page to page."""
    rows: list[dict[str, str]] = []
    after = None
    for _ in range(100):
        answer = console.post("/data-view", "ben", json=body | {"after": after, "size": 7})
        assert answer.status_code == 200, answer.text
        rows += answer.json()["rows"]
        after = answer.json()["next"]
        if after is None:
            return rows
    raise AssertionError("there is always another page")


@pytest.fixture(scope="module")
def events(console: Console) -> Console:
    """Two labels with three days each, of which one is undone, and one dataset that is held."""
    columns = {
        "metadata_label_source": "filename", "metadata_label_location": "0", "dateconfig": "filename",
        "datelocation": "1", "dateformat": "yyyyMMdd", "file_pattern": r"[ab]_\d+\.csv", "guards": {"min_rows": 5},
    }  # fmt: skip
    console.installation.configure("events", **columns)
    for day in (1, 2, 3):
        for label in "ab":
            rows = "".join(f"{label}{day}{n},{n % 3 or ''}\n" for n in range(10 + day))
            console.installation.drop(f"{label}_2026010{day}.csv", f"name,number\n{rows}")
    console.installation.drop("a_20260104.csv", "name,number\nfew,1\n")
    console.installation.summary("generic_import", "events")
    newest = console.installation.sql(
        "select max(dataset_id) from dba.tdataset where label = 'b' and status = 'active'"
    )
    assert console.installation.run("generic_import", "--undo", newest[0][0]).returncode == 0
    return console


def test_the_rows_shown_are_those_of_the_view_of_current_rows(events: Console) -> None:
    current = events.installation.sql("select name from public.events_current")
    shown = events.post("/data-view", "ben", json={"table": "public.events", "size": 1000}).json()
    assert sorted(row["name"] for row in shown["rows"]) == sorted(name for (name,) in current)
    assert shown["total"] == len(current) == 13 + 12
    everything = events.post("/data-view", "ben", json={"table": "public.events", "size": 1000, "history": True}).json()
    assert len(everything["rows"]) == events.installation.sql("select count(*) from public.events")[0][0]


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["", "name", "number", "dataset_id"])
def test_page_after_page_every_row_comes_once_and_in_order(
    events: Console, sort: str, descending: bool, history: bool
) -> None:
    body = {"table": "public.events", "sort": sort, "descending": descending, "history": history}
    whole = events.post("/data-view", "ben", json=body | {"size": 1000}).json()["rows"]
    assert pages(events, body) == whole
    assert len({(row["dataset_id"], row["source_row"]) for row in whole}) == len(whole) > 14
    if sort:
        values = [row[sort] for row in whole]
        filled = [value for value in values if value]
        key = int if sort == "dataset_id" else str
        assert filled == sorted(filled, key=key, reverse=descending)  # type: ignore[type-var]


def test_a_view_is_paged_too(events: Console) -> None:
    events.installation.sql("create or replace view public.v_names as select name from public.events order by name")
    events.installation.sql("grant select on public.v_names to reader")
    whole = events.installation.sql("select name from public.v_names")
    assert [row["name"] for row in pages(events, {"table": "public.v_names"})] == [name for (name,) in whole]


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [
        ("contains", "A1", lambda text: "a1" in text.lower()), ("is", "a31", lambda text: text == "a31"),
        ("not", "a31", lambda text: text != "a31"), ("from", "b", lambda text: text >= "b"),
        ("to", "a35", lambda text: text <= "a35"), ("empty", "", lambda text: text == ""),
        ("filled", "", lambda text: text != ""), ("contains", "%", lambda text: "%" in text),
        ("contains", "_", lambda text: "_" in text),
    ],
)  # fmt: skip
def test_filters(events: Console, operator: str, value: str, holds: Any) -> None:
    body = {"table": "public.events", "filters": [{"column": "name", "operator": operator, "value": value}]}
    names = [name for (name,) in events.installation.sql("select name from public.events_current")]
    shown = [row["name"] for row in events.post("/data-view", "ben", json=body | {"size": 1000}).json()["rows"]]
    assert sorted(shown) == sorted(name for name in names if holds(name))


def test_the_rows_of_one_dataset(events: Console) -> None:
    dataset = events.installation.sql("select min(dataset_id) from dba.tdataset where config_name = 'events'")[0][0]
    body = {"table": "public.events", "dataset_id": dataset, "size": 1000}
    rows = events.post("/data-view", "ben", json=body).json()["rows"]
    assert {row["dataset_id"] for row in rows} == {str(dataset)} and len(rows) == 11


def test_a_large_table_whose_first_rows_are_old_begins_at_the_current_ones(events: Console) -> None:
    events.installation.configure("large", guards={"allow_empty": True})
    events.installation.drop("large_1.csv", "n\n1\n")
    events.installation.summary("generic_import", "large")
    events.installation.drop("large_2.csv", "n\n2\n3\n")
    events.installation.summary("generic_import", "large")
    first, second = events.installation.sql(
        "select dataset_id from dba.tdataset where config_name = 'large' order by 1"
    )
    events.installation.sql(f"insert into public.large (dataset_id, source_row, n) select {first[0]}, g, g from "
                            "generate_series(10, 200000) g")  # fmt: skip
    events.installation.sql(f"insert into public.large (dataset_id, source_row, n) select {second[0]}, g, g from "
                            "generate_series(10, 40) g")  # fmt: skip
    events.installation.sql("analyze public.large")
    answer = pages(events, {"table": "public.large"})
    assert [row["n"] for row in answer] == ["2", "3", *map(str, range(10, 41))]


def test_what_takes_too_long_is_given_up_with_a_hint(events: Console) -> None:
    events.installation.sql("create or replace view public.v_slow as select 'x' as slow from pg_sleep(60)")
    events.installation.sql("grant select on public.v_slow to reader")
    answer = events.post("/data-view", "ben", json={"table": "public.v_slow"})
    assert answer.status_code == 422
    assert "longer than 5 s" in answer.json()["error"] and "Filter" in answer.json()["hint"]
