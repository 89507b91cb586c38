"""What goes wrong around a file: a clear line, the right exit code, nothing lost, and a rerun that heals."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Installation
from tests.ingest.test_together import content, is_blocked, session, wait_until

NOW = "2026-01-20T06:00:00"
LISTS = {"target_table": "public.lists", "file_pattern": r"lists.*", "load_mode": "append"}


@pytest.fixture
def lists(installation: Installation) -> Installation:
    installation.environment["ETL_NOW"] = NOW
    installation.configure("lists", **LISTS)
    return installation


def states(installation: Installation) -> list[tuple[object, ...]]:
    return installation.sql("select name, status from dba.tfile order by file_id")


@contextlib.contextmanager
def keep_growing(path: Path) -> Iterator[None]:
    """Someone writes into a file all the time; at the end it is whole, and old enough."""
    stop = threading.Event()

    def grow() -> None:
        with path.open("w") as stream:
            stream.write("name\n")
            while not stop.wait(0.2):
                stream.write("x\n")
                stream.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        time.sleep(0.5)
        yield
    finally:
        stop.set()
        writer.join()
    os.utime(path, (time.time() - 60,) * 2)


@pytest.mark.parametrize("begun", [False, True])
def test_a_growing_file_is_left_and_said_then_loaded_whole(lists: Installation, begun: bool) -> None:
    path = lists.data / "file_watcher" / "lists.csv"
    if begun:  # an earlier run had prepared what was there then
        lists.drop("lists.csv", "name\nx\n")
        assert lists.summary("generic_import", "lists", "--until", "prepare")["rows"][0]["state"] == "prepared"
    with keep_growing(path):
        summary = lists.summary("generic_import", "lists")
    assert summary["warnings"] == ["lists.csv is still being written, left for the next run"]
    assert (summary["exit_code"], summary["counts"]["read"]) == (0, 0)
    assert lists.summary("generic_import", "lists")["counts"]["loaded"] == path_rows(lists)
    assert states(lists) == [("lists.csv", "loaded")]


def path_rows(lists: Installation) -> int:
    return lists.read_archive()["lists.csv"].count(b"x")


@pytest.mark.parametrize("name", ["lists.csv.part", "~$lists.xlsx", ".lists.csv", "lists.csv.filepart"])
def test_names_of_unfinished_files_are_left_alone(lists: Installation, name: str) -> None:
    lists.configure("lists", file_pattern=".*")
    lists.drop(name, "name\nx\n")
    summary = lists.summary("generic_import", "lists")
    assert (summary["files"], summary["warnings"], lists.list_waiting()) == (0, [], [name])


def test_what_is_no_file_is_named_and_left(lists: Installation) -> None:
    watcher = lists.data / "file_watcher"
    (watcher / "lists_folder.csv").mkdir()
    (watcher / "lists_link.csv").symlink_to(watcher / "nowhere")
    summary = lists.summary("generic_import", "lists")
    assert summary["warnings"] == [
        "lists_folder.csv is a folder, not a file; it was left there",
        "lists_link.csv is a broken link, not a file; it was left there",
    ]


def load_while(lists: Installation, disturb: Callable[[Path], None]) -> tuple[int, str]:
    """Run the import against a locked target, disturb it there, then let it go on; its exit code and errors."""
    lists.drop("lists_0.csv", "name,amount\nfirst,0\n")
    assert lists.run("generic_import", "lists").returncode == 0
    path = lists.drop("lists_1.csv", content(20_000, "town"))
    with session(lists, "lock table dba.tdataset in share mode"):
        process = lists.start("generic_import", "lists")
        wait_until(lambda: is_blocked(lists))
        disturb(path)
    _, error = process.communicate(timeout=60)
    return process.returncode, error


def append_a_row(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("late,1,x\n")
    os.utime(path, (time.time() - 30,) * 2)


def test_a_file_changed_while_it_is_loaded_is_loaded_by_the_next_run(lists: Installation) -> None:
    code, error = load_while(lists, append_a_row)
    assert code == 75
    assert "lists_1.csv changed while it was" in error
    assert lists.sql("select count(*) from public.lists") == [(1,)]
    assert lists.summary("generic_import", "lists")["counts"]["loaded"] == 20_001
    assert states(lists) == [("lists_0.csv", "loaded"), ("lists_1.csv", "loaded")]


def test_a_file_that_vanishes_while_it_is_loaded_is_not_loaded_and_named(lists: Installation) -> None:
    code, error = load_while(lists, Path.unlink)
    assert code == 75, error
    assert "lists_1.csv" in error
    summary = lists.summary("generic_import", "lists")
    assert summary["warnings"] == ["lists_1.csv disappeared before it was loaded"]
    assert lists.sql("select count(*) from public.lists") == [(1,)]
    assert states(lists) == [("lists_0.csv", "loaded")]
    assert lists.sql("select count(*) from dba.tschemachange where statement ilike 'alter table%%'") == [(1,)]


def test_an_archive_that_cannot_be_written_keeps_file_and_rows(lists: Installation) -> None:
    blocker = lists.data / "archive" / "2026"
    blocker.parent.mkdir()
    blocker.write_text("a file where the folder of the year should be")
    lists.drop("lists.csv", content(5))
    for _ in range(2):  # neither the first run nor a repeated one takes it for a new file
        done = lists.run("generic_import", "lists")
        assert done.returncode == 1
        assert "cannot be moved to" in done.stderr
        assert "its rows are safe" in done.stderr
        assert lists.list_waiting() == ["lists.csv"]
    assert lists.sql("select count(*) from public.lists") == [(5,)]
    blocker.unlink()
    done = lists.run("generic_import", "lists")
    assert done.returncode == 0, done.stderr
    assert lists.list_waiting() == []
    assert lists.read_archive() == {"lists.csv": content(5).encode()}
    assert states(lists) == [("lists.csv", "loaded")]


def test_a_full_archive_disk_keeps_file_and_rows(lists: Installation) -> None:
    archive = lists.data / "archive"
    archive.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(archive)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        lists.drop("lists.csv", content(20_000))
        done = lists.run("generic_import", "lists")
        assert done.returncode == 1
        assert "No space left" in done.stderr
        assert lists.list_waiting() == ["lists.csv"]
        assert [path.name for path in archive.rglob("*.part")] == []
    finally:
        subprocess.run(["umount", str(archive)], check=True)
    assert lists.run("generic_import", "lists").returncode == 0
    assert lists.read_archive() == {"lists.csv": content(20_000).encode()}
    assert lists.sql("select count(*) from public.lists") == [(20_000,)]


def test_a_file_replaced_after_its_load_is_not_archived_in_its_place(lists: Installation) -> None:
    blocker = lists.data / "archive" / "2026"
    blocker.parent.mkdir()
    blocker.write_text("")
    lists.drop("lists.csv", "name\nold\n")
    assert lists.run("generic_import", "lists").returncode == 1  # loaded, but not archived
    blocker.unlink()
    lists.drop("lists.csv", "name\nnew\n")
    assert lists.run("generic_import", "lists").returncode == 0
    assert list(lists.read_archive().values()) == [b"name\nnew\n"]
    assert [row[0] for row in lists.sql("select name from public.lists order by 1")] == ["new", "old"]


def test_a_database_restarted_in_the_middle_of_copy(tmp_path: Path) -> None:
    own = Installation(tmp_path / "own", "", "", environment={"ETL_NOW": NOW})
    (own.data / "file_watcher").mkdir(parents=True)
    own.write_settings(DATABASE_URL="embedded")
    assert own.run("generic_import", "--list").returncode == 0
    own.url = own.run("database", "url").stdout.strip()
    try:
        own.configure("lists", **LISTS)
        own.drop("lists.csv", content(600_000))
        process = own.start("generic_import", "lists")
        wait_until(lambda: own.sql("select count(*) from pg_stat_progress_copy where tuples_processed > 0") != [(0,)])
        server = json.loads((own.data / "var" / "embedded_database.json").read_text())
        postmaster = Path(server["folder"], "data", "postmaster.pid").read_text().splitlines()[0]
        os.kill(int(postmaster), signal.SIGINT)  # its fast shutdown
        _, error = process.communicate(timeout=60)
        assert process.returncode == 75, error
        assert "connection" in error or "terminating" in error
        assert own.run("database", "start").returncode == 0
        done = own.run("generic_import", "lists")
        assert done.returncode == 0, done.stderr
        assert own.sql("select count(*), count(distinct dataset_id) from public.lists") == [(600_000, 1)]
        runs = own.sql("select status, count(*) from dba.trun where job = 'generic_import' group by 1 order by 1")
        assert runs == [("failed", 1), ("succeeded", 2)]
    finally:
        own.run("database", "stop")
        shutil.rmtree(json.loads((own.data / "var" / "embedded_database.json").read_text())["folder"])
