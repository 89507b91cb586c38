"""Runs each .bats file of this folder as one test, so that ./run_tests.sh runs everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.timeout(900)  # a whole file of tests, of which some install
@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.bats")))
def test_shell_scripts(name: str) -> None:
    # Settings of the installation of the caller must not reach the projects of these tests.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ETL_", "BATS_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bats_core", HERE / name],
        env=environment | {"TEST_PYTHON": os.path.realpath(sys.executable), "TEST_UV": f"{sys.prefix}/bin/uv"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
