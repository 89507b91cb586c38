"""A file at an address, and the files that a page links to, come in whole and once, from a real server."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.conftest import Installation
from tests.sources import door_matrix
from tests.sources.door_matrix import Door, make_rows


class FileServer:
    """Serves files from memory with ETag, Last-Modified and ranges; each can be switched off."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.requests: list[tuple[str, int, dict[str, str]]] = []
        self.stamps, self.ranges, self.login, self.length = True, True, "", True
        self.headers: dict[str, str] = {}
        self.salt = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, content, headers = server.answer(unquote(self.path), dict(self.headers))
                server.requests.append((self.path, status, dict(self.headers)))
                self.send_response(status)
                if not server.length:
                    headers["Connection"] = "close"
                for name, value in headers.items():
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
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if path in self.redirects:
            return 302, b"", {"Location": self.redirects[path], "Content-Length": "0"}
        if self.login and asked.get("Authorization") != f"Bearer {self.login}":
            return 401, b"", {"Content-Length": "0"}
        if path == "/":
            links = "".join(f'<a href="{quote(name, safe="?=")}">{len(name)}</a>' for name in self.files)
            page = f"<html><body>{links}<a href='mailto:x@y'>x</a></body></html>".encode()
            return 200, page, {"Content-Length": str(len(page)), "Content-Type": "text/html"}
        content = self.files.get(path.removeprefix("/"))
        if content is None:
            return 404, b"", {"Content-Length": "0"}
        status, headers = 200, dict(self.headers)
        tag = f'"{hashlib.sha256(content + self.salt.encode()).hexdigest()[:16]}"'
        if self.stamps:
            headers["ETag"] = tag
            if asked.get("If-None-Match") == tag:
                return 304, b"", headers
        begun = re.fullmatch(r"bytes=(\d+)-", asked.get("Range", ""))
        if begun and self.ranges and asked.get("If-Range") == tag:
            start, size = int(begun[1]), len(content)
            status, content = 206, content[start:]
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        if self.length:
            headers["Content-Length"] = str(len(content))
        return status, content, headers

    def options(self, port: int = 0, **more: Any) -> dict[str, Any]:
        """The source as a configuration names it: the page of all files."""
        limits = {"first_pause_seconds": 0.02, "timeout_seconds": 10, "attempts": 8}
        return {
            "type": "http",
            "url": f"http://127.0.0.1:{port or self.port}/",
            "links": r".*\.csv",
            "limits": limits,
        } | more

    def door(self, port: int = 0) -> Door:
        return Door(lambda: self.options(port), self.files.__setitem__, port=self.port)


@pytest.fixture
def site() -> Iterator[FileServer]:
    started = FileServer()
    yield started
    started.server.shutdown()
    started.server.server_close()


def one_file(installation: Installation, site: FileServer, name: str = "orders.csv", **more: Any) -> None:
    """Make the import fetch one address."""
    options = site.options() | {"url": f"http://127.0.0.1:{site.port}/{name}", "links": ""} | more
    installation.configure("orders", file_pattern=r".*\.csv", load_mode="append", sources=[options])


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no-ranges"])
def test_twenty_cuts_lose_and_double_nothing(here: Installation, site: FileServer, ranges: bool) -> None:
    site.ranges = ranges
    cuts = 20 if ranges else 3
    door_matrix.check_cuts(here, site.door(), site.door, cuts, rows=150_000)
    resumed = [status for _, status, _ in site.requests if status == 206]
    assert bool(resumed) == ranges


def test_runs_after_kills_end_in_the_usual_state(installation: Installation, site: FileServer) -> None:
    writing = "systemscripts.http_client.file_download:_Download._write_body"
    steps = [(writing, "before", 2), *door_matrix.COMMON_STEPS, (writing, "after", 2)]
    door_matrix.check_kills(installation, site.door(), steps, expect_here=False)


def test_a_killed_download_is_resumed_by_the_next_run(here: Installation, site: FileServer) -> None:
    site.files["orders.csv"] = make_rows(1, 200_000)
    one_file(here, site, limits={"attempts": 1})
    real, size = site.answer, len(site.files["orders.csv"])

    def send_half(path: str, asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        status, content, headers = real(path, asked)
        return status, content[: size // 2], headers | {"Connection": "close"}

    site.answer = send_half  # type: ignore[method-assign]
    site.server.RequestHandlerClass.protocol_version = "HTTP/1.0"  # type: ignore[attr-defined]
    door_matrix.assert_fails(here, 75, "truncated", "The next run continues")
    site.answer = real  # type: ignore[method-assign]
    door_matrix.load(here)
    assert [asked["Range"] for _, status, asked in site.requests if status == 206] == [f"bytes={size // 2}-"]
    assert here.sql("select count(distinct amount) from public.orders") == [(200_000,)]


def test_only_another_content_is_fetched_whatever_the_stamps_say(here: Installation, site: FileServer) -> None:
    door_matrix.check_new_content_under_a_name(here, site.door())
    site.salt = "the same content under another ETag"
    assert door_matrix.summarize(here).files == 0
    assert site.requests[-1][1] == 200
    assert door_matrix.summarize(here).files == 0
    assert site.requests[-1][1] == 304
    site.stamps = False
    for expected in (0, 0):
        assert door_matrix.summarize(here).files == expected
    # back to what it was: that is new again
    site.files["orders_1.csv"] = make_rows(7)
    assert door_matrix.summarize(here).files == 1
    assert len(here.sql("select file_id from dba.tfile")) == 3


def test_names_of_links_are_never_trusted(here: Installation, site: FileServer) -> None:
    site.files["orders_1.csv"] = make_rows(1)
    page = "".join(f'<a href="{quote(name, safe="")}">x</a>' for name in (*door_matrix.UNSAFE_NAMES, "orders_1.csv"))
    site.files["list.html"] = page.encode()
    options = site.options() | {"url": f"http://127.0.0.1:{site.port}/list.html", "links": r"[\s\S]*\.csv"}
    here.configure("orders", file_pattern=r".*\.csv", load_mode="append", sources=[options])
    summary = door_matrix.summarize(here)
    refused = [notice for notice in summary.warnings if "its name is not allowed" in notice.text]
    assert len(refused) == len(door_matrix.UNSAFE_NAMES)
    assert [name for (name,) in here.sql("select name from dba.tfile")] == ["orders_1.csv"]


def test_a_name_from_the_server_is_checked_and_may_be_given(installation: Installation, site: FileServer) -> None:
    site.files["export?id=5&key=geheim99"] = make_rows(1)
    site.headers["Content-Disposition"] = "attachment; filename*=UTF-8''../../etc/x.csv"
    one_file(installation, site, "export?id=5&key=geheim99")
    line = door_matrix.assert_fails(installation, 78, "is not allowed, it contains a path", "Set file_name")
    assert "geheim99" not in line
    one_file(installation, site, "export?id=5&key=geheim99", file_name="orders_5.csv")
    door_matrix.load(installation)
    assert installation.sql("select name, source_path from dba.tfile") == [
        ("orders_5.csv", f"http://127.0.0.1:{site.port}/export#/orders_5.csv")
    ]
    assert "geheim99" not in installation.read_logs()


def test_a_full_disk_loses_nothing(here: Installation, site: FileServer) -> None:
    door_matrix.check_full_disk(here, site.door(), settled_later=False)


def test_a_refused_login_and_a_missing_page_are_one_line_and_no_secret(here: Installation, site: FileServer) -> None:
    site.files["orders.csv"] = make_rows(1)
    site.login = "right-token-1"
    here.write_settings(SOURCE_SITE_TOKEN="wrong-token-1")
    one_file(here, site, token="${SOURCE_SITE_TOKEN}")
    line = door_matrix.assert_fails(here, 78, "HTTP 401", "Check the credentials")
    assert "wrong-token-1" not in line
    one_file(here, site, "gone.csv")
    site.login = ""
    door_matrix.assert_fails(here, 78, "gone.csv: HTTP 404")
    one_file(here, site)
    door_matrix.load(here)


def test_a_redirect_is_followed_by_the_address_rules_and_without_the_login(
    here: Installation, site: FileServer
) -> None:
    other = FileServer()
    other.files["orders.csv"] = make_rows(1)
    site.redirects = {
        "/orders.csv": f"http://localhost:{other.port}/orders.csv", "/cloud.csv": "http://169.254.169.254/cloud.csv",
    }  # fmt: skip
    one_file(here, site, "cloud.csv")
    door_matrix.assert_fails(here, 78, "169.254.169.254", "an address that no source may use")
    one_file(here, site, token="${SOURCE_SITE_TOKEN}")
    here.write_settings(SOURCE_SITE_TOKEN="right-token-1")
    door_matrix.load(here)
    assert [("Authorization" in asked) for _, _, asked in site.requests] == [False, True]
    assert [("Authorization" in asked) for _, _, asked in other.requests] == [False]
    other.server.shutdown()
    other.server.server_close()


def test_a_file_without_size_and_end_is_loaded_with_a_warning(here: Installation, site: FileServer) -> None:
    site.files["orders.csv"] = make_rows(1)
    site.length = False
    one_file(here, site)
    summary = door_matrix.summarize(here)
    assert summary.files == 1 and "may be incomplete" in summary.warnings[0].text


def test_a_dry_run_shows_the_file_and_keeps_nothing(installation: Installation, site: FileServer) -> None:
    site.files["orders.csv"] = make_rows(1)
    one_file(installation, site)
    done = installation.run("generic_import", "orders", "--dry-run")
    assert done.returncode == 0 and "orders.csv" in done.stdout, done.stderr
    assert installation.sql("select count(*) from dba.tfile") == [(0,)]
    assert [path for path in (installation.data / "file_watcher").rglob("*.*") if path.is_file()] == []
