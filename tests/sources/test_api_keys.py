"""An API that is asked once for each key of a loaded table: the lines of orders."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import Installation
from tests.sources import door_matrix
from tests.sources.test_api import FILES, Answer, serve
from tests.sources.test_api_answers import Serve, Things, quick, things

__all__ = ["quick", "serve", "things"]  # the fixtures
ORDERS = [f"A/{number}" for number in range(1, 6)]
EACH = {"for_each": {"table": "public.orders", "columns": ["order_no"]}, "paging": {"style": "page"}}
LOADED = "select order_no, line from public.things order by 1, 2"


def make_orders(installation: Installation, orders: list[Any] = ORDERS) -> None:
    """The table that another import has loaded."""
    installation.sql("create table if not exists public.orders (order_no text)")
    for order in orders:
        installation.sql("insert into public.orders values (%s)", (order,))


class Lines:
    """Two pages of lines of each order; what goes wrong is by (order, page), once each."""

    def __init__(self) -> None:
        self.troubles: dict[tuple[str, int], Answer] = {}

    def __call__(self, path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        order, page = path.split("/")[2].replace("%2F", "/"), int(parameters["page"])
        if trouble := self.troubles.pop((order, page), None):
            return trouble
        lines = [{"line": 2 * page - 1}, {"line": 2 * page}] if page < 3 else []
        return 200, {"items": lines, "total": 4}, {}


def list_expected(orders: list[str] = ORDERS) -> list[tuple[str, str]]:
    return [(order, str(line)) for order in orders for line in (1, 2, 3, 4)]


def load(things: Things, url: str, **more: Any) -> Any:
    return things.load(f"{url}/orders/{{order_no}}/lines", **(EACH | more))


def test_each_key_has_its_own_chain_of_pages_and_its_records_name_it(things: Things, serve: Serve) -> None:
    make_orders(things.found, [*ORDERS, ORDERS[0], None])
    api = serve(Lines())
    assert load(things, api.url).problems == []
    assert things.found.sql(LOADED) == list_expected()
    assert api.requests[0][0] == "/orders/A%2F1/lines" and len(api.requests) == 3 * len(ORDERS)
    # in parameters of a body, of a query with two columns
    query = "select order_no as no, 'open' as state from public.orders where order_no > 'A/3' order by 1"

    def answer(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        assert parameters["filter"]["state"] == "open"
        return 200, {"items": [{"order_no": parameters["filter"]["no"], "line": 9}]}, {}

    parameters = {"filter": {"no": "{no}", "state": "{state}"}}
    done = things.load(serve(answer).url, for_each={"query": query}, body="json", parameters=parameters)
    assert done.problems == []
    assert things.found.sql("select order_no, no, state from public.things where line = '9' order by 1") == [
        ("A/4", "A/4", "open"), ("A/5", "A/5", "open"),
    ]  # fmt: skip


def test_a_killed_download_goes_on_at_the_page_where_it_was(installation: Installation, serve: Serve) -> None:
    make_orders(installation)
    api = serve(Lines())
    source = {"type": "api", "url": f"{api.url}/orders/{{order_no}}/lines", "records": "items", **EACH}
    installation.configure("things", **FILES, load_mode="append", sources=[source])
    kills = [("page_store:Landing.add", "after", 5), ("key_chains:begin_next_key", "after", 2)]
    asked = []
    for function, when, number in kills:
        command = [sys.executable, str(door_matrix.KILLING), f"systemscripts.sources.api_pages.{function}", when]
        killed = subprocess.run(
            [*command, str(number), "generic_import", "things"], env=installation.process_environment(),
            capture_output=True, text=True, cwd=installation.data,
        )  # fmt: skip
        assert killed.returncode == -9, killed.stderr
        asked.append(len(api.requests))
        # orders that arrive meanwhile belong to the next download
        make_orders(installation, [f"B/{number}"])
    assert installation.summary("generic_import", "things")["problems"] == []
    assert installation.sql(LOADED) == list_expected()
    # at most the page of each kill was asked for twice
    assert len(api.requests) <= 3 * len(ORDERS) + len(kills) and asked[0] == 5, asked


def test_only_the_chain_whose_data_moved_is_asked_again_and_pauses_are_kept(things: Things, serve: Serve) -> None:
    make_orders(things.found)
    lines = Lines()
    lines.troubles[("A/3", 2)] = (200, {"items": [{"line": 2}, {"line": 3}], "total": 3}, {})
    lines.troubles[("A/4", 1)] = (429, {}, {"Retry-After": "7200"})
    api = serve(lines)
    paging = {"style": "page", "total": "total"}
    stopped = load(things, api.url, paging=paging)
    assert (stopped.exit_code, "asked to be retried in 7,200 s" in stopped.problems[0]) == (75, True)
    by_order = [asked[0].split("/")[2].replace("%2F", "/") for asked in api.requests]
    assert by_order == ["A/1"] * 2 + ["A/2"] * 2 + ["A/3"] * 4 + ["A/4"]
    assert "asked not to be asked until" in things.again().problems[0] and len(api.requests) == 9
    [note] = (things.found.data / "file_watcher" / "file_watcher_temp").glob("*.pages.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | {"not_before": ""}))
    assert things.again().problems == []
    assert (things.found.sql(LOADED), len(api.requests)) == (list_expected(), 13)


@pytest.mark.parametrize("missing", ["fail", "skip"])
def test_a_key_that_the_api_does_not_know_fails_or_is_warned_of(things: Things, serve: Serve, missing: str) -> None:
    make_orders(things.found)
    lines = Lines()
    lines.troubles = {(order, 1): (404, {"message": "no such order"}, {}) for order in ("A/2", "A/5")}
    for_each = EACH["for_each"] | {"missing": missing}
    done = load(things, serve(lines).url, for_each=for_each)
    if missing == "fail":
        assert (done.exit_code, "HTTP 404 no such order" in done.problems[0]) == (78, True)
        return
    assert (done.problems, things.found.sql(LOADED)) == ([], list_expected(["A/1", "A/3", "A/4"]))
    [text] = [notice.text for notice in done.warnings if notice.code == "keys_missing"]
    assert "does not know 2 of 5 keys (the last: order_no A/5); they count as without records" in text


@pytest.mark.parametrize(
    ("orders", "more", "code", "words"),
    [
        ([], {}, 65, "for_each gives no keys; nothing was requested. Load the table of the keys first"),
        ([".."], {}, 65, "'..' cannot be a key"),
        (["A/1"], {"for_each": {"query": "select order_no as no from public.orders"}}, 78, "gives no column order_no"),
        (["A/1"], {"for_each": {"query": "select order_no from public.absent"}}, 78, '"public.absent" does not exist'),
        (["A/1"], {"for_each": {"query": "delete from public.orders returning order_no"}}, 78, "for_each: "),
        (["A/1"], {"for_each": {"query": "select null as order_no"}}, 65, "1 rows have an empty key"),
        (["A/1"], {"for_each": {"table": "orders", "columns": ["no"]}}, 78, "{order_no} is not one of"),
        (["A/1"], {"for_each": {"query": "select 1", "table": "orders", "columns": ["a"]}}, 78, "needs either table"),
        (["A/1"], {"incremental": {"field": "at", "parameter": "since"}}, 78, "for_each and incremental exclude each"),
    ],
)
def test_keys_that_cannot_be_asked_for_are_said(
    things: Things, serve: Serve, orders: list[str], more: dict[str, Any], code: int, words: str
) -> None:
    make_orders(things.found, orders)
    api = serve(Lines())
    done = load(things, api.url, **more)
    assert (done.exit_code, words in done.problems[0], api.requests) == (code, True, []), done.problems
    assert len(things.found.sql("select * from public.orders")) == len(orders)


def test_an_api_that_ignores_the_key_is_not_believed(things: Things, serve: Serve) -> None:
    make_orders(things.found)
    api = serve(lambda path, parameters, headers: (200, {"items": [{"order_no": "A/1", "line": 1}]}, {}))
    done = load(things, api.url, paging={"style": "none"})
    assert (done.exit_code, len(api.requests), things.ids()) == (65, 2, [])
    assert "a record of order_no A/2 has the order_no A/1: the API ignores the key" in done.problems[0]


def test_a_dry_run_asks_for_the_first_key(installation: Installation, serve: Serve) -> None:
    make_orders(installation)
    api = serve(Lines())
    source = {"type": "api", "url": f"{api.url}/orders/{{order_no}}/lines", "records": "items", **EACH}
    installation.configure("things", **FILES, load_mode="append", sources=[source])
    shown = installation.summary("generic_import", "things", "--dry-run")
    assert (shown["exit_code"], shown["counts"]["loaded"], len(api.requests)) == (0, 2, 1), shown
    assert list((installation.data / "file_watcher" / "file_watcher_temp").iterdir()) == []
