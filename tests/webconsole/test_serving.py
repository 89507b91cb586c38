"""How the console is started and stopped, and what continues without it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import PROJECT, Installation
from tests.webconsole.conftest import ORDERS, Console, lock_rows, run_console, wait_for

UNIT = PROJECT / "config" / "client-etl-console.service"
ROWS = "order_id,ordered_at,amount\n1,2026-01-05,10.50\n"


@pytest.fixture
def machine(installation: Installation) -> Installation:
    """Return an installation that does not wait for files to stop changing."""
    installation.write_settings(FILE_STILL_SECONDS="0")
    return installation


def test_it_listens_on_this_machine_only(console: Console) -> None:
    port = urlsplit(console.url).port
    assert port is not None
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=5):
        pass


def test_a_taken_port_is_said_in_one_line(machine: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        done = machine.run("web_console", "--port", number)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{number}" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_second_console_of_one_installation_is_refused(console: Console) -> None:
    assert console.installation.run("web_console", "--port", "0").returncode == 75


def test_there_is_no_account_until_somebody_makes_one_and_hashes_are_argon2id(machine: Installation) -> None:
    assert machine.run("console_user", "list").returncode == 0
    assert machine.sql("select count(*) from dba.tuser") == [(0,)]
    short = subprocess.run(
        machine.command("console_user", "add", "eve"), input="short\n", text=True, capture_output=True,
        env=machine.process_environment(),
    )  # fmt: skip
    assert short.returncode == 2 and "12 to 1000 letters" in short.stderr
    assert machine.run("console_user", "add", "eve", "--generate").returncode == 0
    assert machine.sql("select password_hash like '$argon2id$%%', role from dba.tuser") == [(True, "user")]
    assert machine.run("console_user", "add", "eve", "--generate").returncode == 2


def test_what_the_console_has_started_goes_on_when_it_is_stopped(machine: Installation) -> None:
    machine.configure("orders", **ORDERS)
    machine.drop("orders_1.csv", ROWS)
    assert machine.run("generic_import", "orders").returncode == 0
    machine.drop("orders_2.csv", ROWS.replace("10.50", "11"))
    with run_console(machine) as console, lock_rows(machine, "public.orders"):
        run = console.post("/jobs", json={"job": "generic_import", "name": "orders"}).json()["run_uuid"]
        wait_for(lambda: console.get(f"/jobs/{run}").json()["run"]["status"] == "running")
        console.process.terminate()
        assert console.process.wait(30) == 0
    wait_for(lambda: machine.sql("select 1 from dba.trun where run_uuid = %s and status = 'succeeded'", (run,)))
    ended = machine.sql("select status, exit_code from dba.trun where job = 'web_console'")
    assert ended == [("succeeded", 0)]


def test_a_killed_run_is_said_on_its_page_without_anybody_starting_another(console: Console) -> None:
    console.load("killed", "killed_1.csv", ROWS, **ORDERS)
    console.installation.drop("killed_2.csv", ROWS.replace("10.50", "11"))
    with lock_rows(console.installation, "public.killed"):
        run = console.post("/jobs", json={"job": "generic_import", "name": "killed"}).json()["run_uuid"]
        wait_for(lambda: console.get(f"/jobs/{run}").json()["run"]["status"] == "running")
        assert 'hx-trigger="every 1s"' in console.get(f"/console/runs/{run}").text
        pid = console.installation.sql("select pid from dba.trun where run_uuid = %s", (run,))[0][0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: console.get(f"/jobs/{run}").json()["run"]["status"] == "interrupted")
    page = console.get(f"/console/runs/{run}").text
    assert 'role="alert"' in page and "Stop this run" not in page and 'hx-trigger="every 1s"' not in page
    live = console.get(f"/console/runs/{run}/live?was=running")
    assert live.headers["HX-Refresh"] == "true"  # the reader sees it without a click
    assert console.post(f"/console/runs/{run}/stop").status_code == 409
    # the same again loads what was not loaded
    run = console.post("/jobs", json={"job": "generic_import", "name": "killed"}).json()["run_uuid"]
    wait_for(lambda: console.get(f"/jobs/{run}").json()["run"]["status"] == "succeeded")
    assert console.installation.sql("select count(*) from public.killed") == [(2 * (len(ROWS.splitlines()) - 1),)]


def test_readers_of_a_console_that_is_started_anew_get_whole_answers_and_stay_signed_in(machine: Installation) -> None:
    with run_console(machine) as console:
        console.token("ben")
        answers: list[requests.Response] = []
        ended = threading.Event()

        def read_pages() -> None:
            while not ended.is_set():
                with contextlib.suppress(requests.ConnectionError):  # while no console listens
                    answers.append(console.get("/console/tables", "ben"))

        with ThreadPoolExecutor() as pool:
            readers = [pool.submit(read_pages) for _ in range(4)]
            try:
                wait_for(lambda: len(answers) > 20)
                console.process.terminate()
                assert console.process.wait(30) == 0
                before = len(answers)
                again = subprocess.Popen(
                    machine.command("web_console", "--port", console.url.rpartition(":")[2]),
                    env=machine.process_environment(), cwd=machine.data, stdout=subprocess.DEVNULL,
                )  # fmt: skip
                try:
                    wait_for(lambda: len(answers) > before + 20 or again.poll() is not None)
                    assert again.poll() is None
                finally:
                    again.terminate()
                    assert again.wait(30) == 0
            finally:
                ended.set()
        for reader in readers:
            reader.result()
        assert {answer.status_code for answer in answers} == {200}
        assert all(answer.text.rstrip().endswith("</html>") for answer in answers)


def test_a_job_with_a_start_time_is_scheduled_and_stopped(console: Console) -> None:
    incoming = console.installation.data / "incoming"
    incoming.mkdir()
    (incoming / "orders.csv").write_text(ROWS)
    begin = datetime.now() + timedelta(hours=2)
    text = (
        "sources:\n  - {type: local, path: incoming, pattern: .*}\ntarget: {table: public.later}\n"
        f'start_time: "{begin:%Y-%m-%d %H:%M}"\nend_time: "{begin + timedelta(hours=1):%Y-%m-%d %H:%M}"\n'
    )
    assert console.post("/upload-config", json={"name": "later", "yaml": text}).status_code == 201
    run = console.post("/jobs", json={"job": "run_elt", "name": "later", "how": "schedule"}).json()["run_uuid"]
    # it waits without a process, and is listed
    assert console.get(f"/jobs/{run}").json()["run"]["status"] == "waiting"
    assert console.installation.sql("select count(*) from dba.trun where job = 'run_elt'") == [(0,)]
    assert "later" in console.get("/console/schedules").text
    assert "without a process" in console.get(f"/console/runs/{run}").text
    # several at once: one cancels it, the others are told that there is no such run any longer
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: console.delete(f"/jobs/{run}").status_code, range(4)))
    assert 202 in answers and set(answers) <= {202, 404}
    assert console.get(f"/jobs/{run}").status_code == 404
    assert console.installation.sql("select count(*) from dba.tdataset where config_name = 'later'") == [(0,)]
    assert (incoming / "orders.csv").exists()


def test_coverage_comes_from_the_file_of_the_last_test_run(console: Console) -> None:
    report = {
        "meta": {"timestamp": "2026-01-05T06:00:00"},
        "totals": {"covered_lines": 900, "num_statements": 1200},
        "files": {"systemscripts/mail.py": {"summary": {"covered_lines": 9, "num_statements": 10}}},
    }
    file = console.installation.data / "var" / "coverage.json"
    file.write_text(json.dumps(report))
    report = console.get("/coverage-report", "ben").json()
    assert (report["covered_lines"], report["num_statements"], report["percent_covered"]) == (900, 1200, 75.0)
    page = console.get("/console/coverage", "ben").text
    assert "75.0 %" in page and 'value="90.0"' in page and "systemscripts/mail.py" in page
    file.write_text("{nonsense")
    assert console.get("/console/coverage", "ben").status_code == 200


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_unit_file_is_sound(tmp_path: Path) -> None:
    unit, project = tmp_path / UNIT.name, tmp_path / "project"
    project.symlink_to(PROJECT)  # whose own path may hold a space
    unit.write_text(UNIT.read_text().replace("PROJECT", str(project)).replace("User=etl_user", "User=root"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert UNIT.name not in done.stderr and "Unknown" not in done.stderr, done.stderr
