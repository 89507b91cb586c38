"""No file grows beyond the limits: what is packed is refused while it is unpacked, what is sparse stays so."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import os
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from systemscripts import configuration, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError, TryLaterError
from systemscripts.ingest import run_imports
from systemscripts.summary import Summary
from systemscripts.tables import temporary_files
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks import parser_process, unpack
from tests.conftest import Installation

ROWS = b"id,name\n" + b"1,one of many\n" * 750_000  # 10 MB
SMALL_GB = "0.005"


def make_zip(content: bytes, name: str = "orders.csv") -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)
    return output.getvalue()


def packed_workbook(content: bytes) -> bytes:
    """A workbook of which one part is huge."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", "<Types>spreadsheetml</Types>")
        packed.writestr("xl/workbook.xml", "<workbook/>")
        packed.writestr("xl/worksheets/sheet1.xml", content)
    return output.getvalue()


def within_limit(installation: Installation, **limits: str) -> None:
    installation.write_settings(**limits)
    settings.reset()


@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        bz2.compress,
        make_zip,
        packed_workbook,
        lambda content: make_zip(gzip.compress(content), "orders.csv.gz"),
    ],
    ids=["gzip", "bzip2", "zip", "workbook", "gzip in zip"],
)
def test_what_unpacks_to_more_than_the_setting_is_refused_with_its_name(
    here: Installation, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "orders"
    path.write_bytes(pack(ROWS))
    within_limit(here, MAX_UNPACKED_GB=SMALL_GB)
    with pytest.raises(BadDataError, match=f"would unpack to .*MAX_UNPACKED_GB allows {SMALL_GB}"):
        open_table(path).close()
    assert list((here.data / "var" / "unpacked").glob("*")) == []


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lambda content: make_zip(gzip.compress(content, 0), "orders.csv.gz")],
    ids=["gzip", "bzip2", "hardly packed within a zip"],
)
def test_what_unpacks_to_too_many_times_the_size_of_the_file_that_came_is_refused(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(parser_process, "LIMITS", parser_process.Limits(suspicious_bytes=2**20))
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(pack(ROWS))
    with pytest.raises(BadDataError, match="MAX_UNPACK_RATIO allows 250 times its size"):
        open_table(path).close()
    within_limit(here, MAX_UNPACK_RATIO="50000")
    with open_table(path) as table:
        assert table.columns == ["id", "name"]


def test_it_is_unpacked_on_the_disk_of_the_data_folder_and_never_in_a_small_tmp(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"id,name\n1,x\n"))
    places = []
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    unpack.use_unpacked(path, "gzip_parser", "gzip", lambda inner: places.append(inner.parents[1]))
    # who may not write to the data folder
    (here.data / "file").write_text("")
    monkeypatch.setenv("ETL_DATA_DIR", str(here.data / "file"))
    settings.reset()
    unpack.use_unpacked(path, "gzip_parser", "gzip", lambda inner: places.append(inner.parents[1]))
    assert places == [here.data / "var" / "unpacked", Path("/var/tmp")]


def test_a_disk_that_is_nearly_full_is_for_later(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(ROWS))
    monkeypatch.setattr(temporary_files, "CHECK_EVERY_BYTES", 2**20)
    monkeypatch.setenv("KEEP_FREE_GB", str(2**40))
    settings.reset()
    with pytest.raises(TryLaterError, match="too little to unpack the file"):
        open_table(path).close()


def run(installation: Installation) -> Summary:
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        config, directories = configuration.load_import(connection, "orders"), Directories(installation.data).create()
        return run_imports.run_imports(connection, [config], directories, str(uuid.uuid4()), run_imports.Options())


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as stream:
        stream.truncate(size)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_file_that_is_mostly_holes_stays_where_it_is(here: Installation, tmp_path: Path, elsewhere: bool) -> None:
    within_limit(here, FILE_STILL_SECONDS="0")
    inbox = tmp_path / "inbox" if elsewhere else here.data / "file_watcher"
    inbox.mkdir(exist_ok=True)
    holes = sparse(inbox / "orders_1.csv", 40 * 2**20)
    with (inbox / "orders_2.csv").open("wb") as stream:
        # much of it, but not most of it
        stream.write(ROWS)
        stream.seek(2**20, os.SEEK_CUR)
        stream.write(b"\n1,y\n")
    here.configure("orders", load_mode="append", sources=[{"type": "local", "path": str(inbox)}] if elsewhere else [])
    summary = run(here)
    assert "only 0.0 of its 40.0 MB are stored" in summary.problems[0] and summary.exit_code == 65
    assert holes.exists() and here.sql("select name from dba.tfile") == [("orders_2.csv",)]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_file_above_the_limit_stays_where_it_is(here: Installation, tmp_path: Path, elsewhere: bool) -> None:
    within_limit(here, MAX_FILE_GB="1", FILE_STILL_SECONDS="0")
    inbox = tmp_path / "inbox" if elsewhere else here.data / "file_watcher"
    inbox.mkdir(exist_ok=True)
    large = sparse(inbox / "orders_1.csv", 2**40)
    (inbox / "orders_2.csv").write_text("id,name\n1,x\n")
    here.configure("orders", load_mode="append", sources=[{"type": "local", "path": str(inbox)}] if elsewhere else [])
    summary = run(here)
    (problem,) = summary.problems
    assert "orders_1.csv" in problem and "MAX_FILE_GB allows 1" in problem and summary.exit_code == 65
    assert large.exists() and here.sql("select name from dba.tfile") == [("orders_2.csv",)]


def test_what_would_fill_the_disk_stays_at_its_source_for_a_later_run(here: Installation, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "orders_1.csv").write_text("id,name\n1,x\n")
    here.configure("orders", load_mode="append", sources=[{"type": "local", "path": str(inbox)}])
    within_limit(here, KEEP_FREE_GB=str(2**40), FILE_STILL_SECONDS="0")
    summary = run(here)
    (problem,) = summary.problems
    assert "orders_1.csv" in problem and "is not fetched" in problem and summary.exit_code == 75
    assert (inbox / "orders_1.csv").exists() and here.sql("select name from dba.tfile") == []
    within_limit(here, KEEP_FREE_GB="0", FILE_STILL_SECONDS="0")
    assert run(here).exit_code == 0
    assert here.sql("select name, status from dba.tfile") == [("orders_1.csv", "loaded")]
