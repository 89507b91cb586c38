"""A console that runs as the operator runs it: a process on a port, with its own installation, and two users."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg2
import pytest
import requests

from tests.conftest import Installation, Server

PASSWORDS = {"anna": "correct horse battery", "ben": "staple correct horse"}  # the operator, the analyst
ROLES = {"anna": "admin", "ben": "user"}


@dataclass
class Console:
    """A running console and the ways into it."""

    installation: Installation
    process: subprocess.Popen[str]
    url: str
    _tokens: dict[str, str] = field(default_factory=dict)

    def token(self, name: str) -> str:
        """A token of a user, as a program gets it."""
        if name not in self._tokens:
            answer = self.login(name, PASSWORDS[name])
            assert answer.status_code == 200, answer.text
            self._tokens[name] = answer.json()["token"]
        return self._tokens[name]

    def login(self, name: str, password: str) -> requests.Response:
        body = {"user_name": name, "password": password}
        return requests.post(f"{self.url}/auth/login", json=body, timeout=60)

    def call(self, method: str, path: str, name: str | None = "anna", **more: Any) -> requests.Response:
        """A request with a user's token."""
        headers = {"Authorization": f"Bearer {self.token(name)}"} if name else {}
        headers |= more.pop("headers", {})
        return requests.request(method, self.url + path, headers=headers, timeout=60, allow_redirects=False, **more)

    def read_processor_seconds(self) -> float:
        """What the console has worked since it began: on a busy machine the clock says little."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def get(self, path: str, name: str | None = "anna", **more: Any) -> requests.Response:
        return self.call("GET", path, name, **more)

    def post(self, path: str, name: str | None = "anna", **more: Any) -> requests.Response:
        return self.call("POST", path, name, **more)

    def delete(self, path: str, name: str | None = "anna", **more: Any) -> requests.Response:
        return self.call("DELETE", path, name, **more)

    def browser_session(self, name: str) -> requests.Session:
        """A session with the cookie, as a browser has it."""
        session = requests.Session()
        answer = session.post(
            f"{self.url}/auth/login", data={"user_name": name, "password": PASSWORDS[name]}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        return session

    def csrf_token(self, session: requests.Session) -> str:
        """The token that the pages of a session carry."""
        match = re.search(r'name="csrf_token" value="([0-9a-f]+)"', session.get(f"{self.url}/console/tables").text)
        assert match is not None
        return match[1]

    def load(self, config: str, name: str, content: str | bytes, **columns: object) -> dict[str, Any]:
        """Load a file for an import; the summary of its run."""
        if columns:
            self.installation.configure(config, **columns)
        self.installation.drop(name, content)
        return self.installation.summary("generic_import", config)

    def dataset(self, config: str, status: str | None = None) -> int:
        """The newest dataset of an import."""
        rows = self.installation.sql(
            "select max(dataset_id) from dba.tdataset where config_name = %s and (%s::text is null or status = %s)",
            (config, status, status),
        )
        return int(rows[0][0])


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition is true; fail after some time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition did not become true"
        time.sleep(0.05)


@contextlib.contextmanager
def run_console(installation: Installation, *arguments: str) -> Iterator[Console]:
    """Start the console of an installation on a free port, with its two users."""
    additions = {
        name: subprocess.Popen(
            installation.command("console_user", "add", name, "--role", ROLES[name]), text=True,
            env=installation.process_environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for name in PASSWORDS
    }  # fmt: skip
    for name, adding in additions.items():
        _, errors = adding.communicate(f"{PASSWORDS[name]}\n")
        assert adding.returncode == 0, errors
    output = installation.data / "console.out"
    with output.open("w") as stream:
        process = subprocess.Popen(
            installation.command("web_console", "--port", "0", *arguments), text=True, stdin=subprocess.DEVNULL,
            env=installation.process_environment(), stdout=stream, stderr=subprocess.STDOUT, cwd=installation.data,
        )  # fmt: skip
    try:
        wait_for(lambda: "http://" in output.read_text() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield Console(installation, process, output.read_text().split("console is at ")[1].split()[0].rstrip("/"))
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def console(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console for the tests of one module."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url, reader_url = server.create_database(name)
    installation = Installation(tmp_path_factory.mktemp("console"), url, reader_url)
    (installation.data / "file_watcher").mkdir()
    installation.write_settings(
        DATABASE_URL=url,
        DATABASE_READER_URL=reader_url,
        FILE_STILL_SECONDS="0",
        # what the weekly pipeline needs
        MEETMAX_FIRST_EVENTS="119000-119999",
        CONSOLE_HOSTS="console.example.test",
        CONSOLE_READ_SECONDS="5",
        METRICS_TOKEN="a-token-of-the-monitoring",
    )
    # tests make tables by hand, which analysts see only if a group names them; test_visibility.py takes it back
    installation.sql("update dba.tusergroup set tables = '{*}' where group_name = 'default'")
    with run_console(installation) as running_console:
        yield running_console
    server.execute(f'drop database "{name}" with (force)')


SCHEMA: dict[str, object] = {
    "order_id": {"type": "integer"}, "ordered_at": {"type": "date"}, "amount": {"type": "numeric"},
}  # fmt: skip
ORDERS: dict[str, object] = {
    "schema": SCHEMA,
    "key_columns": ["order_id"],
    "max_rejects": 100,
}


@contextlib.contextmanager
def lock_rows(installation: Installation, table: str) -> Iterator[None]:
    """Keep a load from committing: another session locks its table."""
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"lock table {table} in access exclusive mode")
        yield
        connection.rollback()
