"""A file appears whole or not at all, and nothing is left beside it for good."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from systemscripts.directory_management import atomic_write
from tests.conftest import PROJECT

WRITER = """
import sys
from pathlib import Path
from systemscripts.directory_management import atomic_write
with atomic_write(Path(sys.argv[1])) as stream:
    stream.write(b"long " * 100_000)
    stream.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def writer(path: Path) -> subprocess.Popen[bytes]:
    """A process that has begun to write `path`, and ends when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    return process


def test_what_a_killed_writer_leaves_is_gone_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "[1] notes*.txt"
    path.write_bytes(b"old")
    process = writer(path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (b"old", 2)
    with atomic_write(path) as stream:
        stream.write(b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(path.name, b"new")]


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    process = writer(path)
    with atomic_write(path) as stream:
        stream.write(b"second")
    assert path.read_bytes() == b"second"
    process.communicate()
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"long " * 100_000, [path])


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), atomic_write(tmp_path / "notes.txt") as stream:
        stream.write(b"half")
        raise ValueError("broken")
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_that_is_no_file_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    (tmp_path / ".notes.txt.part").symlink_to(other)
    with atomic_write(tmp_path / "notes.txt") as stream:
        stream.write(b"new")
    assert (other.read_bytes(), (tmp_path / "notes.txt").read_bytes()) == (b"other", b"new")
