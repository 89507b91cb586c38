"""A folder that others write to: their files are copied in, removed once safe, and nobody there is trusted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, Installation

KILLING = PROJECT / "tests" / "ingest" / "kill_point.py"
ROWS = "order_id,amount\n1,2\n"


@pytest.fixture
def inbox(installation: Installation, tmp_path: Path) -> Path:
    installation.write_settings(FILE_STILL_SECONDS="0")
    folder = tmp_path / "inbox"
    folder.mkdir()
    installation.configure(
        "orders", file_pattern=r"(?s).*", load_mode="append", exact_header=["order_id", "amount"],
        sources=[{"type": "local", "path": str(folder)}],
    )  # fmt: skip
    return folder


def test_files_are_taken_once_and_removed_when_they_are_safe(installation: Installation, inbox: Path) -> None:
    (inbox / "orders_1.csv").write_text(ROWS)
    (inbox / "orders_2.csv").write_text("something,else\n1,2\n")
    (inbox / "orders_3.csv.part").write_text(ROWS)
    (inbox / "orders_1.csv.Md5").write_text("not a file of rows")
    installation.drop("orders_4.csv", "order_id,amount\n4,4\n")  # the door stays open for others
    assert installation.run("generic_import", "orders").returncode == 65
    assert sorted(path.name for path in inbox.iterdir()) == ["orders_1.csv.Md5", "orders_3.csv.part"]
    assert sorted(installation.read_archive()) == ["orders_1.csv", "orders_4.csv"]
    assert installation.sql("select order_id from public.orders order by 1") == [("1",), ("4",)]
    assert [p.name for p in (installation.data / "file_watcher" / "refused").glob("*.csv")] != []
    (inbox / "orders_1.csv").write_text(ROWS)  # the same delivery again
    assert installation.run("generic_import", "orders").returncode == 0
    assert installation.sql("select count(*) from public.orders") == [(2,)]
    assert sorted(path.name for path in inbox.iterdir()) == ["orders_1.csv.Md5", "orders_3.csv.part"]


def test_links_pipes_folders_and_odd_names_are_left_and_said(installation: Installation, inbox: Path) -> None:
    secret = inbox.with_name("secret.csv")
    secret.write_text(ROWS)
    (inbox / "link.csv").symlink_to(secret)
    os.mkfifo(inbox / "pipe.csv")
    (inbox / "folder.csv").mkdir()
    (inbox / "line\nbreak.csv").write_text(ROWS)
    summary = installation.summary("generic_import", "orders")
    assert summary["files"] == 0 and summary["problems"] == []
    for name in ("link.csv", "pipe.csv", "folder.csv", "line\\nbreak.csv"):
        assert len([text for text in summary["warnings"] if name in text]) == 1, name
    assert installation.read_archive() == {} and installation.list_waiting() == []


def test_what_was_laid_there_meanwhile_is_not_removed(installation: Installation, inbox: Path) -> None:
    (inbox / "orders_1.csv").write_text(ROWS)
    assert installation.run("generic_import", "orders", "--until", "fetch").returncode == 0
    (inbox / "orders_1.csv").write_text("order_id,amount\n7,8\n")
    assert installation.run("generic_import", "orders", "--phase", "load").returncode == 0
    assert (inbox / "orders_1.csv").read_text().endswith("7,8\n")
    assert installation.run("generic_import", "orders").returncode == 0
    assert installation.sql("select order_id from public.orders order by 1") == [("1",), ("7",)]
    assert list(inbox.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_line(installation: Installation, inbox: Path) -> None:
    inbox.rmdir()
    done = installation.run("generic_import", "orders")
    assert done.returncode == 78 and f"{inbox} cannot be read: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("step", "when", "nth"),
    [
        ("systemscripts.sources.arrival:try_move_file", "before", 1),
        ("systemscripts.sources.arrival:try_move_file", "after", 1),
        ("systemscripts.ingest.archive_and_settle:finish_file", "before", 1),
        ("systemscripts.file_ledger:mark_archived", "after", 1),
        ("systemscripts.sources.arrival.local_folder:_is_same", "after", 2),
        ("systemscripts.file_ledger:mark_settled", "before", 1),
    ],
)
def test_killed_anywhere_the_next_run_ends_in_the_same_state(
    installation: Installation, inbox: Path, step: str, when: str, nth: int
) -> None:
    (inbox / "orders_1.csv").write_text(ROWS)
    command = [sys.executable, str(KILLING), step, when, str(nth), "generic_import", "orders"]
    killed = subprocess.run(command, env=installation.process_environment(), capture_output=True, cwd=installation.data)
    assert killed.returncode == -9, killed
    assert installation.run("generic_import", "orders").returncode == 0
    assert list(inbox.iterdir()) == []
    assert installation.read_archive() == {"orders_1.csv": ROWS.encode()}
    assert installation.sql("select count(*) from public.orders") == [(1,)]
