"""What all demos share: an installation in var/demo/, local servers that keep their ports, a final table.

The demo of the pipeline NAME is the module demo/NAME_demo.py with `run() -> int`; it is found by that name.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from demo.http_server import LocalServer
from demo.mail_sink import MailSink
from systemscripts import plugins

PROJECT = Path(__file__).resolve().parents[1]
WRAPPER = PROJECT / "run_python_etl_script.sh"
SUFFIX = "_demo"


Started = TypeVar("Started", bound=LocalServer)


def list_demos() -> list[str]:
    """Return the names of the pipelines that have a demo."""
    return [name.removesuffix(SUFFIX) for name in plugins.list_names("demo") if name.endswith(SUFFIX)]


def run_demo(name: str) -> int:
    """Run the demo of a pipeline and show what happened; return the exit code."""
    if name not in list_demos():
        print(
            f"run_pipeline: there is no demo of {name!r}. There is one of: {', '.join(list_demos())}.", file=sys.stderr
        )
        return 2
    exit_code: int = importlib.import_module(f"demo.{name}{SUFFIX}").run()
    return exit_code


class DemoInstallation:
    """The installation in var/demo/: its settings file, its servers, its jobs as ordinary processes."""

    def __init__(self) -> None:
        self.folder = Path(os.environ.get("ETL_DATA_DIR") or PROJECT) / "var" / "demo"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._state_file = self.folder / "demo.json"
        self._state: dict[str, Any] = json.loads(self._state_file.read_text()) if self._state_file.exists() else {}
        self.password: str = self._state.setdefault("password", secrets.token_urlsafe(12))
        self._remember()

    def _remember(self, **more: Any) -> None:
        """Save values for the next demo, such as ports: addresses are part of the loaded data."""
        self._state |= more
        self._state_file.touch(mode=0o600)
        self._state_file.write_text(json.dumps(self._state))

    def list_days_run(self, pipeline: str) -> list[date]:
        """Return the days for which earlier demos ran a pipeline to its end, in order."""
        return sorted(date.fromisoformat(day) for day in self._state.get("days", {}).get(pipeline, []))

    def run_day(self, pipeline: str, now: datetime) -> int:
        """Run a pipeline for a day, unless an earlier demo did: a source does not withdraw what it has published."""
        days = self.list_days_run(pipeline)
        if now.date() in days:
            print(
                f"pipeline {pipeline}: already run by an earlier demo; to start again, remove {self.folder}", flush=True
            )
            return 0
        exit_code = self.run_job("run_pipeline.py", pipeline, now=now)
        if exit_code == 0:
            known = self._state.get("days", {})
            self._remember(days={**known, pipeline: [day.isoformat() for day in (*days, now.date())]})
        return exit_code

    @contextlib.contextmanager
    def serve(self, name: str, make: Callable[[int], Started]) -> Iterator[Started]:
        """Start the server `make(port)` on the port it had before, or on a free one where that is in use."""
        try:
            server = make(self._state.get(name, 0))
            server.start()
        except OSError:
            server = make(0)
            server.start()
        try:
            self._remember(**{name: server.port})
            yield server
        finally:
            server.stop()

    @contextlib.contextmanager
    def serve_mail(self) -> Iterator[MailSink]:
        """Start the local mail server and name it in the settings."""
        logging.getLogger("mail").setLevel(logging.ERROR)  # aiosmtpd warns about its own attributes
        folders = (self.folder / "mails", self.folder / "certificate")
        with self.serve("mail", lambda port: MailSink(*folders, "demo", self.password, port)) as mails:
            self.write_settings(
                SMTP_HOST="127.0.0.1",
                SMTP_PORT=str(mails.port),
                SMTP_USER="demo",
                SMTP_PASSWORD=self.password,
                SMTP_CA_FILE=str(mails.certificate),
                MAIL_FROM="etl@example.test",
                REPORT_RECIPIENTS="analyst@example.test",
                ALERT_RECIPIENTS="operator@example.test",
            )
            yield mails

    def write_settings(self, **more: str) -> Self:
        """Write the settings file; settings of other demos remain in it."""
        settings = {"DATABASE_URL": "embedded", **self._state.get("settings", {}), **more}
        self._remember(settings=settings)
        path = self.folder / "settings.env"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return self

    def environment(self) -> dict[str, str]:
        """Return the environment of the jobs of the demo."""
        ours = self._state.get("settings", {})
        others = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("ETL_")}
        own = {"ETL_DATA_DIR": str(self.folder), "ETL_ENV_FILE": str(self.folder / "settings.env")}
        return {**others, **own, "ETL_NO_CRON_LOG": "1"}

    def run_job(self, *command: str, now: datetime | None = None) -> int:
        """Run a job in a process of its own, with its clock set to `now`; return its exit code."""
        clock = {"ETL_NOW": now.isoformat()} if now else {}
        done = subprocess.run([str(WRAPPER), *command], env=self.environment() | clock, check=False)
        return done.returncode

    def enter(self) -> None:
        """Switch this process to the installation of the demo, to read what it loaded."""
        from systemscripts import settings

        os.environ.update({name: value for name, value in self.environment().items() if name.startswith("ETL_")})
        settings.reset()

    def show_result(self, headline: str, rows: list[dict[str, Any]], details: list[str], commands: list[str]) -> None:
        """Print the final table and the commands to try next, which are shown after enter()."""
        from systemscripts import settings
        from systemscripts.db_utils import embedded
        from systemscripts.summary import Summary

        summary = Summary(headline=f"\n{headline}", rows=rows, details=["", *details])
        if not (settings.current().etl_data_dir / "var" / "database").exists():
            summary.details.append(
                f"database: {embedded.describe_server()['folder']} (PostgreSQL does not run as root)"
            )
        summary.next_steps = commands
        print(summary.as_text(), flush=True)
