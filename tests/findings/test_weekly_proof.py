"""A year of weekly files with planted faults: nearly all are found by their rules, and good files are left alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from systemscripts import settings


def play(*arguments: str) -> str:
    """Play series in an installation of their own; return the score. Fails where it is too low."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bench.findings", *arguments],
        cwd=settings.PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_few_series_have_their_faults_found_and_their_good_files_left_alone() -> None:
    score = play("--series", "4", "--weeks", "7", "--fresh", "1")
    assert "28 good files, 0 false holds" in score
    assert "fresh seeds: " in score


@pytest.mark.long
def test_fifty_series_of_a_year_have_their_faults_found_and_their_good_files_left_alone() -> None:
    assert "2,600 good files, 0 false holds" in play()
