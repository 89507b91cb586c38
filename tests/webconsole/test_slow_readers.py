"""Slow readers, large questions and slow senders do not stop the pages of others."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import openpyxl
import pytest

from tests.webconsole.conftest import Console, wait_for

ROWS = 60_000
LARGE = "/tables/public.large/download.csv"  # some 12 MB: more than any socket takes unread


@pytest.fixture(scope="module", autouse=True)
def large(console: Console) -> None:
    console.installation.sql(
        f"""create table public.large as select n, repeat('x', 200) as text from generate_series(1, {ROWS}) n;
            create table public.typed as select 1::numeric as n, date '2026-01-05' as d,
            timestamptz '2026-01-05 07:30+00' as at, '=1+1'::text as t,
            'infinity'::date as never, 12345678901234567890::numeric as long"""
    )


def address(console: Console) -> tuple[str, int]:
    parts = urlsplit(console.url)
    return str(parts.hostname), int(parts.port or 0)


@contextlib.contextmanager
def unread(console: Console, name: str, path: str = LARGE, again: int = 0) -> Iterator[socket.socket]:
    """Ask for something, again on the same connection, and do not read it."""
    with socket.socket() as connection:
        # as little as the machine allows waits unread outside the console
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(address(console))
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {console.token(name)}\r\n\r\n"
        connection.sendall(head.encode() * (1 + again))
        yield connection


def cursors(console: Console) -> int:
    rows = console.installation.sql("select count(*) from pg_stat_activity where application_name like '%download'")
    return int(rows[0][0])


def test_ten_unread_downloads_hold_no_page_and_no_cursor_and_the_rest_is_refused(console: Console) -> None:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(unread(console, "ben", again=2)) for _ in range(10)]
        begins = sorted(connection.recv(12) for connection in opened)
        assert begins == [b"HTTP/1.1 200"] * 3 + [b"HTTP/1.1 429"] * 7
        started = time.monotonic()
        for path in ("/health", "/console/tables", "/console/tables/public.large"):
            assert console.get(path, "anna").status_code == 200
        assert time.monotonic() - started < 5
        wait_for(lambda: cursors(console) == 0, 20)
        refused = console.get(LARGE, "ben")
        assert refused.status_code == 429 and "your downloads are not finished" in refused.json()["error"]
        assert refused.headers["Retry-After"]
        # another user is not touched by it
        assert console.get(LARGE, "anna").content.count(b"\r\n") == ROWS + 1
    # given up, they count no longer
    wait_for(lambda: console.get(LARGE, "ben").status_code == 200, 20)


def test_a_question_about_a_download_takes_no_place(console: Console) -> None:
    for _ in range(5):
        answer = console.call("HEAD", LARGE, "ben")
        assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    assert console.get(LARGE, "ben").status_code == 200


def test_unread_pages_hold_no_thread(console: Console) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(unread(console, "ben", "/console/tables/public.large", again=20))
        time.sleep(0.5)
        assert console.get("/console/tables", "anna").status_code == 200


def test_a_request_that_comes_letter_by_letter_stands_in_nobody_s_way(console: Console) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(150):  # more than waitress takes by itself
            connection = stack.enter_context(socket.create_connection(address(console), timeout=20))
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        started = time.monotonic()
        assert console.get("/health", None).status_code == 200
        assert time.monotonic() - started < 5


def test_a_workbook_has_real_numbers_and_dates_and_text_that_cannot_run(console: Console) -> None:
    answer = console.get("/tables/public.typed/download.xlsx", "ben")
    assert answer.status_code == 200
    row = openpyxl.load_workbook(io.BytesIO(answer.content)).active[2]  # type: ignore[index]
    assert [cell.data_type for cell in row] == ["n", "d", "d", "s", "s", "s"]
    assert [cell.value for cell in row][3:] == ["=1+1", "infinity", "12345678901234567890"]
