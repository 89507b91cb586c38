"""status.py: everything an operator asks first, on one screen."""

from __future__ import annotations

from systemscripts import settings
from tests.conftest import Installation


def test_last_and_next_runs_what_is_bad_and_what_waits(installation: Installation) -> None:
    installation.environment |= {"ETL_NOW": "2026-03-02T07:00:00+00:00", "TZ": "UTC"}
    installation.write_settings(MEETMAX_BASE_URL="http://127.0.0.1:1/", MEETMAX_RETRIES="0", MEETMAX_DELAY_SECONDS="0")
    assert installation.run("run_pipeline", "weekly").returncode != 0
    installation.drop("20260302T063000_MeetMax_7.xls", b"\x00\x01 no workbook", age_seconds=3600)
    installation.run("generic_import", "meetmax_events")
    installation.drop("unknown.pdf", "x", age_seconds=3600)
    done = installation.run("status")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"Client ETL Workflow {settings.read_version()}" in lines[0]
    [weekly] = [line for line in lines if line.startswith("weekly")]
    assert "Mon 2026-03-02 07:00" in weekly
    assert "failed" in weekly
    assert weekly.rstrip().endswith("Mon 2026-03-09 06:30")
    bad = "\n".join(line for line in lines if "since 2026-03-02 07:00" in line)
    assert "run_pipeline weekly since" in bad
    assert any("20260302T063000_MeetMax_7.xls: refused, since" in line for line in lines)
    assert any("unknown.pdf: no import accepts it" in line for line in lines)
    assert any("free of" in line for line in lines)
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 200


def test_without_a_database_it_says_so(installation: Installation) -> None:
    installation.write_settings(DATABASE_URL="postgresql://etl:x@127.0.0.1:1/etl")
    done = installation.run("status")
    assert done.returncode == 0, done.stderr
    assert "does not answer" in done.stdout
    assert "weekly" in done.stdout


def test_all_is_well(installation: Installation) -> None:
    summary = installation.summary("status")
    assert any(line.split() == ["problems", "none"] for line in summary["details"])
    assert all(row["result"] == "never run" for row in summary["rows"])
