"""A set-up host that troubles are planted on: real PostgreSQL, cron lines and a mail server whose answers are chosen.

Runs are started by the commands of the cron file, as cron would start them, without waiting for the minute.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.conftest import PROJECT
from tests.host.machine import Machine
from tests.mail_origin import strip_origin
from tests.smtp_server import SmtpServer

FOLDER = "/opt/client_etl_workflow"
DATA = "/var/lib/client_etl_workflow"
SETTINGS = f"{FOLDER}/config/.env"
# where the PostgreSQL of this host lives: another installation's embedded one, started and stopped by its commands
DATABASE = "/srv/postgresql"
CRON_FILE = "/etc/cron.d/etl_jobs"
RECIPIENTS = ("operator@example.com", "second@example.com")
HEAD = '''"""{what}"""
import os, signal, time
from systemscripts import settings
from systemscripts.job import Summary, job

@job({needs})
def {name}():
    """Test.

    Examples:
        {name}.py
    """
    path = settings.current().etl_data_dir / "how"
    how = path.read_text().strip() if path.exists() else ""
    if how:
        exec(how)
    return Summary(headline="done", files=1)

if __name__ == "__main__":
    {name}.main()
'''
CGROUPS = Path("/sys/fs/cgroup")
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (id == CLOCK_REALTIME) now->tv_sec += %d;
    return result;
}
"""
WITHOUT_FILES = "mount -t tmpfs tmpfs /etc/cron.d && exec cron -f"
PIPELINE = "schedule: '0 5 * * *'\nsteps:\n  - {{job: {job}}}\n"
IMPORT = r"""
datasource: client
file_pattern: 'lists_\d+\.csv'
target_table: public.lists
load_mode: append
exact_header: [name]
schema: {name: text}
guards: {min_rows: 2}
"""


@dataclass(frozen=True)
class Mail:
    """One mail that was accepted."""

    recipients: tuple[str, ...]
    subject: str
    text: str


class TroubledHost:
    """The host, and what the operator hears of it."""

    def __init__(self, machine: Machine, mail_server: SmtpServer) -> None:
        self.machine, self.mail_server = machine, mail_server
        self.variables: dict[str, str] = {}
        self._lines: dict[str, str] = {}
        self.database_url = ""
        self.cgroup: Path | None = None
        self.processes: list[subprocess.Popen[bytes]] = []

    def set_up(self) -> None:
        """Set the host up as docs/install.md says, with two pipelines of its own."""
        self.machine.clone(FOLDER, "root")
        for name, needs in (("one", ""), ("two", ""), ("plain", "database=False")):
            self.write(f"{FOLDER}/jobscripts/{name}.py", HEAD.format(what="Test.", needs=needs, name=name))
        scripts = (PROJECT / "docs" / "scripts.md").read_text()
        self.machine.shell(f"mkdir -p {FOLDER}/docs")
        self.write(f"{FOLDER}/docs/scripts.md", scripts)
        self.machine.shell(f"rm {FOLDER}/config/pipelines/* {FOLDER}/config/imports/*")
        for name, job in (("first", "one"), ("second", "two"), ("third", "plain")):
            self.write(f"{FOLDER}/config/pipelines/{name}.yaml", PIPELINE.format(job=job))
        lists = "schedule: '0 5 * * *'\nsteps:\n  - {job: generic_import, arguments: [lists]}\n"
        self.write(f"{FOLDER}/config/pipelines/lists.yaml", lists)
        self.write(f"{FOLDER}/config/imports/lists.yaml", IMPORT)
        self.write_settings(DATABASE_URL="embedded")
        self.machine.shell(f"{FOLDER}/configure_etl_user.sh", timeout=600)
        self.machine.shell(
            f"mkdir -p {DATABASE} && echo DATABASE_URL=embedded >{DATABASE}/.env && chown -R etl_user: {DATABASE}"
            f" && chmod 700 {DATABASE} && chmod 600 {DATABASE}/.env"
        )
        self.start_database()
        self.database_url = self.database("url").strip().splitlines()[-1]
        self.write_settings()
        self.machine.shell(f"{FOLDER}/configure_etl_user.sh", timeout=600)
        self.read_cron_file()

    def read_cron_file(self) -> None:
        """Keep the commands of the cron file by the last word of each."""
        text = self.machine.shell(f"cat {CRON_FILE}")
        for line in text.splitlines():
            if " etl_user " in line and not line.startswith("#"):
                command = line.split(" etl_user ", 1)[1].replace(r"\%", "%")
                self._lines[command.split()[-1].removesuffix(".py")] = command
            elif "=" in line and line.partition("=")[0].isupper():
                name, _, value = line.partition("=")
                self.variables[name] = value

    def write(self, path: str, text: str) -> None:
        """Write a file of the host, as root."""
        done = subprocess.run(
            self.machine.command("tee", path), input=text, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def write_settings(self, *lines: str, **more: str) -> None:
        """Write the settings, changed or with further lines."""
        values = {
            "DATABASE_URL": self.database_url, "ENVIRONMENT_NAME": "trial", "ETL_DATA_DIR": DATA,
            "ALERT_RECIPIENTS": ",".join(RECIPIENTS), "FILE_STILL_SECONDS": "0", "DISK_FREE_PERCENT": "5",
            "DATABASE_LOCK_SECONDS": "1", **self.mail_server.settings, **more,
        }  # fmt: skip
        text = "".join(f"{name}='{value}'\n" for name, value in values.items())
        self.write(SETTINGS, text + "".join(f"{line}\n" for line in lines))

    def behave(self, code: str) -> None:
        """Let the jobs one, two and plain run this Python code; none: they succeed."""
        self.write(f"{DATA}/how", code)

    def drop(self, name: str, text: str) -> None:
        """Put a file where deliveries arrive."""
        path = f"{DATA}/file_watcher/{name}"
        self.write(path, text)
        self.machine.shell(f"chown etl_user: {path} && touch -d '1 hour ago' {path}")

    def start(self, what: str, **variables: str) -> int:
        """Start what the cron file starts, as cron does; return the exit code."""
        environment = {"HOME": "/home/etl_user", "LOGNAME": "etl_user", **self.variables, **variables}
        pairs = [f"{name}={value}" for name, value in environment.items()]
        command = self._lines[what]
        words = self.machine.command("runuser", "-u", "etl_user", "--", "env", "-i", *pairs, "/bin/bash", "-c", command)
        if self.cgroup is not None:
            join = f'echo $$ >{self.cgroup}/cgroup.procs && exec "$@"'
            words = ["sh", "-c", join, "sh", *words]
        done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=240, cwd="/")
        self.said = done.stdout + done.stderr
        return done.returncode

    def etl(self, *arguments: object) -> str:
        """What an operator's command prints."""
        done = self.machine.run("env", "ETL_NO_CRON_LOG=1", f"{FOLDER}/etl", *arguments)
        return done.stdout + done.stderr

    def database(self, *arguments: str) -> str:
        """Run a command of database.py on the server."""
        variables = (f"ETL_ENV_FILE={DATABASE}/.env", f"ETL_DATA_DIR={DATABASE}", "ETL_NO_CRON_LOG=1")
        done = self.machine.run("env", *variables, f"{FOLDER}/run_python_etl_script.sh", "database.py", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_database(self) -> None:
        """Start PostgreSQL."""
        self.database("start")

    def stop_database(self) -> None:
        """Stop PostgreSQL."""
        self.database("stop")

    def sql(self, statement: str, url: str = "") -> list[tuple[Any, ...]]:
        """Run a statement as the login of the jobs."""
        connection = psycopg2.connect(url or self.database_url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def list_mails(self) -> list[Mail]:
        """Return every alert that a recipient has, oldest first."""
        return [
            Mail(
                tuple(mail.recipients),
                strip_origin(str(mail.message["Subject"])),
                mail.message.get_content().replace("\r\n", "\n"),
            )
            for mail in list(self.mail_server.delivered)
        ]

    def start_cron(self) -> None:
        """Start a real cron daemon that knows no file, so that it starts nothing here by itself."""
        self.processes.append(
            subprocess.Popen(self.machine.command("unshare", "-m", "sh", "-c", WITHOUT_FILES), stdin=subprocess.DEVNULL)
        )
        until = time.monotonic() + 10
        while self.machine.run("pgrep", "-x", "cron").returncode:
            assert time.monotonic() < until
            time.sleep(0.05)

    def stop_cron(self) -> None:
        """End the cron daemon."""
        self.machine.shell("pkill -x cron")
        self.processes.pop().wait(timeout=10)

    def hold(self, statement: str) -> None:
        """Leave a session of a person open after a statement."""
        self.session = psycopg2.connect(self.database_url, application_name="DBeaver")
        with self.session.cursor() as cursor:
            cursor.execute(statement)

    def release(self) -> None:
        """End that session."""
        self.session.close()

    def miss(self, *names: str) -> None:
        """Let pipelines have been due since the watchdog knows them, and not started."""
        path = f"{DATA}/var/watchdog.json"
        known = json.loads(self.machine.shell(f"cat {path}"))
        since = datetime.now(UTC) - timedelta(days=3)
        for name in names:
            known[f"schedule {name}"]["since"] = since.isoformat()
            known.pop(f"began {name}", None)
        self.machine.shell(f"rm -f {DATA}/logs/run_pipeline_*.jsonl")
        self.write(path, json.dumps(known))

    def shift_clock(self, seconds: int) -> None:
        """Let what cron starts see another time; 0: the right one."""
        self.variables.pop("LD_PRELOAD", None)
        if seconds:
            self.write("/srv/clock.c", CLOCK % seconds)
            self.machine.shell("gcc -shared -fPIC -o /srv/clock.so /srv/clock.c -ldl")
            self.variables["LD_PRELOAD"] = "/srv/clock.so"

    def limit_memory(self) -> None:
        """Let what cron starts have little memory, and jobs that want more."""
        if not (CGROUPS / "memory" / "cgroup.procs").exists():
            pytest.skip("no memory cgroups of version 1 here")
        inside = ["nsenter", "-t", str(self.machine.holder), "-m"]
        subprocess.run([*inside, "mount", "--rbind", "/sys", f"{self.machine.root}/sys"], check=True)
        self.cgroup = CGROUPS / "memory" / f"etl_trouble_{os.getpid()}"
        self.cgroup.mkdir()
        (self.cgroup / "memory.limit_in_bytes").write_text(str(120 * 2**20))
        self.behave("text = bytearray(400 * 2**20)")

    def free_memory(self) -> None:
        """Take the limit away."""
        assert self.cgroup is not None
        self.cgroup.rmdir()
        self.cgroup = None
        self.behave("")
