"""No warning is lost, neither by a kill right after the commit nor by a database that goes away; none comes twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clones import Clone
from tests.conftest import PROJECT, Installation, Server
from tests.tiny_jobs import wait_for

KILLING = Path(__file__).with_name("kill_point.py")
FILE = "id\n1\ntwo\nthree\n" + "".join(f"{number}\n" for number in range(4, 20))
THREE = (
    "Members of the club,\nid,name\n1,x\ntwo,x\nthree,x\n"
    + "".join(f"{number},x\n" for number in range(4, 20))
    + "\nSource: the register,\n"
)
REJECTED = "lists_1.csv: 2 of 19 rows rejected, see dba.trejectedrow"
# stops in the middle of the run: the file is loaded and its warnings said
PAUSED = """
import runpy, sys, time
from pathlib import Path
from systemscripts.ingest import archive_and_settle
finish_file = archive_and_settle.finish_file
def waiting(*arguments):
    Path("reached").touch()
    while not Path("go").exists():
        time.sleep(0.02)
    return finish_file(*arguments)
archive_and_settle.finish_file = waiting
script = sys.argv[1]
sys.argv = sys.argv[1:]
runpy.run_path(script, run_name="__main__")
"""


@pytest.fixture
def lists(installation: Installation) -> Installation:
    installation.configure("lists", schema={"id": {"type": "integer"}}, max_rejects=10)
    installation.drop("lists_1.csv", FILE)
    return installation


def rows(installation: Installation) -> list[tuple[object, ...]]:
    return installation.sql(
        """select w.text, w.file_id is not null and w.dataset_id is not null, r.status, r.warnings, r.is_green
           from dba.twarning w join dba.trun r using (run_uuid) where w.code = 'rows_rejected' order by w.warned_at"""
    )


@pytest.mark.parametrize(
    ("step", "when", "status"),
    [
        (
            "systemscripts.ingest.file_outcome:add_outcome",
            "before",
            "succeeded",
        ),  # nothing was said: the next run says it
        (
            "systemscripts.ingest.file_outcome:add_outcome",
            "after",
            "interrupted",
        ),  # it stands in the log of the killed run
    ],
)
def test_a_kill_after_the_commit_loses_no_warning(lists: Installation, step: str, when: str, status: str) -> None:
    killed = subprocess.run(
        [sys.executable, KILLING, step, when, "1", "generic_import", "lists"], timeout=120, check=False,
        env=lists.process_environment(), cwd=lists.data, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -9
    assert lists.sql("select count(*) from dba.tdataset") == [(1,)]
    for _ in range(2):
        assert lists.run("generic_import", "lists").returncode == 0
        assert rows(lists) == [(REJECTED, True, status, 1, False)]


@pytest.mark.parametrize("nth", ["2", "3"])
def test_a_kill_between_the_warnings_of_one_file_loses_none_and_doubles_none(lists: Installation, nth: str) -> None:
    lists.drop("lists_1.csv", THREE)
    killed = subprocess.run(
        [sys.executable, KILLING, "systemscripts.summary:record_warning", "before", nth, "generic_import", "lists"],
        env=lists.process_environment(), cwd=lists.data, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert killed.returncode == -9
    for _ in range(2):
        assert lists.run("generic_import", "lists").returncode == 0
        assert lists.sql("select code from dba.twarning order by 1") == [
            ("rows_left_out",), ("rows_rejected",), ("titles_left_out",)
        ]  # fmt: skip


def test_warnings_of_a_run_that_lost_its_database_come_with_the_next_once(lists: Installation, server: Server) -> None:
    name = urlsplit(lists.url).path.strip("/")
    running = subprocess.Popen(
        [sys.executable, "-c", PAUSED, PROJECT / "jobscripts" / "generic_import.py", "lists"],
        env=lists.process_environment(), cwd=lists.data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for((lists.data / "reached").exists)
        server.execute(f'alter database "{name}" allow_connections false')
        server.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
        (lists.data / "go").touch()
        assert running.wait(60) == 75
    finally:
        running.kill()
        running.wait()
        server.execute(f'alter database "{name}" allow_connections true')
    for _ in range(2):
        assert lists.run("generic_import", "lists").returncode == 0
        assert rows(lists) == [(REJECTED, True, "failed", 1, False)]


def test_a_job_without_a_database_warns_too_and_the_next_run_brings_it(lists: Installation) -> None:
    path = lists.data / "inches.csv"
    path.write_text('a,b\n1,5" pipe\n2,x\n3,y\n')
    done = lists.run("xls_to_csv", path, "--output", "-")  # where standard output is for the table alone
    assert "warning" not in done.stdout
    assert f"warning: {path}: 1 stray quotes were kept as characters" in done.stderr
    assert lists.sql("select * from dba.twarning") == []
    lists.run("generic_import", "--list")
    assert lists.sql("select code, job, is_green from dba.twarning join dba.trun using (run_uuid)") == [
        ("stray_quotes", "xls_to_csv", False)
    ]


def test_a_step_has_the_rows_and_its_pipeline_the_sum(lists: Installation, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    clone.pipeline(
        "both", "steps: [{job: generic_import, arguments: [lists]}, {job: generic_import, arguments: [--list]}]"
    )
    done = clone.run(lists, "run_pipeline", "both")
    assert done.returncode == 0, done.stderr
    assert f"warning: generic_import: {REJECTED}" in done.stdout
    assert rows(lists)[0][2:] == ("succeeded", 1, False)
    assert len(rows(lists)) == 1
    assert lists.sql("select job, warnings, is_green from dba.trun where root_uuid = run_uuid") == [
        ("run_pipeline", 1, False)
    ]


def test_what_is_guessed_of_a_file_is_a_warning(installation: Installation) -> None:
    installation.configure("lists", load_mode="append", max_rejects=10)
    installation.drop("lists_1.csv", b"name,town\nx\xf0z,Ulm\n")
    installation.drop("lists_2.csv", "name,town\nUte,Bonn\nEva,Ulm\n\nsource: the register\n")
    summary = installation.summary("generic_import", "lists")
    actual = {(row["code"], row["text"].partition(":")[0]) for row in summary["warning_rows"]}
    assert actual == {("encoding_guessed", "lists_1.csv"), ("rows_left_out", "lists_2.csv")}
    stored = installation.sql("select code, config_name from dba.v_warning order by 1")
    assert stored == [("encoding_guessed", "lists"), ("rows_left_out", "lists")]
