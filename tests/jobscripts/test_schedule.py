"""The cron file: shown, compared, installed; pauses."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Installation


def test_apply_shows_the_difference_and_what_is_installed_is_equal_afterwards(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "etl_jobs"
    path.write_text("5 5 * * * someone /somewhere/old\n")
    shown = installation.run("schedule", "show", "--cron-file", path)
    assert f"{path} differs" in shown.stdout
    assert "-5 5 * * * someone /somewhere/old" in shown.stdout
    line = r"^\+30 6 \* \* 1 \S+ \S.*/run_python_etl_script.sh'? run_pipeline.py weekly$"
    assert re.search(line, shown.stdout, re.M)
    assert path.read_text().startswith("5 5")  # show changes nothing
    applied = installation.run("schedule", "apply", "--cron-file", path)
    if os.geteuid() != 0:
        command = shlex.split(applied.stdout.splitlines()[-1])
        assert command[:2] == ["sudo", "install"]
        subprocess.run(["install", "-m", "644", *command[-2:]], check=True)
    assert f"{path} starts what it should" in installation.run("schedule", "show", "--cron-file", path).stdout
    assert path.stat().st_mode & 0o777 == 0o644
    text = path.read_text()
    assert text.endswith("\n")  # or cron passes over its last line
    assert f"\nETL_DATA_DIR={installation.data}\n" in text  # or cron would start another installation's jobs
    assert installation.run("schedule", "show", "--as-file").stdout == text


def test_a_name_that_cron_would_pass_over_is_refused(installation: Installation, tmp_path: Path) -> None:
    done = installation.run("schedule", "apply", "--cron-file", tmp_path / "etl_jobs.cron")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a dot in their name" in done.stderr


@pytest.mark.parametrize("what", ["weekly", ""])
def test_a_paused_pipeline_is_skipped_and_runs_again_when_resumed(installation: Installation, what: str) -> None:
    names = [what] if what else []
    paused = installation.run("schedule", "pause", *names)
    assert paused.returncode == 0, paused.stderr
    [row] = [row for row in installation.summary("schedule", "show")["rows"] if row["pipeline"] == "weekly"]
    assert row["paused"].startswith("since ")
    done = installation.run("run_pipeline", "weekly")
    assert done.returncode == 75
    assert re.fullmatch(rf"run_pipeline: {what or 'everything'} is paused since .* by \w+\. .*resume.*\n", done.stderr)
    assert installation.sql("select job, status from dba.trun where job <> 'schedule'") == [("run_pipeline", "skipped")]
    assert installation.run("run_pipeline", "weekly", "--dry-run").returncode == 0  # looking is allowed
    resumed = installation.run("schedule", "resume", *names)
    assert resumed.stdout.startswith("1 resumed")
    assert not (installation.data / "var" / "pauses.json").exists()


def test_next_lists_the_coming_runs(installation: Installation) -> None:
    actual = installation.summary("schedule", "next", "weekly", "--count", 3, ETL_NOW="2026-01-05T06:00:00", TZ="UTC")
    assert [row["at"][:20] for row in actual["rows"]] == [
        "Mon 2026-01-05 06:30",
        "Mon 2026-01-12 06:30",
        "Mon 2026-01-19 06:30",
    ]
    assert "did you mean weekly?" in installation.run("schedule", "pause", "weekli").stderr


def test_a_fresh_installation_asks_no_other_server_until_it_is_told_so(installation: Installation) -> None:
    installation.settings.pop("MEETMAX_FIRST_EVENTS")
    installation.write_settings()
    rows = {row["pipeline"]: row["next"] for row in installation.summary("schedule", "show")["rows"]}
    scheduled = sorted(name for name, text in rows.items() if text != "not set up")
    assert scheduled == ["nightly", "purge", "rehearsal", "summary"]
    done = installation.run("meetmax_url_check")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "MEETMAX_FIRST_EVENTS is not set" in done.stderr


def test_a_pipeline_whose_settings_are_not_set_is_not_scheduled_until_they_are(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "etl_jobs"
    path.write_text(installation.run("schedule", "show", "--as-file").stdout)
    assert not [line for line in path.read_text().splitlines() if "run_pipeline.py visits" in line]
    shown = installation.summary("schedule", "show", "--cron-file", path)
    assert shown["headline"].endswith("starts what it should")
    assert [row["next"] for row in shown["rows"] if row["pipeline"] in ("gho", "sales", "visits")] == ["not set up"] * 3
    assert (
        "visits is not set up: SOURCE_VISITS_HOST, SOURCE_VISITS_USER, SOURCE_VISITS_KEY_PATH not set"
        in shown["details"]
    )
    assert not [row for row in installation.summary("schedule", "next")["rows"] if row["pipeline"] == "visits"]
    assert re.search(r"^visits .*not set up$", installation.run("status").stdout, re.M)
    doctor = installation.run("doctor", "--cron-file", path).stdout
    assert "visits is not set up, so not scheduled; not set: SOURCE_VISITS_HOST" in doctor
    assert "matches the pipelines" in doctor

    installation.write_settings(
        SOURCE_VISITS_HOST="mail.example.test", SOURCE_VISITS_USER="etl", SOURCE_VISITS_KEY_PATH="/nowhere/key"
    )
    shown = installation.summary("schedule", "show", "--cron-file", path)
    assert any(line.endswith("run_pipeline.py visits") for line in shown["details"] if line.startswith("+"))
    [row] = [row for row in shown["rows"] if row["pipeline"] == "visits"]
    assert row["next"] != "not set up"


def test_run_by_hand_a_pipeline_that_is_not_set_up_says_what_is_missing_and_alerts_nobody(
    installation: Installation,
) -> None:
    installation.write_settings(SOURCE_VISITS_HOST="mail.example.test", SOURCE_VISITS_KEY_PATH="")
    done = installation.run("run_pipeline", "visits")
    assert done.returncode == 78
    assert re.fullmatch(
        r"run_pipeline: visits is not set up here: SOURCE_VISITS_USER, SOURCE_VISITS_KEY_PATH not set\. .*\n",
        done.stderr,
    )
    assert not list((installation.data / "var" / "alerts").glob("*.json"))
    assert installation.run("run_pipeline", "visits", "--dry-run").returncode == 0
    [row] = [row for row in installation.summary("run_pipeline", "--list")["rows"] if row["pipeline"] == "visits"]
    assert row["not set"] == "SOURCE_VISITS_USER, SOURCE_VISITS_KEY_PATH"
