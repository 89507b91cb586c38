"""Limits before work: what is too long, too deep or too much is refused at once, and a database that hangs is told."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Installation, Server
from tests.webconsole.conftest import Console, run_console

SECONDS = 3.0  # of the processor; the worst of these took 8 to 60 s before
LOCAL = "sources: [{type: local, path: in"
BODIES = {
    "brackets": "[" * 20_000,
    "braces": "a: " + "{" * 20_000,
    "blocks": "- " * 10_000,
    "unknown keys": "".join(f"key{number}: 1\n" for number in range(25_000)),
    "unknown keys, fewer": "".join(f"key{number}: 1\n" for number in range(9_000)),
    "unknown keys of a source": "sources:\n - type: local\n" + "".join(f"   key{n}: 1\n" for n in range(9_000)),
    "unknown types": "schema:\n" + "".join(f"  c{number}: whole\n" for number in range(9_000)),
    "sources": "sources:\n" + " - {type: local}\n" * 12_000,
    "a pattern that never ends": LOCAL + ", pattern: '(a+)+$'}]\noutput_csv_path: in/" + "a" * 60 + "!\n",
    "a pattern too deep": "file_pattern: '" + "(" * 4_000 + ")" * 4_000 + "'\n",
}


@pytest.mark.parametrize("name", list(BODIES))
def test_a_yaml_that_would_take_long_is_refused_at_once(console: Console, name: str) -> None:
    worked = console.read_processor_seconds()
    answer = console.post("/data-view", "ben", json={"yaml": BODIES[name]})
    assert answer.status_code == 422 and len(answer.text) < 100_000
    assert console.read_processor_seconds() - worked < SECONDS


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 900_000, 422), ('{"a":' * 100_000, 422), ("[" * 400 + "]" * 400, 422),
        ('{"table":"x","sort":' + "1" * 5000 + "}", 400),
        ("{" + ",".join(f'"k{number}":1' for number in range(50_000)) + "}", 422),
        ('{"table":"' + "x" * 900_000 + '"}', 422), ('{"filters":[' + "{}," * 100_000 + "{}]}", 422),
    ],
)  # fmt: skip
def test_a_json_that_is_too_much_is_refused_at_once(console: Console, body: str, status: int) -> None:
    for path, name in (("/data-view", "ben"), ("/upload-config", "anna"), ("/jobs", "anna"), ("/auth/login", None)):
        worked = console.read_processor_seconds()
        answer = console.post(path, name, data=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (status, 400) and len(answer.text) < 10_000, (path, answer.text[:300])
        assert console.read_processor_seconds() - worked < SECONDS


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/tables/" + "x" * 2_000, 414), ("/console/tables?" + "a&" * 10_000, 414),
        ("/runs?job=" + "x" * 17_000, 414),
        ("/console/tables?" + "&".join(f"column{n}=a" for n in range(100)), 414),
        ("/console/tables?" + "x" * 60_000, 431),
    ],
)  # fmt: skip
def test_an_address_that_is_too_long_is_refused(console: Console, path: str, status: int) -> None:
    assert console.get(path, "ben").status_code == status


def test_a_form_with_too_many_fields_is_refused(console: Console) -> None:
    body = "a=1&" * 100_000
    for path in ("/auth/login", "/console/view"):
        answer = console.post(path, "ben", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 413


class Hanging:
    """Between the console and its database: a connection that can stop answering without being closed."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self.flows = threading.Event()
        self.flows.set()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._ends += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.flows.set()
        for end in (self._listener, *self._ends):
            end.close()


@pytest.fixture(scope="module")
def hanging_console(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, Hanging]]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url, reader_url = server.create_database(name)
    match = re.search(r":(\d+)/", url)
    assert match is not None
    between = Hanging(int(match[1]))
    urls = [address.replace(f":{match[1]}/", f":{between.port}/") for address in (url, reader_url)]
    installation = Installation(tmp_path_factory.mktemp("hanging"), url, reader_url)
    installation.write_settings(
        DATABASE_URL=urls[0], DATABASE_READER_URL=urls[1], CONSOLE_READ_SECONDS="1", DATABASE_CONNECT_SECONDS="2"
    )
    with run_console(installation) as console:
        yield console, between
        between.close()
    server.execute(f'drop database "{name}" with (force)')


def test_a_database_that_hangs_is_told_at_once_and_no_page_waits_for_it(
    hanging_console: tuple[Console, Hanging],
) -> None:
    console, between = hanging_console
    assert console.get("/health", None).status_code == 200
    console.token("anna")
    between.flows.clear()
    with ThreadPoolExecutor(14) as pool:
        pages = [pool.submit(console.get, path) for path in ("/console/tables", "/console/runs") for _ in range(6)]
        time.sleep(0.3)
        for _ in range(3):
            started = time.monotonic()
            answer = console.get("/health", None)
            assert answer.status_code == 503 and "does not answer" in answer.json()["error"]
            assert time.monotonic() - started < 4
        assert {page.result().status_code for page in pages} == {503}
    between.flows.set()
    assert console.get("/health", None).status_code == 200
    assert console.get("/console/tables").status_code == 200
