"""Packed files: what is unpacked for reading is gone afterwards, however the reading ends."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from systemscripts.tables import open_table, unpacking

KILLED = """
import os, signal, sys
from pathlib import Path
from systemscripts.tables import unpacking
unpacking.within(Path(sys.argv[1]), "gzip_parser", "gzip", lambda inner: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's place for temporary files, of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def packed(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"id,name\n1,x\n"))
    return path


def test_nothing_is_left_after_reading(tmp_path: Path, place: Path) -> None:
    with open_table(packed(tmp_path)) as table:
        assert [record for block in table.blocks() for record in block.records] == [b"1,x"]
    assert list(place.glob("unpacked-*")) == []


def test_what_a_killed_run_left_is_removed_by_the_next_and_what_is_in_use_stays(tmp_path: Path, place: Path) -> None:
    path = packed(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert done.returncode == -signal.SIGKILL
    [left] = place.glob("unpacked-*")
    assert (left / "orders.csv").read_bytes() == b"id,name\n1,x\n"
    long_ago = time.time() - 2 * unpacking.YOUNG_SECONDS

    def use(inner: Path) -> None:
        os.utime(inner.parent, (long_ago, long_ago))
        with open_table(path):
            assert inner.exists()  # another run has it open

    unpacking.within(path, "gzip_parser", "gzip", use)
    assert left.exists()  # it might only just have been made
    os.utime(left, (long_ago, long_ago))
    with open_table(path):
        pass
    assert list(place.glob("unpacked-*")) == []
