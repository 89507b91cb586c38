"""Any JSON API as a source: five ways of paging, three logins, limits that fail instead of cutting short."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from systemscripts import http_client
from systemscripts.address_rules import AddressRules
from systemscripts.errors import BadDataError, ConfigurationError, TryLaterError
from systemscripts.http_client import AskedToWaitError, Client, Limits
from systemscripts.sources.api_pages.page_store import Landing, State
from tests.conftest import Installation

Answer = tuple[int, Any, dict[str, str]]
TOTAL = 23
RECORDS = [{"id": number, "name": f"thing {number}", "price": 9.5} for number in range(TOTAL)]


class Api:
    """A server whose answer to (path, parameters, headers) is a function."""

    def __init__(self, answer: Callable[[str, dict[str, str], dict[str, str]], Answer]) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """The parameters are those of the body, and the method is a header more."""
                content = self.rfile.read(int(self.headers["Content-Length"])).decode()
                is_json = self.headers["Content-Type"] == "application/json"
                self.answer(json.loads(content) if is_json else dict(parse_qsl(content)), {"Method": "POST"})

            def do_GET(self) -> None:
                self.answer(dict(parse_qsl(urlsplit(self.path).query)), {})

            def answer(self, parameters: dict[str, Any], more: dict[str, str]) -> None:
                asked = (urlsplit(self.path).path, parameters, dict(self.headers) | more)
                api.requests.append(asked)
                status, body, headers = answer(*asked)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Api]]:
    started: list[Api] = []

    def make(answer: Callable[[str, dict[str, str], dict[str, str]], Answer]) -> Api:
        started.append(Api(answer))
        return started[-1]

    yield make
    for api in started:
        api.close()


def answer_by_page(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
    """The records in the manner that the path names; a page holds at most five, whatever is asked for."""
    size = min(int(parameters.get("per_page") or parameters.get("limit") or parameters.get("$top") or 5), 5)
    if path == "/page":
        begin = (int(parameters["page"]) - 1) * size
    elif path in ("/cursor", "/links"):
        begin = int(parameters.get("cursor", "c0")[1:])
    else:
        begin = int(parameters.get("offset") or parameters.get("$skip") or 0)
    actual = RECORDS[begin : begin + size]
    more = begin + size < TOTAL
    body: dict[str, Any] = {"data": {"items": actual}, "value": actual, "count": TOTAL}
    if path == "/cursor":
        body["meta"] = {"next": f"c{begin + size}" if more else None}
    if path == "/links":
        body["next"] = f"/links?cursor=c{begin + size}" if more else ""
    return 200, body, {}


STYLES = {
    "page": {"paging": {"style": "page", "size": 5}, "records": "data.items"},
    "page with a total": {"paging": {"style": "page", "size": 5, "total": "count"}, "records": "data.items"},
    "offset": {"paging": {"style": "offset", "size": 100, "total": "count"}, "records": "data.items"},
    "skip": {"paging": {"style": "skip", "size": 5}},
    "cursor": {"paging": {"style": "cursor", "next": "meta.next"}, "records": "data.items"},
    "links": {"paging": {"style": "cursor"}, "records": "data.items"},
}  # fmt: skip


FILES = {"file_pattern": r"\d{8}T\d{6}_things_(full|news)\.jsonl"}


def configure(installation: Installation, url: str, **options: Any) -> None:
    installation.configure(
        "things", **FILES, load_mode="upsert", key_columns=["id"],
        sources=[{"type": "api", "url": url, "limits": {"first_pause_seconds": 0.01}, **options}],
    )  # fmt: skip


def things(installation: Installation) -> int:
    if installation.sql("select to_regclass('public.things')") == [(None,)]:
        return 0
    return int(installation.sql("select count(*) from public.things")[0][0])


def test_pages_stop_before_the_disk_is_full_and_go_on_when_there_is_space(
    installation: Installation, serve: Callable[..., Api]
) -> None:
    api = serve(answer_by_page)
    configure(installation, f"{api.url}/page", **STYLES["page with a total"])
    installation.write_settings(KEEP_FREE_GB=str(2**40))
    full = installation.run("generic_import", "things")
    assert full.returncode == 75 and "KEEP_FREE_GB keeps" in full.stderr and api.requests == []
    installation.write_settings(KEEP_FREE_GB="0")
    assert installation.run("generic_import", "things").returncode == 0
    assert things(installation) == TOTAL


@pytest.mark.parametrize("style", STYLES)
def test_every_way_of_paging_brings_every_record_once(
    installation: Installation, serve: Callable[..., Api], style: str
) -> None:
    api = serve(answer_by_page)
    configure(installation, f"{api.url}/{style.split()[0]}", **STYLES[style])
    done = installation.summary("generic_import", "things")
    assert (done["exit_code"], done["counts"]["read"], things(installation)) == (0, TOTAL, TOTAL), done["problems"]
    assert installation.sql("select distinct price from public.things") == [("9.5",)]
    without_total = style in ("page", "skip")
    assert len(api.requests) == 5 + without_total  # only an empty page is the end where nothing names a total


def test_what_a_source_brought_is_whole_and_loaded_at_once(
    installation: Installation, serve: Callable[..., Api]
) -> None:
    installation.write_settings(FILE_STILL_SECONDS="40")
    configure(installation, f"{serve(answer_by_page).url}/page", **STYLES["page"])
    begin = time.monotonic()
    assert installation.summary("generic_import", "things")["counts"]["loaded"] == TOTAL
    assert time.monotonic() - begin < 40


def test_a_dry_run_looks_at_the_first_page_and_leaves_nothing(
    installation: Installation, serve: Callable[..., Api]
) -> None:
    api = serve(answer_by_page)
    configure(installation, f"{api.url}/page", paging={"style": "page", "size": 5}, records="data.items")
    shown = installation.summary("generic_import", "things", "--dry-run")
    assert (shown["exit_code"], shown["counts"]["loaded"], len(api.requests)) == (0, 5, 1)
    assert any("name (text) from 'name'" in line for line in shown["details"])
    assert "of sources of type api a dry run requests only the first page" in shown["details"]
    assert (things(installation), installation.list_waiting()) == (0, [])
    assert list((installation.data / "file_watcher" / "file_watcher_temp").iterdir()) == []
    assert installation.summary("generic_import", "things")["counts"]["loaded"] == TOTAL


def test_more_pages_than_allowed_fail_and_load_nothing_and_go_on_once_allowed(
    installation: Installation, serve: Callable[..., Api]
) -> None:
    api = serve(answer_by_page)
    configure(installation, f"{api.url}/page", paging={"style": "page", "max_pages": 3}, records="data.items")
    done = installation.run("generic_import", "things")
    assert (done.returncode, "more than 3 pages; nothing was loaded" in done.stderr) == (65, True)
    assert things(installation) == 0
    again = installation.run("generic_import", "things")
    assert (again.returncode, len(api.requests)) == (65, 3)  # it goes on behind page 3, where the cap still is


def test_fewer_records_than_the_api_says_are_not_loaded(installation: Installation, serve: Callable[..., Api]) -> None:
    def short(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        status, body, more = answer_by_page(path, parameters, headers)
        return status, {**body, "count": TOTAL + 1}, more

    api = serve(short)
    configure(installation, f"{api.url}/page", paging={"style": "page", "total": "count"}, records="data.items")
    done = installation.run("generic_import", "things")
    assert (done.returncode, "23 records came, it says that there are 24" in done.stderr) == (75, True)
    assert things(installation) == 0
    api.requests.clear()
    assert installation.run("generic_import", "things").returncode == 75
    assert api.requests[0][1]["page"] == "1"  # asked for all of them again


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"token": "${SOURCE_SECRET}"}, {"Authorization": "Bearer s3cret-word"}),
        ({"authentication": {"type": "bearer", "token": "${SOURCE_SECRET}"}}, {"Authorization": "Bearer s3cret-word"}),
        ({"authentication": {"type": "api_key", "key": "${SOURCE_SECRET}"}}, {"X-Api-Key": "s3cret-word"}),
        (
            {"authentication": {"type": "basic", "username": "me", "password": "${SOURCE_SECRET}"}},
            {"Authorization": "Basic " + base64.b64encode(b"me:s3cret-word").decode()},
        ),
    ],
)
def test_logins_come_from_the_settings_and_are_never_shown(
    installation: Installation, serve: Callable[..., Api], options: dict[str, Any], expected: dict[str, str]
) -> None:
    installation.write_settings(SOURCE_SECRET="s3cret-word")
    api = serve(lambda path, parameters, headers: (200, RECORDS, {}))
    configure(installation, f"{api.url}/things", **options)
    done = installation.run("generic_import", "things", "--debug")
    assert (done.returncode, things(installation)) == (0, TOTAL), done.stderr
    assert expected.items() <= api.requests[0][2].items()
    assert "s3cret-word" not in done.stdout + done.stderr + installation.read_logs()


def test_a_key_in_a_next_link_is_not_written_down(installation: Installation, serve: Callable[..., Api]) -> None:
    installation.write_settings(SOURCE_SECRET="s3cret word")

    def answer_with_link(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        if parameters["page"] == "3":
            return 503, {}, {"Retry-After": "9999"}
        link = f"{path}?key=s3cret%20word&page={int(parameters['page']) + 1}"
        return 200, {"value": RECORDS[:3], "@odata.nextLink": link}, {}

    api = serve(answer_with_link)
    configure(
        installation, f"{api.url}/things", paging={"style": "odata"},
        parameters={"key": "${SOURCE_SECRET}", "page": 1},
    )  # fmt: skip
    done = installation.run("generic_import", "things")
    assert (done.returncode, "asked to be retried in 9,999 s" in done.stderr) == (75, True)
    assert [parameters["key"] for _, parameters, _ in api.requests] == ["s3cret word"] * 3
    left = list((installation.data / "file_watcher" / "file_watcher_temp").glob("*.pages.json"))
    assert len(left) == 1 and "s3cret" not in left[0].read_text() + done.stderr


def answers(*actual: Answer) -> Callable[..., Answer]:
    """One answer after the other, the last for ever."""
    rest = list(actual)
    return lambda path, parameters, headers: rest.pop(0) if len(rest) > 1 else rest[0]


OK: Answer = (200, [{"id": 1}], {})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_what_may_go_better_is_asked_for_again(serve: Callable[..., Api], status: int) -> None:
    api = serve(answers((status, {}, {}), (status, {}, {"Retry-After": "0"}), OK))
    client = Client(api.url, limits=Limits(first_pause=0.01))
    assert (client.get_json(api.url), len(api.requests)) == ([{"id": 1}], 3)


def test_retry_after_is_honoured_and_the_pause_has_a_minimum(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    api = serve(answers((429, {}, {"Retry-After": "7"}), (503, {}, {"Retry-After": "0"}), (503, {}, {}), OK))
    Client(api.url, limits=Limits(first_pause=1)).get_json(api.url)
    # what the server asks for, but never less than the pause that doubles
    assert pauses[0] == 7 and 2 <= pauses[1] <= 2.5 and 4 <= pauses[2] <= 5


def test_the_end_of_a_rate_limit_is_honoured_where_429_names_no_time(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    in_half_a_minute = datetime.now(UTC).timestamp() + 30
    asked: list[tuple[int, dict[str, str], float]] = [
        (429, {"RateLimit-Reset": "7"}, 7),
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "8, 9;w=60"}, 8),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{in_half_a_minute:.0f}"}, 30),
        # milliseconds, microseconds, nanoseconds
        *((429, {"X-Rate-Limit-Reset": f"{in_half_a_minute * unit:.0f}"}, 30.0) for unit in (1e3, 1e6, 1e9)),
        (429, {"Retry-After": f"{in_half_a_minute:.0f}"}, 30),
        # a moment that is too far away has a unit that we do not know
        (429, {"X-RateLimit-Reset": f"{in_half_a_minute + 90_000:.0f}"}, 0), (429, {"X-RateLimit-Reset": "9" * 400}, 0),
        (429, {"X-RateLimit-Reset": "Mon, 02 Nov 2099 10:00:00 GMT"}, 0), (429, {"Retry-After": "9" * 400}, 0),
        (429, {"X-RateLimit-Reset": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)}, 30),
        # Retry-After is about this request, a limit with requests left is another one, and only 429 is about limits
        (429, {"Retry-After": "3", "RateLimit-Reset": "50"}, 3), (429, {"X-RateLimit-Reset": "soon"}, 0),
        (429, {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "50"}, 0), (503, {"RateLimit-Reset": "50"}, 0),
    ]  # fmt: skip
    for status, headers, seconds in asked:
        api = serve(answers((status, {}, headers), OK))
        Client(api.url, limits=Limits(first_pause=0.01)).get_json(api.url)
        assert seconds - 5 <= pauses[-1] <= seconds + 1, (headers, pauses[-1])
    for header in ("Retry-After", "X-RateLimit-Reset"):
        api = serve(answers((429, {}, {header: "9" * 8}), OK))
        with pytest.raises(AskedToWaitError, match="asked to be retried in 31,622,400 s"):
            Client(api.url).get_json(api.url)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_asking_again_does_not_mend_is_said_at_once(serve: Callable[..., Api], status: int) -> None:
    api = serve(answers((status, {"error": "no such thing"}, {})))
    with pytest.raises(ConfigurationError, match=f"HTTP {status} .*no such thing"):
        Client(api.url).get_json(f"{api.url}/x?api_key=hidden")
    assert len(api.requests) == 1


def test_limits_of_requests_bytes_attempts_and_redirects(serve: Callable[..., Api]) -> None:
    api = serve(answers((503, {}, {})))
    with pytest.raises(TryLaterError, match="the budget of 3 requests is used up"):
        Client(api.url, limits=Limits(first_pause=0.01, attempts=9, requests=3)).get_json(api.url)
    with pytest.raises(TryLaterError, match="HTTP 503, after 2 attempts"):
        Client(api.url, limits=Limits(first_pause=0.01, attempts=2)).get_json(api.url)
    big = serve(answers((200, b"[" + b" " * 100_000 + b"]", {})))
    with pytest.raises(BadDataError, match="longer than 50,000 bytes"):
        Client(big.url, limits=Limits(answer_bytes=50_000)).get_json(big.url)
    cut = serve(answers((200, b"[1", {"Content-Length": "500", "Connection": "close"}), OK))
    assert Client(cut.url, limits=Limits(first_pause=0.01, read_seconds=1)).get_json(cut.url) == [{"id": 1}]
    circle = serve(answers((302, b"", {"Location": "/again"})))
    with pytest.raises(ConfigurationError, match="more than 5 redirects"):
        Client(circle.url).get_json(circle.url)
    page = serve(answers((200, b"<html>Login</html>", {})))
    with pytest.raises(BadDataError, match="does not answer with JSON: 'Login'"):
        Client(page.url).get_json(page.url)


def test_credentials_do_not_follow_a_redirect_to_another_host(serve: Callable[..., Api]) -> None:
    other = serve(answers(OK))
    api = serve(answers((302, b"", {"Location": f"{other.url}/x"})))
    client = Client(api.url, {"X-Api-Key": "secret"}, ("me", "password"))
    assert client.get_json(api.url) == [{"id": 1}]
    assert "X-Api-Key" in api.requests[0][2] and "Authorization" in api.requests[0][2]
    assert not {"X-Api-Key", "Authorization"} & set(other.requests[0][2])


def test_a_next_link_to_another_host_is_not_followed(installation: Installation, serve: Callable[..., Api]) -> None:
    other = serve(answers(OK))
    elsewhere = other.url.replace("127.0.0.1", "localhost")
    api = serve(answers((200, {"value": RECORDS, "@odata.nextLink": f"{elsewhere}/x"}, {})))
    configure(installation, api.url, paging={"style": "odata"})
    done = installation.run("generic_import", "things")
    assert (done.returncode, "; it was not followed" in done.stderr) == (78, True)
    assert (other.requests, things(installation)) == ([], 0)


def test_tls_is_verified(tmp_path: Path) -> None:
    from demo.mail_sink import MailSink

    sink = MailSink(tmp_path / "mails", tmp_path / "certificate", "x", "y", 0)  # makes a certificate of its own
    sink.start()
    sink.stop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pems = sorted((tmp_path / "certificate").iterdir())
    key = next(path for path in pems if "PRIVATE KEY" in path.read_text())
    context.load_cert_chain(sink.certificate, key)
    api = Api(answers(OK))
    api.server.socket = context.wrap_socket(api.server.socket, server_side=True)
    try:
        url = api.url.replace("http:", "https:")
        with pytest.raises(ConfigurationError, match="its certificate is not trusted"):
            Client(url, limits=Limits(attempts=1)).get_json(url)
        trusted = Client(url, limits=Limits(attempts=1), ca_file=str(sink.certificate))
        assert trusted.get_json(url) == [{"id": 1}]
    finally:
        api.close()


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest/meta-data", "http://[::ffff:169.254.169.254]/", "http://2852039166/", "http://0/",
     "http://[fd00:ec2::254]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/"],
)  # fmt: skip
def test_the_clouds_own_addresses_are_never_reached(url: str) -> None:
    for rules in (AddressRules(), AddressRules(("0.0.0.0/0", "::/0", "2852039166", "0"))):
        with pytest.raises(ConfigurationError, match="an address that no source may use"):
            Client(url, rules=rules, limits=Limits(attempts=1, connect_seconds=1)).get_json(url)


def leads_to(monkeypatch: pytest.MonkeyPatch, names: dict[str, str]) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: real(names.get(str(host), host), *rest, **more)
    )


def test_a_listed_name_that_leads_to_a_private_or_cloud_address_is_not_asked(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve(answers(OK))
    leads_to(monkeypatch, {"api.example.test": "127.0.0.1", "meta.example.test": "169.254.169.254"})
    url = api.url.replace("127.0.0.1", "api.example.test")
    with pytest.raises(ConfigurationError, match="an address of a private network"):
        Client(url, rules=AddressRules(("api.example.test",))).get_json(url)
    with pytest.raises(ConfigurationError, match="an address that no source may use"):
        Client("http://meta.example.test", rules=AddressRules(("meta.example.test",))).get_json(
            "http://meta.example.test"
        )
    assert api.requests == []
    assert Client(url, rules=AddressRules(("api.example.test", "127.0.0.1"))).get_json(url) == [{"id": 1}]


def test_the_address_is_looked_at_after_each_redirect_too(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = serve(answers(OK))
    for location, reason in (
        ("http://169.254.169.254/latest", "is not among those that uploads may use"),
        (inside.url.replace("127.0.0.1", "localhost"), "is not among those that uploads may use"),
        ("http://meta.example.test/", "an address that no source may use"),
        ("file:///etc/passwd", "is not an HTTP address"),
    ):
        leads_to(monkeypatch, {"meta.example.test": "169.254.169.254"})
        api = serve(answers((302, b"", {"Location": location})))
        rules = AddressRules(("127.0.0.1/32", "meta.example.test"))
        with pytest.raises(ConfigurationError, match=reason):
            Client(api.url, rules=rules, limits=Limits(attempts=1)).get_json(api.url)
    assert inside.requests == []


def test_an_address_that_changes_between_look_up_and_connection_is_seen(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve(answers(OK))
    real, calls = socket.getaddrinfo, 0

    def rebinding(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        return real("93.184.215.14" if calls == 1 else "127.0.0.1", port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = api.url.replace("127.0.0.1", "api.example.test")
    with pytest.raises(ConfigurationError, match=r"leads to 127\.0\.0\.1, an address of a private network"):
        Client(url, rules=AddressRules(("api.example.test",))).get_json(url)
    assert (api.requests, calls) == ([], 2)


def test_a_page_that_was_not_noted_leaves_nothing_behind(tmp_path: Path) -> None:
    landing = Landing(tmp_path, "things")
    state = State("asked", "things.jsonl", "2026-01-05T02:00:00+00:00", True, "https://api.example.test", {})
    landing.begin(state)
    landing.add(state, [{"id": 1}])
    landing.save_state(state)
    landing.add(state, [{"id": 2, "text": "a long page, written but not noted: the run was killed here"}])
    actual = landing.load_state()
    assert actual is not None
    landing.add(actual, [{"id": 2}])  # the source has changed meanwhile
    assert landing.part.read_text() == '{"id": 1}\n{"id": 2}\n'
    landing.part.write_text("")  # of which less is there than was noted
    assert landing.load_state() is None


def test_an_address_is_shown_without_login_and_parameters() -> None:
    assert http_client.redact_url("https://me:word@host:8/a?key=1#x") == "https://host:8/a"


def test_many_records_in_flat_memory(installation: Installation, serve: Callable[..., Api]) -> None:
    def many(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        page, size = int(parameters["page"]), 1000
        # also the small one is large enough for all of the memory that DuckDB takes
        last = 60 if path == "/large" else 20
        actual = [{"id": (page - 1) * size + n, "text": "x" * 2400} for n in range(size)] if page <= last else []
        return 200, actual, {}

    api = serve(many)
    peaks = {}
    for path in ("small", "large"):
        configure(installation, f"{api.url}/{path}", paging={"style": "page", "size": 1000})
        peaks[path] = _peak(installation)
    assert things(installation) == 60_000
    # KB; the further records are 96 MB of JSON
    assert peaks["large"] < peaks["small"] + 60_000, peaks


def _peak(installation: Installation) -> int:
    """Peak memory in KB of a whole import; measured by a small process, as a child inherits the peak of its parent."""
    code = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *installation.command("generic_import", "things")],
        env=installation.process_environment(), capture_output=True, text=True, cwd=installation.data, timeout=240,
    )  # fmt: skip
    code, peak = done.stdout.split()
    assert code == "0", done.stderr
    return int(peak)


def traces(installation: Installation) -> dict[str, int]:
    """How much there is in the ledger, in the archive and in refused/."""
    tables = {name: int(installation.sql(f"select count(*) from dba.{name}")[0][0]) for name in ("tfile", "tdataset")}
    refused = (installation.data / "file_watcher" / "refused").glob("*.jsonl")
    return {**tables, "archive": len(installation.read_archive()), "refused": len(list(refused))}


@pytest.mark.parametrize("mode", ["upsert", "snapshot"])
def test_a_quiet_api_leaves_no_further_trace_and_its_data_stay_fresh(
    installation: Installation, serve: Callable[..., Api], mode: str
) -> None:
    records = [{"id": 1, "price": 2}]
    api = serve(lambda path, parameters, headers: (200, {"data": records}, {}))
    configure(installation, api.url, records="data")
    installation.configure("things", **FILES, load_mode=mode, guards={"max_age_days": 1})
    assert installation.summary("generic_import", "things")["counts"]["loaded"] == 1
    before = traces(installation)
    installation.sql("update dba.tfile set status_at = now() - interval '3 days'")
    again = installation.summary("generic_import", "things")
    assert (again["exit_code"], again["files"]) == (0, 0), again
    assert traces(installation) == before and len(api.requests) == 2
    records.append({"id": 2, "price": 3})
    assert installation.summary("generic_import", "things")["files"] == 1
    records.pop()  # it returns to an earlier state, which is another thing than saying nothing new
    assert installation.summary("generic_import", "things")["files"] == 1


def test_a_day_of_its_own_is_another_identity(installation: Installation, serve: Callable[..., Api]) -> None:
    api = serve(lambda path, parameters, headers: (200, {"data": [{"id": 1}]}, {}))
    configure(installation, api.url, records="data")
    installation.configure(
        "things", **FILES, load_mode="snapshot", dateconfig="filename", datelocation="0", dateformat="yyyyMMddTHHmmss"
    )
    for moment in ("2026-01-05T08:00:00", "2026-01-05T20:00:00", "2026-01-06T08:00:00"):
        assert installation.summary("generic_import", "things", ETL_NOW=moment)["exit_code"] == 0
    assert installation.sql("select status from dba.tfile order by file_id") == [("loaded",), ("unchanged",)]
    assert installation.sql("select last_seen::text from dba.tdataset") == [("2026-01-06",)]


def test_what_was_refused_is_said_at_each_poll_and_kept_once(
    installation: Installation, serve: Callable[..., Api]
) -> None:
    api = serve(lambda path, parameters, headers: (200, {"data": [{"id": 1}]}, {}))
    configure(installation, api.url, records="data")
    installation.configure("things", **FILES, exact_header=["number"])
    first = installation.run("generic_import", "things")
    before = traces(installation)
    again = installation.run("generic_import", "things")
    assert (first.returncode, again.returncode) == (65, 65)
    assert "still returns what was refused as file_watcher/refused/" in again.stderr
    assert "etl import things --retry-refused" in again.stderr
    assert traces(installation) == before and before["refused"] == 1
    installation.configure("things", **FILES, exact_header=["id"])  # fixed: it is taken by itself
    assert installation.run("generic_import", "things").returncode == 0 and things(installation) == 1
    assert installation.run("generic_import", "things").returncode == 0


def test_what_is_held_waits_without_further_traces(installation: Installation, serve: Callable[..., Api]) -> None:
    records = [{"id": number} for number in range(10)]
    api = serve(lambda path, parameters, headers: (200, {"data": records}, {}))
    source = {"type": "api", "url": api.url, "records": "data"}
    installation.configure("things", **FILES, load_mode="snapshot", sources=[source])
    assert installation.run("generic_import", "things").returncode == 0
    del records[1:]
    assert installation.run("generic_import", "things").returncode == 65
    before = traces(installation)
    assert installation.run("generic_import", "things").returncode == 0
    assert traces(installation) == before
    assert installation.sql("select status from dba.tdataset order by 1") == [("active",), ("held",)]


def test_what_was_undone_is_warned_of_and_loaded_again_on_demand(
    installation: Installation, serve: Callable[..., Api]
) -> None:
    api = serve(lambda path, parameters, headers: (200, {"data": [{"id": 1}]}, {}))
    configure(installation, api.url, records="data")
    assert installation.run("generic_import", "things").returncode == 0
    assert installation.run("generic_import", "--undo", 1).returncode == 0
    installation.sql("update dba.timportconfig set is_active = true")
    before = traces(installation)
    again = installation.summary("generic_import", "things")
    assert any("still returns the content of dataset 1, which was undone" in text for text in again["warnings"]), again
    assert traces(installation) == before
    assert installation.run("generic_import", "things", "--reload").returncode == 0 and things(installation) == 1


def test_an_api_below_the_address_of_another_is_asked_as_well(
    installation: Installation, serve: Callable[..., Api]
) -> None:
    api = serve(lambda path, parameters, headers: (200, {"data": [{"id": path}]}, {}))
    configure(installation, f"{api.url}/a", records="data")
    both = [{"type": "api", "url": f"{api.url}{path}", "records": "data", "name": "b"} for path in ("/a/b", "/a")]
    installation.configure("things", **FILES, sources=both)
    refused = installation.run("generic_import", "things")  # their files would have the same names
    assert (refused.returncode, "two sources of type api with the same name" in refused.stderr) == (78, True), (
        refused.stderr
    )
    del both[1]["name"]
    installation.configure("things", file_pattern=r".*\.jsonl", sources=both)
    assert installation.run("generic_import", "things").returncode == 0
    assert installation.sql("select id from public.things order by 1") == [("/a",), ("/a/b",)]


def test_an_api_that_names_a_time_is_not_asked_before_it(installation: Installation, serve: Callable[..., Api]) -> None:
    busy = [True]

    def answer(path: str, parameters: dict[str, str], headers: dict[str, str]) -> Answer:
        if busy and parameters["page"] == "2":
            return 429, {}, {"Retry-After": "7200"}
        return 200, {"data": [{"id": int(parameters["page"])}] if parameters["page"] < "4" else []}, {}

    api = serve(answer)
    configure(installation, api.url, records="data", paging={"style": "page"})
    first = installation.run("generic_import", "things", ETL_NOW="2026-01-05T08:00:00")
    assert first.returncode == 75 and "asked to be retried in 7,200 s" in first.stderr
    again = installation.run("generic_import", "things", ETL_NOW="2026-01-05T09:59:00")
    assert again.returncode == 75 and "asked not to be asked until 2026-01-05 10:00" in again.stderr
    assert len(api.requests) == 2
    busy.clear()
    assert installation.run("generic_import", "things", ETL_NOW="2026-01-05T10:01:00").returncode == 0
    assert things(installation) == 3 and len(api.requests) == 5  # it went on with page 2
