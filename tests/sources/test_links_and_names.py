"""Links lead to no other client's files, the archive has the bytes that were loaded, and no name blocks an import."""

from __future__ import annotations

import contextlib
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from systemscripts import settings
from systemscripts.directory_management import Directories, shorten_name
from systemscripts.ingest import run_imports, select_imports
from systemscripts.sources.arrival.open_folder import open_folder
from systemscripts.summary import Summary
from tests.conftest import Installation

ROWS = "order_id,amount\n1,2\n"
Run = Callable[..., Summary]


@pytest.fixture
def run(here: Installation) -> Iterator[Run]:
    """Run the import orders as generic_import.py does, in this process; all=True: every import."""
    here.write_settings(FILE_STILL_SECONDS="0")
    settings.reset()

    def run_it(every: bool = False, **options: Any) -> Summary:
        with contextlib.closing(psycopg2.connect(here.url)) as connection:
            directories = Directories(here.data).create()
            name = None if every else "orders"
            return select_imports.run_selected(
                connection, name, directories, str(uuid.uuid4()), run_imports.Options(**options)
            )

    yield run_it


def configure(installation: Installation, **more: Any) -> None:
    installation.configure("orders", **{"file_pattern": r"(?s).*\.(csv|zip)", "load_mode": "append"} | more)


def clients(tmp_path: Path) -> tuple[Path, Path]:
    """The inboxes of two clients; the other's holds a file."""
    mine, others = tmp_path / "clients" / "mine" / "inbox", tmp_path / "clients" / "other" / "inbox"
    for folder in (mine, others):
        folder.mkdir(parents=True)
    (others / "orders_1.csv").write_text(ROWS)
    return mine, others


@pytest.mark.parametrize("path", ["inbox/reports", "inbox/reports/inbox"])
def test_a_link_on_the_way_to_a_source_s_folder_is_not_followed(
    here: Installation, run: Run, tmp_path: Path, path: str
) -> None:
    mine, others = clients(tmp_path)
    (mine / "reports").symlink_to(others if path.endswith("reports") else others.parent)
    configure(here, sources=[{"type": "local", "path": str(mine.parent / path)}])
    summary = run()
    assert summary.exit_code == 78 and f"{mine / 'reports'} is a link" in summary.problems[0]
    assert (others / "orders_1.csv").read_text() == ROWS and here.list_waiting() == []
    assert here.sql("select count(*) from dba.tfile") == [(0,)]


def test_a_link_laid_after_the_file_was_fetched_removes_nothing_elsewhere(
    here: Installation, run: Run, tmp_path: Path
) -> None:
    mine, others = clients(tmp_path)
    (mine / "reports").mkdir()
    (others / "orders_1.csv").rename(mine / "reports" / "orders_1.csv")
    configure(here, sources=[{"type": "local", "path": str(mine / "reports")}])
    assert run(until="fetch").problems == []
    (mine / "reports").rename(others / "reports")
    (mine / "reports").symlink_to(others / "reports")
    summary = run(ask_sources=False)
    assert here.sql("select order_id from public.orders") == [("1",)]
    assert [text for text in summary.problems if f"{mine / 'reports'} is a link" in text]
    assert (others / "reports" / "orders_1.csv").exists()


def test_a_source_directory_is_not_reached_by_a_link(here: Installation, run: Run, tmp_path: Path) -> None:
    _, others = clients(tmp_path)
    (here.data / "incoming").symlink_to(others)
    configure(here, source_directory="incoming")
    summary = run()
    assert summary.exit_code == 78 and f"{here.data / 'incoming'} is a link" in summary.problems[0]
    assert (others / "orders_1.csv").exists()


def test_the_data_folder_itself_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "incoming").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "real")
    os.close(open_folder(tmp_path / "data" / "incoming", tmp_path / "data"))


def test_a_link_that_the_operator_drops_is_archived_as_its_bytes(here: Installation, run: Run, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.csv"
    real.write_text(ROWS)
    configure(here)
    link = here.data / "file_watcher" / "orders_1.csv"
    link.symlink_to(real)
    assert run().problems == []
    (kept,) = (here.data / "archive").rglob("*.csv")
    assert not kept.is_symlink() and kept.read_text() == ROWS and not os.path.lexists(link)
    assert real.read_text() == ROWS
    real.write_text(ROWS + "2,3\n")
    assert kept.read_text() == ROWS


def test_a_link_that_is_refused_is_set_aside_as_its_bytes(here: Installation, run: Run, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.csv"
    real.write_text("other,columns\n1,2\n")
    configure(here, exact_header=["order_id", "amount"])
    (here.data / "file_watcher" / "orders_1.csv").symlink_to(real)
    assert run().exit_code == 65
    (kept,) = (here.data / "file_watcher" / "refused").glob("*.csv")
    assert not kept.is_symlink() and kept.read_text() == real.read_text()


LONG = "orders_" + "x" * 240 + ".csv"  # 251 bytes: a name that a file may just have


@pytest.mark.parametrize("content", [ROWS, "other,columns\n1,2\n"], ids=["loaded", "refused"])
@pytest.mark.parametrize("name", [LONG, "ö" * 123 + ".csv", "orders_" + "x" * 248])
def test_a_name_as_long_as_names_can_be_blocks_nothing(here: Installation, run: Run, name: str, content: str) -> None:
    configure(here, file_pattern=r".*", exact_header=["order_id", "amount"])
    here.drop(name, content)
    here.drop("orders_2.csv", "order_id,amount\n2,3\n")
    summary = run(until="prepare") if content == ROWS else Summary()
    assert summary.problems == []
    summary = run()
    assert ("2",) in here.sql("select order_id from public.orders")
    assert here.list_waiting() == []
    step = "archive" if content == ROWS else "file_watcher/refused"
    kept = [path for path in (here.data / step).rglob("*") if path.is_file() and path.read_text() == content]
    assert len(kept) == 1 and kept[0].name.startswith(name[:40])
    assert here.sql("select count(*) from dba.tfile where name = %s and archived_at is not null", (name,)) == [(1,)]
    assert run().problems == []


def test_a_long_name_comes_from_a_folder_of_others_too(here: Installation, run: Run, tmp_path: Path) -> None:
    mine, _ = clients(tmp_path)
    (mine / LONG).write_text(ROWS)
    configure(here, sources=[{"type": "local", "path": str(mine)}])
    summary = run()
    assert summary.problems == [] and summary.counts.loaded == 1 and list(mine.iterdir()) == []


def test_a_name_that_is_not_utf8_blocks_nothing(here: Installation, run: Run) -> None:
    configure(here, file_pattern=r"orders.*\.csv")
    here.configure("parcels", file_pattern=r"parcels.*")
    raw = os.fsencode(here.data / "file_watcher") + b"/orders_k\xf6ln.csv"
    Path(os.fsdecode(raw)).write_text(ROWS)
    other = Path(os.fsdecode(os.fsencode(here.data / "file_watcher") + b"/else_\xff.csv"))
    other.write_text(ROWS)
    os.utime(other, (0, 0))  # nobody is about to rename it
    here.drop("parcels.csv", "a,b\n1,2\n")
    looked = run(every=True, dry_run=True)
    assert "köln" in looked.as_text().encode().decode()
    summary = run(every=True)
    # the imports that come with the suite have no variables here
    assert summary.files == 2 and not [text for text in summary.problems if "SOURCE_" not in text], summary
    assert [
        text for text in map(str, summary.warnings) if "orders_k\\udcf6ln.csv is not UTF-8" in text and "köln" in text
    ]
    assert sorted(here.read_archive()) == ["orders_köln.csv", "parcels.csv"]
    assert [text for text in map(str, summary.warnings) if text.startswith("else_") and "matches no import" in text]


def test_a_file_of_others_that_may_not_be_read_is_a_problem_at_each_run(
    here: Installation, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, _ = clients(tmp_path)
    for name in ("orders_1.csv", "orders_2.csv"):
        (mine / name).write_text(ROWS.replace("1,", f"{name[7]},"))
    configure(here, sources=[{"type": "local", "path": str(mine)}])
    opened = os.open

    def refusing(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if path == "orders_1.csv":  # root may read everything
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)
    for _ in range(2):
        summary = run()
        assert summary.exit_code != 0 and "orders_1.csv cannot be read: Permission denied" in summary.problems[0]
    assert here.sql("select order_id from public.orders") == [("2",)]


def test_a_zip_whose_file_has_an_impossible_name_does_not_keep_the_good_files_behind_it(
    here: Installation, run: Run
) -> None:
    configure(here)
    for number, member in enumerate(("x/..", "..", "x/.", "/absolute/orders.csv", "x" * 300 + ".csv", "a\x01b.csv")):
        path = here.drop(f"orders_{number}.zip", b"")
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr(member, ROWS.replace("1,", f"{number},"))
    here.drop("orders_9.csv", "order_id,amount\n9,9\n")
    summary = run()
    assert summary.exit_code == 65 and here.list_waiting() == []
    states = {row["file"]: row["state"] for row in summary.rows}
    assert [name for name, state in states.items() if state == "refused"] == [f"orders_{n}.zip" for n in range(3)]
    assert here.sql("select order_id from public.orders order by 1") == [("3",), ("4",), ("5",), ("9",)]
    assert "which is not a valid file name" in summary.problems[0]
    assert run().problems == []


@pytest.mark.parametrize("fault", [RecursionError("too deep"), OSError(22, "Invalid argument"), KeyError("part")])
def test_an_unexpected_error_of_one_file_refuses_that_file_alone(
    here: Installation, run: Run, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    _break_reading(monkeypatch, fault)
    configure(here)
    here.drop("orders_1.csv", ROWS)
    here.drop("orders_2.csv", "order_id,amount\n2,3\n")
    assert run(dry_run=True).exit_code == 65
    summary = run()
    assert summary.exit_code == 65 and f"unexpected {type(fault).__name__}" in summary.problems[0]
    assert here.sql("select order_id from public.orders") == [("2",)] and here.list_waiting() == []
    assert len(list((here.data / "file_watcher" / "refused").glob("orders_1_*.csv"))) == 1


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), MemoryError()])
def test_an_error_of_this_host_refuses_nothing(
    here: Installation, run: Run, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    with monkeypatch.context() as broken:
        _break_reading(broken, fault)
        configure(here)
        here.drop("orders_1.csv", ROWS)
        here.drop("orders_2.csv", "order_id,amount\n2,3\n")
        assert run().exit_code == 75
        assert here.list_waiting() == ["orders_1.csv"]
    assert run().problems == []
    assert here.sql("select order_id from public.orders order by 1") == [("1",), ("2",)]


def _break_reading(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """Let the reading of orders_1.csv fail as nobody has foreseen."""
    read = os.preadv

    def broken(descriptor: int, *more: Any) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "orders_1.csv":
            raise fault
        return read(descriptor, *more)

    monkeypatch.setattr(os, "preadv", broken)


def test_a_shortened_name_keeps_its_ending_and_differs_from_others() -> None:
    first, second = shorten_name(LONG), shorten_name(LONG.replace("x.csv", "y.csv"))
    assert first != second and first.endswith(".csv") and len(first.encode()) == 200
    assert shorten_name("short.csv") == "short.csv" and shorten_name("ö" * 300).encode().decode().startswith("ö" * 90)
