"""How APIs are asked, and how they name their pages: bodies of POST, the header Link, records that are looked for."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest

from systemscripts.errors import BadDataError
from systemscripts.http_client import Client, Limits, find_link
from systemscripts.sources.api_pages import find_records
from tests.sources.test_api import RECORDS, Answer, Api, answers, serve
from tests.sources.test_api_answers import LAST, Serve, Things, quick, things

__all__ = ["quick", "serve", "things"]  # the fixtures


def by_number(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
    """Seven records, three a page; the number of the page where the path names it, of the type that came."""
    if headers.get("Method") != "POST":
        return 405, {}, {}
    page = parameters["page"]["number"] if path == "/nested" else parameters["page"]
    begin = (int(page) - 1) * 3
    return 200, {"items": RECORDS[begin : min(begin + 3, LAST)]}, {}


@pytest.mark.parametrize(
    ("path", "body", "parameters", "asked"),
    [
        ("/nested", "json", {"page": {"size": 3}, "query": {"open": True, "in": [1, 2]}, "since": "{today-1}"},
         {"page": {"size": 3, "number": 2}, "query": {"open": True, "in": [1, 2]}, "since": "2026-01-04"}),
        ("/flat", "json", {"open": True}, {"open": True, "page": 2}),
        ("/flat", "form", {"open": True}, {"open": "true", "page": "2"}),
    ],
)  # fmt: skip
def test_parameters_and_the_number_of_the_page_are_in_the_body(
    things: Things, serve: Serve, monkeypatch: pytest.MonkeyPatch, path: str, body: str, parameters: Any, asked: Any
) -> None:
    monkeypatch.setenv("ETL_NOW", "2026-01-05T08:00:00")
    api = serve(by_number)
    name = "page.number" if path == "/nested" else "page"
    done = things.load(
        f"{api.url}{path}", paging={"style": "page", "parameter": name}, body=body, parameters=parameters
    )
    assert (done.problems, things.ids()) == ([], list(range(LAST)))
    assert api.requests[1][1] == asked and len(api.requests) == 4


def test_a_cursor_in_a_body_keeps_its_type_and_goes_on_after_failures(things: Things, serve: Serve) -> None:
    """Status 429, a page cut within its gzip, then a stop for an hour: nothing is lost, doubled or asked for again."""
    troubles: list[Answer] = []

    def answer(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        begin = parameters["search"].get("after", 0)
        assert isinstance(begin, int) and parameters["search"]["text"] == "x"
        if begin and troubles:
            return troubles.pop(0)
        last = begin + 3 >= LAST
        return 200, {"items": RECORDS[begin : min(begin + 3, LAST)], "next": False if last else begin + 3}, {}

    api = serve(answer)
    cut = gzip.compress(json.dumps({"items": RECORDS}).encode())[:-30]
    troubles += [(429, {}, {"Retry-After": "0"}), (200, cut, {"Content-Encoding": "gzip"})]
    troubles += [(503, {}, {"Retry-After": "3600"})]
    options = {"paging": {"style": "cursor", "parameter": "search.after"}, "parameters": {"search": {"text": "x"}}}
    stopped = things.load(api.url, body="json", limits={"first_pause_seconds": 0.01, "attempts": 5}, **options)
    assert (stopped.exit_code, "asked to be retried in 3,600 s" in stopped.problems[0]) == (75, True)
    assert (len(api.requests), "asked not to be asked" in things.again().problems[0]) == (4, True)
    [note] = (things.found.data / "file_watcher" / "file_watcher_temp").glob("*.pages.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | {"not_before": ""}))
    assert (things.again().problems, things.ids()) == ([], list(range(LAST)))
    assert [asked[1]["search"].get("after", 0) for asked in api.requests[4:]] == [3, 6]


def test_a_changed_field_is_asked_for_in_the_body(things: Things, serve: Serve) -> None:
    api = serve(lambda path, parameters, headers: (200, {"items": RECORDS[:2]}, {}))
    options = {"incremental": {"field": "id", "parameter": "filter.since"}, "parameters": {"filter": {"open": True}}}
    things.load(api.url, body="json", **options)
    things.again()
    assert [asked[1] for asked in api.requests] == [
        {"filter": {"open": True}}, {"filter": {"open": True, "since": "1"}},
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "code"), [(302, 78), (307, 0), (308, 0)])
def test_a_body_is_sent_again_only_where_a_redirect_keeps_it(
    things: Things, serve: Serve, status: int, code: int
) -> None:
    def answer(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        if path == "/old":
            return status, b"", {"Location": "/new"}
        return 200, {"items": RECORDS[:1] if parameters.get("q") == "x" else []}, {}

    done = things.load(f"{serve(answer).url}/old", body="form", parameters={"q": "x"})
    assert (done.exit_code, things.ids()) == (code, [] if code else [0]), done.problems
    other = serve(answers((200, {"items": RECORDS}, {})))
    leaving = serve(answers((308, b"", {"Location": f"{other.url}/x"})))
    done = things.load(leaving.url, body="json", parameters={"q": "x"})
    assert (done.exit_code, "redirects a POST" in done.problems[0], other.requests) == (78, True, [])


def test_nested_parameters_need_a_body_of_json(things: Things) -> None:
    done = things.load("http://127.0.0.1:1", parameters={"a": [1]}, body="form")
    assert (done.exit_code, "parameters.a: only body: json can hold lists" in done.problems[0]) == (78, True)


def answer_with_link(form: str) -> Any:
    """Seven records, three a page, and the link in the form of one of many servers."""

    def answer(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        begin = int(parameters.get("from", 0))
        link = form.replace("NEXT", f"/x?from={begin + 3}")
        more = {"Link": link} if begin + 3 < LAST or form.startswith("</always") else {"Link": '</x>; rel="first"'}
        return 200, RECORDS[begin : min(begin + 3, LAST)], more | {"X-Total-Count": str(LAST)}

    return answer


@pytest.mark.parametrize(
    "form",
    [
        '<NEXT>; rel="next"', "<NEXT>;rel=next", '</x?a=1,2>; rel="prev", <NEXT>; rel="last Next"; title="a; <b>, c"',
        '</y>; rel="next"; anchor="/other", <NEXT>; foo; REL="neXt"',
    ],
)  # fmt: skip
def test_the_header_link_names_the_next_page(things: Things, serve: Serve, form: str) -> None:
    api = serve(answer_with_link(form))
    options = {"paging": {"style": "link", "total_header": "X-Total-Count", "size": 3}, "records": ""}
    done = things.load(f"{api.url}/x", **options)
    assert (done.problems, things.ids(), len(api.requests)) == ([], list(range(LAST)), 3)
    assert [asked[1].get("from", "") for asked in api.requests] == ["", "3", "6"]
    assert api.requests[0][1] == {"per_page": "3"}


@pytest.mark.parametrize(
    ("form", "code", "words"),
    [
        ('<https://127.0.0.1/x?from=3>; rel="next"', 78, "has another scheme or port, as happens behind a proxy"),
        ('<http://localhost:1/x>; rel="next"', 78, "leads to another host; it was not followed"),
        ('</always?from=0>; rel="next"', 65, "the pages go in a circle"),
        ("", 75, "3 records came, it says that there are 7"),
    ],
)
def test_a_wrong_link_or_total_is_said_and_loads_nothing(
    things: Things, serve: Serve, form: str, code: int, words: str
) -> None:
    api = serve(answer_with_link(form))
    done = things.load(
        f"{api.url}/x", paging={"style": "link", "total_header": "X-Total-Count"}, records="", limits={"attempts": 1}
    )
    assert (done.exit_code, words in done.problems[0], things.ids()) == (code, True, []), done.problems


def test_links_of_other_relations_and_broken_headers_are_no_next_page() -> None:
    for header in ("", "<a>; rel=prev", "a; rel=next", '<a>; rel="next', "<a>; rel=first; rel=next"):
        assert find_link(header, "next") == ""


def test_requests_are_spread_over_a_minute(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    api = serve(answers((200, [], {})))
    client = Client(api.url, limits=Limits(per_minute=30))
    for _ in range(3):
        client.get_json(api.url)
    assert pauses[0] == 0 and all(1 < pause <= 2 for pause in pauses[1:]) and len(pauses) == 3


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ([{"id": 1}], ""),
        ({"data": {"rows": [{"id": 1}], "took": 3}, "tags": ["a", "b"]}, "data.rows"),
        ({"items": [{"id": 1}], "errors": [{"m": 1}], "links": [{"href": "/a", "rel": "next"}]}, "items"),
        ({"hits": {"total": {"value": 1}, "hits": [{"_source": {"lines": [{"n": 1}]}}]}}, "hits.hits"),
        ({"page": 1, "results": []}, "results"),
    ],
)
def test_the_only_list_of_objects_is_found(answer: Any, path: str) -> None:
    assert find_records.find_path(answer, "https://api.example.test") == path


def test_two_lists_or_none_are_refused_with_their_names() -> None:
    url = "https://api.example.test/x?key=hidden"
    for lists in ({"orders": [{"id": 1}], "customers": [{"id": 2}]}, {"data": [], "included": [{"id": 1}]}):
        with pytest.raises(BadDataError, match=f"several lists may be the records: {', '.join(lists)}. Set records"):
            find_records.find_path(lists, url)
    assert find_records.find_path({"orders": [], "customers": []}, url) is None
    with pytest.raises(BadDataError, match="test/x: there is no list of objects in the answer, but message, ids"):
        find_records.find_path({"message": "x", "ids": [1]}, url)


def test_records_that_were_found_stay_where_they_are_and_are_named(
    things: Things, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    pages = [{"a": [], "b": []}, {"data": {"rows": RECORDS[:3]}}, {"data": {"rows": []}, "more": RECORDS[3:5]}]

    def answer(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        number = int(parameters.get("cursor", 0))
        return 200, pages[number] | ({"next": str(number + 1)} if number < 2 else {}), {}

    api = serve(answer)
    with caplog.at_level("INFO"):
        done = things.load(api.url, records="auto", paging={"style": "cursor"})
    assert (done.problems, things.ids()) == ([], [0, 1, 2])
    assert f"{api.url}: the records are at data.rows (records: auto)" in caplog.text
    done = things.load(f"{api.url}/2", records="auto", parameters={"cursor": 2})
    assert (done.exit_code, "several lists may be the records: data.rows, more" in done.problems[0]) == (65, True)


def test_neither_a_server_nor_a_key_can_ask_for_a_secret(things: Things, serve: Serve) -> None:
    things.found.write_settings(SOURCE_OTHER_TOKEN="of-another-server", SOURCE_OWN="a$$b")
    # of this source, but for another server, such as that of its tokens
    login = {"headers": {"Accept": "${SOURCE_OTHER_TOKEN}"}}

    def answer(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Answer:
        if parameters:
            return 200, {"items": RECORDS[3:5]}, {}
        return 200, {"items": RECORDS[:3], "next": "${SOURCE_OTHER_TOKEN}"}, {}

    api: Api = serve(answer)
    assert things.load(api.url, paging={"style": "cursor"}, **login).problems == []
    assert api.requests[1][1] == {"cursor": "${SOURCE_OTHER_TOKEN}"}
    key = {"for_each": {"query": "select '$' || '{SOURCE_OTHER_TOKEN}' as no"}}
    asked = {"parameters": {"no": "{no}", "own": "${SOURCE_OWN}", "$top": "$$"}}
    assert things.load(f"{api.url}/keys", **key, **asked, **login).problems == []
    assert api.requests[2][1] == {"no": "${SOURCE_OTHER_TOKEN}", "own": "a$$b", "$top": "$$"}
