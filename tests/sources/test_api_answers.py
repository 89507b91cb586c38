"""What APIs really answer: cursors that never end, pages in a circle, data that move, cut and badly coded bodies."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from systemscripts import configuration, db_utils
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError, ConfigurationError, TryLaterError
from systemscripts.http_client import Client, Limits
from systemscripts.ingest import run_imports
from systemscripts.summary import Summary
from tests.conftest import Installation
from tests.sources.test_api import FILES, RECORDS, Answer, Api, answers, serve

__all__ = ["serve"]  # the fixture
RUN = "00000000-0000-4000-8000-00000000000a"
Serve = Callable[..., Api]
QUICK = Limits(first_pause=0.01, attempts=3)
LAST = 7


class Things:
    """An import of an API in this process."""

    def __init__(self, installation: Installation) -> None:
        self.found = installation
        self.directories = Directories(installation.data).create()

    def load(self, url: str, **options: Any) -> Summary:
        """Configure the import and run it once."""
        source = {"type": "api", "url": url, "records": "items", "limits": {"first_pause_seconds": 0.01}, **options}
        self.found.configure("things", **FILES, load_mode="append", sources=[source])
        return self.again()

    def again(self) -> Summary:
        """Run the import once more, as it is configured."""
        with contextlib.closing(db_utils.connect()) as connection:
            config = configuration.load_import(connection, "things")
            return run_imports.run_imports(connection, [config], self.directories, RUN, run_imports.Options())

    def ids(self) -> list[int]:
        """What the table holds."""
        if self.found.sql("select to_regclass('public.things')") == [(None,)]:
            return []
        return sorted(int(row[0]) for row in self.found.sql("select id from public.things"))


@pytest.fixture
def things(here: Installation) -> Things:
    return Things(here)


def of_cursor(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    """Seven records, three a page, and a cursor with every page: behind the last it does not move."""
    begin = int(parameters.get("cursor", "c0")[1:])
    actual = RECORDS[begin : min(begin + 3, LAST)]
    return 200, {"items": actual, "next": f"c{begin + len(actual)}"}, {}


@pytest.mark.parametrize("end", ["empty page", False, [], 204])
def test_a_cursor_on_every_page_false_or_no_content_is_the_end(things: Things, serve: Serve, end: Any) -> None:
    def answer(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        status, body, more = of_cursor(path, parameters, headers)
        if end == 204 and not body["items"]:
            return 204, b"", {}
        if end in (False, []) and len(body["items"]) < 3:
            body["next"] = end
        return status, body, more

    api = serve(answer)
    done = things.load(api.url, paging={"style": "cursor"})
    assert (done.problems, things.ids()) == ([], list(range(LAST)))
    assert len(api.requests) == (4 if end in ("empty page", 204) else 3)


def test_no_content_at_all_is_nothing_new_but_never_everything(things: Things, serve: Serve) -> None:
    state = {"status": 204}
    api = serve(lambda *asked: (state["status"], {"items": RECORDS[:2]} if state["status"] == 200 else b"", {}))
    options = {"incremental": {"field": "id", "parameter": "since"}}
    done = things.load(api.url, **options)
    assert (done.exit_code, "has no records at all" in done.problems[0]) == (65, True)
    state["status"] = 200
    assert things.load(api.url, **options).problems == []
    state["status"] = 204
    done = things.again()
    assert (done.problems, things.ids(), api.requests[-1][1]) == ([], [0, 1], {"since": "1"})


def circle(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    other = {"/a": "/b", "/b": "/a"}[path]
    return 200, {"items": [{"id": path}], "next": other}, {}


def always_next(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    page = int(parameters.get("page", "1"))
    return 200, {"items": RECORDS[:3] if page == 1 else [], "next": f"{path}?page={page + 1}"}, {}


def last_again(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    begin = min((int(parameters["page"]) - 1) * 3, 6)
    return 200, {"items": RECORDS[begin : begin + 3]}, {}


def cursor_ignored(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    return 200, {"items": RECORDS[:3], "next": f"c{len(parameters)}"}, {}


@pytest.mark.parametrize(
    ("answer", "path", "style", "words", "requests"),
    [
        (circle, "/a", "cursor", "page 2 names page 1 as the next one: the pages go in a circle", 2),
        (always_next, "", "cursor", "11 pages in a row have no records and name a next one", 12),
        (last_again, "", "page", "pages 3, 4, 5 hold the same records", 5),
        (cursor_ignored, "", "cursor", "pages 1, 2, 3 hold the same records", 3),
    ],
)
def test_pages_without_end_are_stopped_soon_and_asked_for_again_by_the_next_run(
    things: Things, serve: Serve, answer: Any, path: str, style: str, words: str, requests: int
) -> None:
    api = serve(answer)
    done = things.load(f"{api.url}{path}", paging={"style": style})
    assert (done.exit_code, words in done.problems[0], "max_pages" in done.problems[0]) == (65, True, False), done
    assert (len(api.requests), things.ids()) == (requests, [])
    assert things.again().exit_code == 65 and len(api.requests) == 2 * requests


class Moving:
    """Records by $skip, with a total, of data that change while the second page of some downloads is asked for."""

    def __init__(self, type_name: str, times: int) -> None:
        self.kind, self.times = type_name, times
        self.records = [{"id": number} for number in range(LAST)]

    def __call__(self, path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        begin = int(parameters["$skip"])
        if begin and self.times:
            self.times -= 1
            if self.kind == "removed":
                del self.records[0]
            else:
                self.records.insert(0, {"id": 100 + self.times})
            if self.kind == "replaced":
                self.records.pop()
        total = {} if self.kind == "no total" else {"@odata.count": len(self.records)}
        return 200, {"items": self.records[begin : begin + 3], **total}, {}


@pytest.mark.parametrize("type_name", ["removed", "inserted", "replaced", "no total"])
def test_data_that_move_between_pages_are_asked_for_again(things: Things, serve: Serve, type_name: str) -> None:
    moving = Moving(type_name, times=2)
    done = things.load(serve(moving).url, paging={"style": "skip", "size": 3})
    expected = sorted(record["id"] for record in moving.records)
    assert (done.problems, things.ids()) == ([], expected)


def test_data_that_move_all_the_time_are_not_loaded_and_named(things: Things, serve: Serve) -> None:
    moving = Moving("inserted", times=1000)
    api = serve(moving)
    done = things.load(api.url, paging={"style": "skip", "size": 3})
    assert (done.exit_code, things.ids()) == (75, [])
    assert "the total was 9 at first and 10 on page 2; its data moved during each of 3 downloads" in done.problems[0]
    assert "$orderby" in done.problems[0]
    moving.times = 0
    assert (things.again().problems, len(things.ids())) == ([], len(moving.records))


def test_equal_records_on_two_pages_are_real_where_the_configuration_says_so(things: Things, serve: Serve) -> None:
    def answer(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        begin = int(parameters["offset"])
        return 200, {"items": [{"id": 1}, {"id": 2}] if begin < 4 else []}, {}

    api = serve(answer)
    done = things.load(api.url, paging={"style": "offset"})
    assert (done.exit_code, things.ids()) == (75, [])
    assert "page 2 begins with records that the page before it ends with (paging.repeats: true" in str(done)
    assert things.load(api.url, paging={"style": "offset", "repeats": True}).problems == []
    assert things.ids() == [1, 1, 2, 2]


SALES = [{"id": number % 3, "quantity": number % 4} for number in range(60)]


def by_skip(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    begin = int(parameters["$skip"])
    return 200, {"items": SALES[begin : begin + 20], "@odata.count": len(SALES)}, {}


def by_cursor(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    begin = int(parameters.get("cursor", "0"))
    return 200, {"items": SALES[begin : begin + 20], "next": str(begin + 20) if begin < 40 else None}, {}


def far_apart(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    pages = [[{"id": 1}, {"id": 2}, {"id": 3}], [{"id": 4}, {"id": 1}, {"id": 5}], []]
    return 200, {"items": pages[int(parameters["page"]) - 1]}, {}


@pytest.mark.parametrize(
    ("answer", "style", "count", "requests", "codes"),
    [
        (by_skip, "skip", 60, 6, ["records_repeated"]),
        (by_cursor, "cursor", 60, 3, []),
        (far_apart, "page", 6, 3, []),
    ],
)
def test_equal_records_of_an_api_are_loaded_and_doubted_only_where_pages_could_have_shifted(
    things: Things, serve: Serve, answer: Any, style: str, count: int, requests: int, codes: list[str]
) -> None:
    api = serve(answer)
    done = things.load(api.url, paging={"style": style})
    assert (done.problems, len(things.ids()), len(api.requests)) == ([], count, requests)
    assert [notice.code for notice in done.warnings if notice.code == "records_repeated"] == codes
    assert all("paging.repeats: true" in notice.text for notice in done.warnings if notice.code in codes)


@pytest.mark.parametrize("change", ["scheme", "port"])
def test_a_next_link_that_differs_in_scheme_or_port_is_said_and_can_be_kept_at_home(
    things: Things, serve: Serve, change: str
) -> None:
    def answer(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        if parameters:
            return 200, {"items": RECORDS[3:5]}, {}
        other = api.url.replace("http:", "https:") if change == "scheme" else "http://127.0.0.1:8080"
        return 200, {"items": RECORDS[:3], "next": f"{other}/x?page=2"}, {}

    api = serve(answer)
    done = things.load(api.url, paging={"style": "cursor"})
    assert (done.exit_code, things.ids()) == (78, [])
    assert "has another scheme or port, as happens behind a proxy; it was not followed" in done.problems[0]
    assert "paging.keep_origin: true" in done.problems[0]
    assert things.load(api.url, paging={"style": "cursor", "keep_origin": True}).problems == []
    assert things.ids() == [0, 1, 2, 3, 4]


def test_a_number_that_json_does_not_have_never_spoils_the_answer(things: Things, serve: Serve, here: Any) -> None:
    body = b'{"items": [{"id": 1, "price": NaN}, {"id": 2, "price": -Infinity}, {"id": 3, "price": {"a": NaN}}]}'
    done = things.load(serve(answers((200, body, {}))).url)
    assert done.problems == []
    assert here.sql("select id, price from public.things order by id") == [
        ("1", None), ("2", "-Infinity"), ("3", '{"a": null}'),
    ]  # fmt: skip
    [archived] = here.read_archive().values()
    assert [json.loads(line, parse_constant=pytest.fail)["id"] for line in archived.splitlines()] == [1, 2, 3]


def test_deep_json_is_bad_data_with_its_reason(things: Things, serve: Serve) -> None:
    for depth in (300, 100_000):
        body = b'{"items": [{"id": 1, "x": ' + b"[" * depth + b"]" * depth + b"}]}"
        done = things.load(serve(answers((200, body, {}))).url)
        if depth == 300:
            assert (done.problems, things.ids()) == ([], [1])
        else:
            assert (done.exit_code, "nested too deeply" in str(done.problems)) == (65, True), done.problems


@pytest.mark.parametrize("coding", ["identity", "gzip", "gzip within a letter"])
def test_an_answer_that_is_cut_is_asked_for_again_and_then_said(serve: Serve, coding: str) -> None:
    whole = json.dumps([{"id": number, "name": "größer"} for number in range(400)], ensure_ascii=False).encode()
    cut = whole[: whole.index("ö".encode(), 9000) + 1] if "letter" in coding else whole[:-1000]
    headers = {}
    if coding != "identity":
        headers, cut = (
            {"Content-Encoding": "gzip"},
            gzip.compress(cut) if "letter" in coding else gzip.compress(whole)[:-40],
        )
    api = serve(answers((200, cut, headers), (200, cut, headers), (200, whole, {})))
    assert len(Client(api.url, limits=QUICK).get_json(api.url)) == 400
    api = serve(answers((200, cut, headers)))
    with pytest.raises(TryLaterError, match=r"the answer is truncated.*, after 3 attempts") as caught:
        Client(api.url, limits=QUICK).get_json(api.url)
    assert (caught.value.exit_code, len(api.requests)) == (75, 3)


@pytest.mark.parametrize(
    ("charset", "header"),
    [
        ("iso-8859-1", "application/json; charset=ISO-8859-1"),
        ("cp1252", 'text/json; charset="iso-8859-1"'),
        ("utf-8", "application/json; charset=ISO-8859-1"),
        ("utf-8-sig", "application/json"),
        ("utf-16", "application/json"),
        ("shift_jis", "application/json;charset=Shift_JIS"),
    ],
)
def test_the_charset_of_the_header_is_followed_where_the_text_is_not_utf_8(
    serve: Serve, charset: str, header: str
) -> None:
    text = {"cp1252": "1 € für Zoë", "shift_jis": "日本語"}.get(charset, "Zoë Größe")
    body = json.dumps([{"name": text}], ensure_ascii=False).encode(charset)
    api = serve(answers((200, body, {"Content-Type": header})))
    assert Client(api.url, limits=QUICK).get_json(api.url) == [{"name": text}]


def test_text_of_no_known_charset_is_said(serve: Serve) -> None:
    body = '[{"name": "Zoë"}]'.encode("latin-1")
    for header, words in (
        ("application/json", "names no charset"),
        ("text/json; charset=klingon", "says charset=kling"),
    ):
        api = serve(answers((200, body, {"Content-Type": header})))
        with pytest.raises(BadDataError, match=f"not UTF-8 .byte 13., and its Content-Type {words}"):
            Client(api.url, limits=QUICK).get_json(api.url)


SAID = [
    ({"error": {"code": 7, "message": "quota exceeded for key"}}, "quota exceeded for key"),
    ({"trace": "x" * 900, "errors": [{"detail": "no such field: prize"}]}, "no such field: prize"),
    ({"fault": {"faultstring": "Rate limit quota violation"}}, "Rate limit quota violation"),
]


@pytest.mark.parametrize(("status", "error"), [(400, ConfigurationError), (503, TryLaterError)])
def test_the_words_of_an_api_are_shown_wherever_they_stand(serve: Serve, status: int, error: type[Exception]) -> None:
    page = f"<head><style>{'p{}' * 300}</style><title>busy</title></head><p>Back at noon</p>".encode()
    for body, words in [*SAID, (page, "busy: Back at noon")]:
        with pytest.raises(error, match=words):
            Client("http://127.0.0.1", limits=QUICK).get_json(serve(answers((status, body, {}))).url)
    with pytest.raises(BadDataError, match="does not answer with JSON: 'busy: Back at noon'"):
        Client("http://127.0.0.1", limits=QUICK).get_json(serve(answers((200, page, {}))).url)


def test_the_words_of_an_error_in_the_place_of_records_are_shown(things: Things, serve: Serve) -> None:
    for body, words in SAID:
        done = things.load(serve(answers((200, body, {}))).url)
        assert (done.exit_code, words in done.problems[0]) == (65, True), done.problems


def test_an_error_beside_some_records_is_not_taken_for_all_of_them(things: Things, serve: Serve) -> None:
    api = serve(answers((200, {"items": RECORDS[:2], "errors": [{"message": "shard 3 timed out"}]}, {})))
    done = things.load(api.url)
    assert (done.exit_code, "answers with an error: shard 3 timed out" in done.problems[0]) == (65, True)
    api = serve(answers((200, {"items": RECORDS[:2], "errors": [], "error": "none", "message": "ok"}, {})))
    assert things.load(api.url).problems == []


NO_ERRORS = [
    {"code": 0, "message": "OK"}, {"code": "000", "message": "Request processed"}, {"code": 200, "message": "found"},
    {"message": "Success."}, {"detail": "none"}, "N/A", "-", [{"code": "0", "message": "success"}],
]  # fmt: skip


@pytest.mark.parametrize("error", [*NO_ERRORS, {"code": 7, "message": "Aucune erreur"}], ids=str)
def test_what_stands_in_the_place_of_an_error_beside_records_is_at_most_a_warning(
    things: Things, serve: Serve, error: Any
) -> None:
    done = things.load(serve(answers((200, {"items": RECORDS[:2], "error": error}, {}))).url)
    assert (done.problems, things.ids()) == ([], [0, 1])
    told = [notice.text for notice in done.warnings if notice.code == "error_beside_records"]
    assert len(told) == (error not in NO_ERRORS)
    assert all("Aucune erreur" in text for text in told)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pauses between the tries."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    yield
