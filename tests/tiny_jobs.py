"""Fixtures for every test: tiny jobs as real scripts, and a mail server."""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.mail_origin import strip_origin

if TYPE_CHECKING:
    from tests.conftest import Installation

HEAD = """
from __future__ import annotations
import logging, os, sys, time
from pathlib import Path
from systemscripts import errors, log_utils, progress
from systemscripts.job import Summary, defer_signals, job, signals_and_timeout, get_wait_seconds
from systemscripts.log_utils import heartbeat
logger = logging.getLogger("tiny")
"""


@dataclass
class Jobs:
    """Tiny job scripts of one installation."""

    installation: Installation
    folder: Path

    def write(self, name: str, body: str, needs: str = "", parameters: str = "", before: str = "") -> Path:
        """Write a script whose only function is a job with this body."""
        indented = textwrap.indent(textwrap.dedent(body), "    ")
        function = f'@job({needs})\ndef {name}({parameters}):\n    """Test."""\n{indented}'
        path = self.folder / f"{name}.py"
        path.write_text(f'{HEAD}\n{before}\n{function}\n\nif __name__ == "__main__":\n    {name}.main()\n')
        return path

    def command(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, str(self.folder / f"{name}.py"), *arguments]

    def run(self, name: str, *arguments: str, timeout: float = 60, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(name, *arguments), env=self.installation.process_environment(**more), capture_output=True,
            text=True, timeout=timeout, stdin=subprocess.DEVNULL, cwd=self.installation.data,
        )  # fmt: skip

    def start(self, name: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start a script and leave it running; with `begun` in its body, wait for that."""
        return subprocess.Popen(
            self.command(name, *arguments), env=self.installation.process_environment(**more), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, cwd=self.installation.data,
        )  # fmt: skip

    def start_and_wait(self, name: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start a script whose body makes the file `begun`, and wait until it is there."""
        process = self.start(name, *arguments, **more)
        wait_for(lambda: (self.installation.data / "begun").exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        (self.installation.data / "begun").unlink()
        return process

    def list_runs(self, columns: str = "job, status, exit_code, error") -> list[tuple[Any, ...]]:
        """dba.trun, oldest first."""
        return self.installation.sql(f"select {columns} from dba.trun order by started_at")

    def read_logs(self, job: str) -> list[list[dict[str, Any]]]:
        """The entries of each log of a job, oldest log first."""
        paths = sorted((self.installation.data / "logs").glob(f"{job}_*.jsonl"), key=lambda path: path.stat().st_mtime)
        return [[json.loads(line) for line in path.read_text().split("\n") if line] for path in paths]


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so; fails when it does not come to be."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.02)


@pytest.fixture
def jobs(installation: Installation, tmp_path: Path) -> Jobs:
    folder = tmp_path / "scripts"
    folder.mkdir()
    return Jobs(installation, folder)


@dataclass
class Mails:
    """A mail server that can be away, and what it got."""

    sink: Any

    def read_all(self) -> list[EmailMessage]:
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in self.sink.list_mails()
        ]  # type: ignore[misc]

    def list_subjects(self) -> list[str]:
        return [strip_origin(str(mail["subject"])) for mail in self.read_all()]

    def read_text(self, number: int = -1) -> str:
        return str(self.read_all()[number].get_content()).replace("\r\n", "\n")


@pytest.fixture
def mails(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mails]:
    """A mail server that the installation's alerts go to."""
    from demo.mail_sink import MailSink

    certificates = tmp_path_factory.getbasetemp() / "certificates"
    with MailSink(tmp_path_factory.mktemp("mails"), certificates, "etl", "smtp-pass word/1") as sink:
        installation.write_settings(
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(sink.port),
            SMTP_USER="etl",
            SMTP_PASSWORD="'smtp-pass word/1'",
            SMTP_CA_FILE=str(sink.certificate),
            ALERT_RECIPIENTS="operator@example.test",
        )
        yield Mails(sink)
