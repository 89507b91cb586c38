"""Packed files: what is unpacked for reading is gone afterwards, however the reading ends."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import resource
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import settings
from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks import parser_process, unpack, unpack_members

KILLED = """
import os, signal, sys
from pathlib import Path
from systemscripts.tables.workbooks import unpack
unpack.use_unpacked(Path(sys.argv[1]), "gzip_parser", "gzip", lambda inner: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.fixture
def temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files of a data folder that only this test uses."""
    monkeypatch.setenv("ETL_DATA_DIR", str(tmp_path / "data"))
    settings.reset()
    yield tmp_path / "data" / "var" / "unpacked"
    settings.reset()


def make_gzip(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"id,name\n1,x\n"))
    return path


def test_nothing_is_left_after_reading(tmp_path: Path, temp_folder: Path) -> None:
    with open_table(make_gzip(tmp_path)) as table:
        assert [record for block in table.blocks() for record in block.records] == [b"1,x"]
    assert list(temp_folder.glob("unpacked-*")) == []


def test_what_a_killed_run_left_is_removed_by_the_next_and_what_is_in_use_stays(
    tmp_path: Path, temp_folder: Path
) -> None:
    path = make_gzip(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert done.returncode == -signal.SIGKILL
    [left] = temp_folder.glob("unpacked-*")
    assert (left / "orders.csv").read_bytes() == b"id,name\n1,x\n"

    def use(inner: Path) -> None:
        assert not left.exists()
        with open_table(path):
            assert inner.exists()  # another run has it open

    unpack.use_unpacked(path, "gzip_parser", "gzip", use)
    assert list(temp_folder.glob("unpacked-*")) == []


ROWS = b"id,n\n1,2\n3,4\n"


def test_bzip2_is_read_alone_in_parts_and_around_a_tar_and_refused_when_it_breaks_off(tmp_path: Path) -> None:
    packed = bz2.compress(tar(tmp_path / "orders.tar", {"orders.csv": ROWS}).read_bytes())
    path = tmp_path / "orders.bz2"
    for content in (bz2.compress(ROWS), bz2.compress(ROWS[:8]) + bz2.compress(ROWS[8:]), packed):
        path.write_bytes(content)
        with open_table(path) as table:
            assert [record for block in table.blocks() for record in block.records] == [b"1,2", b"3,4"]
    for damaged in (packed[:-20], packed[:60] + b"\0" * 20 + packed[80:]):
        path.write_bytes(damaged)
        with pytest.raises(BadDataError, match=r"orders\.bz2 is truncated or damaged"):
            open_table(path)


def tar(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_only_table_of_a_tar_is_read_and_what_lies_beside_it_is_noted(form: int, tmp_path: Path) -> None:
    files = {
        "data/orders_é.csv": ROWS,
        "data/._orders_é.csv": b"\0\5",
        "data/orders.md5": b"abc",
        "README.txt": b"Hello",
    }
    with open_table(tar(tmp_path / "orders.tar", files, form)) as table:
        assert [record for block in table.blocks() for record in block.records] == [b"1,2", b"3,4"]
        assert "orders_é.csv; also inside, not read: data/orders.md5, README.txt" in table.detected.notes[0]


@pytest.mark.parametrize("packed_again", [False, True])
def test_a_tar_of_two_tables_is_refused_by_their_names(packed_again: bool, tmp_path: Path) -> None:
    path = tar(tmp_path / "orders.tar", {"a.csv": ROWS, "b.csv": ROWS})
    if packed_again:
        path = tmp_path / "orders.tar.gz"
        path.write_bytes(gzip.compress((tmp_path / "orders.tar").read_bytes()))
    with pytest.raises(BadDataError, match=r"is a tar archive of 2 files \(a.csv, b.csv\)"):
        open_table(path)


def test_a_tar_that_breaks_off_or_is_packed_too_often_is_refused(tmp_path: Path) -> None:
    path = tar(tmp_path / "orders.tar", {"a.csv": ROWS * 1000})
    os.truncate(path, 2000)
    with pytest.raises(BadDataError, match="truncated or damaged"):
        open_table(path)
    inner = gzip.compress(gzip.compress(gzip.compress(tar(tmp_path / "b.tar", {"a.csv": ROWS}).read_bytes())))
    path = tmp_path / "b.tar.gz.gz.gz"
    path.write_bytes(inner)
    with pytest.raises(BadDataError, match="packed more than 3 levels deep"):
        open_table(path)


def test_what_a_tar_unpacks_to_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process.LIMITS, "suspicious_bytes", 10_000)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar(tmp_path / "a.tar", {"a.csv": b"1,2\n" * 100_000}).read_bytes()))
    with pytest.raises(BadDataError, match="MAX_UNPACK_RATIO"):
        open_table(path)


def test_an_archive_may_have_more_files_than_a_process_may_open(tmp_path: Path) -> None:
    path, count = tmp_path / "many.tar", 200
    tar(path, {f"orders_{number}.csv": b"%d" % number for number in range(count)})
    targets = {f"orders_{number}.csv": tmp_path / str(number) for number in range(count)}
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + count // 2, limits[1]))
    try:
        unpack_members.unpack_members(path, targets)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert [int(target.read_bytes()) for target in targets.values()] == list(range(count))


@pytest.mark.parametrize("names", [("a/orders.csv", "a/orders.csv"), ("a/orders.csv", "a\\orders.csv")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_files_of_one_name_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number, name in enumerate(names):
            packed.writestr(name, str(number))
    with pytest.raises(BadDataError, match=r"orders\.csv' twice"):
        unpack_members.list_members(path)
