"""What to type when a path may not be read or written: never a command that takes a user's own file away."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import directory_management

OTHER, NOBODY = 1, 65534  # the user daemon is someone else here


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that all may enter; needs root, who gives things to others."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = Path(tempfile.mkdtemp(prefix="etl_advice_"))
    folder.chmod(0o755)
    monkeypatch.setenv("USER", "nobody")
    yield folder
    shutil.rmtree(folder)


def advice(path: Path) -> str:
    """What the user nobody is told."""
    os.seteuid(NOBODY)
    try:
        return directory_management.advise_access(path)
    finally:
        os.seteuid(0)


def test_a_path_of_another_user_is_shared_and_stays_theirs(folder: Path) -> None:
    file = folder / "my list.csv"
    file.write_text("a")
    os.chown(file, OTHER, OTHER)
    said = advice(file)
    assert "chown" not in said and f"setfacl -R -m u:nobody:rwX '{file}'" in said


def test_what_root_left_behind_is_given_back(folder: Path) -> None:
    (folder / "logs").mkdir()
    assert advice(folder / "logs") == f"Run: sudo chown -hR nobody {folder}/logs"
    # a folder that is missing is made; the folder of everyone above it keeps its owner
    assert advice(Path("/srv_of_tests/reports/today.csv")) == "Run: sudo install -d -o nobody /srv_of_tests/reports"
    assert advice(Path("/etc")) == "Use a path below a folder that nobody may write."
