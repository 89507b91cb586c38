"""A kill between two steps that belong together: the next start does the second one, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from systemscripts import log_utils
from systemscripts.directory_management import Directories
from systemscripts.tables import temporary_files
from systemscripts.tables.open_table import open_table
from tests.conftest import Installation
from tests.ingest import kill_roads, kill_rounds
from tests.ingest.test_together import TARGET_LOCK, session

KILLING = Path(__file__).with_name("kill_point.py")
DAYS: dict[str, Any] = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd"}
NOT_UTF_8 = os.fsdecode(b"things_\xe9.csv")


def kill_at(installation: Installation, step: str, when: str, nth: int, *command: object) -> None:
    done = subprocess.run(
        [sys.executable, str(KILLING), step, when, str(nth), *map(str, command or ("generic_import", "things"))],
        env=installation.process_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, f"{step} was never called: {done.stderr}"


def run_again(installation: Installation, *command: object, exit_code: int = 0) -> None:
    """Run the next start; the server may need a moment to notice that the killed run is gone."""
    script, *arguments = command or ("generic_import", "things")
    for _ in range(20):
        done = installation.run(str(script), *arguments)
        if done.returncode != 75:
            break
        time.sleep(0.3)
    assert done.returncode == exit_code, done.stderr


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def warnings(installation: Installation, code: str) -> int:
    [(number,)] = installation.sql("select count(*) from dba.twarning where code = %s", (code,))
    return int(number)


@contextmanager
def first_reader_killed() -> Iterator[list[int]]:
    """Kill the first child that reads a file as soon as it is there; gives the list that then has its number."""
    killed: list[int] = []

    def watch() -> None:
        until = time.monotonic() + 20
        while not killed and time.monotonic() < until:
            actual = [
                pid
                for pid in kill_rounds.children(os.getpid())
                if "workbooks.parser_child" in kill_rounds.command_of(pid)
            ]
            for pid in actual[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    thread = threading.Thread(target=watch)
    thread.start()
    yield killed
    thread.join()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("things.xlsx", kill_roads.workbook(50)),
        ("things.zip", kill_roads.zip_files("things.csv", kill_roads.rows(50))),
    ],
)
def test_a_reader_that_something_outside_killed_is_asked_once_more(
    here: Installation, name: str, content: bytes
) -> None:
    path = here.data / name
    path.write_bytes(content)
    with first_reader_killed() as killed, open_table(path) as table:
        assert sum(len(block.records) for block in table.blocks()) == 50
        assert [notice for notice in table.warnings if notice.code == "second_reader"] == []
    assert len(killed) == 1


def test_any_next_start_removes_the_folder_in_which_a_killed_run_unpacked(here: Installation) -> None:
    unpacked = here.data / "var" / "unpacked"
    (unpacked / "unpacked-of_a_killed_run").mkdir(parents=True)
    (unpacked / "unpacked-of_a_killed_run" / "large.csv").write_text("a\n1\n")
    with temporary_files.create_folder(temporary_files.UNZIPPED_PREFIX) as in_use:
        assert here.run("close_interrupted_runs").returncode == 0
        assert names(unpacked) == [in_use.name]
    assert names(unpacked) == []


def test_the_marker_of_a_run_that_was_killed_while_it_wrote_it_goes(here: Installation) -> None:
    here.configure("things")
    kill_at(here, "pathlib:Path.rename", "before", 1)
    runs = Directories(here.data).runs
    assert [Path(name).suffix for name in names(runs)] == [".new"]
    log_utils.remove_incomplete_markers(Directories(here.data))
    assert names(runs) == []


def test_a_run_that_was_killed_after_its_last_record_has_its_csv_and_txt(installation: Installation) -> None:
    installation.configure("things")
    installation.drop("things.csv", "a\n1\n")
    kill_at(installation, "systemscripts.log_utils:write_text_and_csv", "before", 1)
    [log] = (installation.data / "logs").glob("*.jsonl")
    assert not log.with_suffix(".csv").exists()
    run_again(installation)
    assert log.with_suffix(".csv").exists()
    assert log.with_suffix(".txt").exists()


def test_of_two_warnings_about_a_file_the_second_is_not_lost(installation: Installation) -> None:
    installation.configure("things", schema={"a": "integer"}, max_reject_rate=1)
    installation.drop("things.csv", "Report of the day\n\na,b\nx,1\n2,2\n3,3\n4,4\n")
    kill_at(installation, "systemscripts.summary:record_warning", "after", 1)
    run_again(installation)
    [(kept,)] = installation.sql("select warnings from dba.tfile")
    assert len(kept) > 1
    said = installation.sql("select text from dba.twarning where file_id is not null order by 1")
    assert [row[0] for row in said] == sorted(item["text"] for item in kept)


def test_the_second_file_of_a_day_is_held_also_when_the_run_was_killed_after_the_first(
    installation: Installation,
) -> None:
    installation.configure("things", **DAYS)
    installation.drop("things_20260105_1.csv", "a\n1\n")
    installation.drop("things_20260105_2.csv", "a\n2\n")
    kill_at(installation, "systemscripts.ingest.archive_and_settle:finish_file", "before", 1)
    run_again(installation, exit_code=65)
    assert installation.sql("select status from dba.tdataset order by dataset_id") == [("active",), ("held",)]


def test_files_that_replaced_each_other_are_named_also_when_the_run_was_killed_between_them(
    installation: Installation,
) -> None:
    installation.configure("things")
    installation.drop("things_1.csv", "a\n1\n")
    installation.drop("things_2.csv", "a\n2\n")
    kill_at(installation, "systemscripts.ingest.archive_and_settle:finish_file", "after", 1)
    run_again(installation)
    assert warnings(installation, "files_replaced") == 1


def test_a_renamed_file_is_named_also_when_the_run_is_killed_while_it_loads_it(installation: Installation) -> None:
    installation.configure("things")
    installation.drop(NOT_UTF_8, "a\n1\n")
    kill_at(installation, "systemscripts.ingest.load:load_file", "before", 1)
    run_again(installation)
    assert warnings(installation, "file_renamed") == 1


def test_a_file_that_was_being_renamed_is_there_once(installation: Installation) -> None:
    installation.configure("things", load_mode="append", file_pattern=r".*\.csv")
    installation.drop(NOT_UTF_8, "a\n1\n")
    kill_at(installation, "os:link", "after", 1)
    run_again(installation)
    assert installation.sql("select name, status from dba.tfile") == [("things_é.csv", "loaded")]


def test_a_file_that_was_landing_leaves_no_second_name(installation: Installation) -> None:
    inbox = installation.data / "inbox"
    inbox.mkdir()
    installation.configure("things", load_mode="append", sources=[{"type": "local", "path": "inbox"}])
    installation.drop("../inbox/things.csv", "a\n1\n")
    kill_at(installation, "os:link", "after", 1)
    run_again(installation)
    assert installation.sql("select status, settled_at is not null from dba.tfile") == [("loaded", True)]
    assert names(Directories(installation.data).temporary) == []


def test_what_duckdb_left_beside_the_parquet_files_does_not_stop_the_next_load(installation: Installation) -> None:
    spilled = installation.data / "lake" / ".dataset_7_4711.tmp"
    spilled.mkdir(parents=True)
    (spilled / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"x")
    installation.configure("things", target_table="parquet:lake", target={"parquet": "lake"})
    installation.drop("things.csv", "a\n1\n")
    run_again(installation)
    assert [Path(name).suffix for name in names(installation.data / "lake")] == [".parquet"]


def test_a_refused_file_that_is_tried_again_leaves_no_reason_behind(installation: Installation) -> None:
    installation.configure("things", schema={"a": {"type": "integer"}}, max_rejects=0, max_reject_rate=0)
    installation.drop("things.csv", "a\nx\n1\n")
    assert installation.run("generic_import", "things").returncode == 65
    installation.configure("things", max_rejects=10, max_reject_rate=1)
    kill_at(
        installation,
        "systemscripts.ingest.archive_and_settle:move_file",
        "after",
        1,
        "generic_import",
        "things",
        "--retry-refused",
    )
    run_again(installation)
    assert names(Directories(installation.data).refused) == []


def test_rejected_rows_that_somebody_else_loaded_meanwhile_are_not_loaded_twice(installation: Installation) -> None:
    things = {"load_mode": "append", "target_table": "public.lists", "max_reject_rate": 1}
    installation.configure("things", **things, schema={"a": "integer"})
    installation.drop("things.csv", "a\nx\n1\n")
    run_again(installation)
    installation.configure("things", **things, schema={"a": {"type": "integer", "null": ["x"]}})
    with session(installation, TARGET_LOCK):
        process = installation.start("generic_import", "--replay-rejects", 1, "--wait")
        kill_rounds.wait_for_marker(installation, process)
        time.sleep(2)
        assert process.poll() is None
        installation.sql(
            """insert into public.lists (dataset_id, source_row, a) values (1, 2, null);
               update dba.trejectedrow set replayed_at = now()"""
        )
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
    assert installation.sql("select count(*) from public.lists") == [(2,)]


def test_an_undo_that_was_killed_after_its_commit_says_at_the_next_start_that_the_import_is_paused(
    installation: Installation,
) -> None:
    installation.configure("things", load_mode="append")
    installation.drop("things.csv", "a\n1\n")
    run_again(installation)
    installation.configure("things", load_mode="append", sources=[{"type": "api"}])
    kill_at(installation, "systemscripts.summary:record_warning", "before", 1, "generic_import", "--undo", 1)
    assert installation.sql("select is_active from dba.timportconfig where config_name = 'things'") == [(False,)]
    run_again(installation, "generic_import", "--undo", 1)
    assert warnings(installation, "import_paused") == 1
