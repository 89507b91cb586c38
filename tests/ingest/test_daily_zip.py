"""archive_policy daily_zip: finished days become one verified zip, and a kill at any point loses no file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from datetime import date

import pytest

from demo import visits_reports
from tests.conftest import PROJECT, Installation

KILLING = PROJECT / "tests" / "ingest" / "kill_point.py"
FIRST, SECOND = "2026-12-30T23:00:00", "2026-12-31T23:00:00"
ZIP = "archive/2026/12/visits-2026-12-30.zip"


@pytest.fixture
def visits(installation: Installation) -> Installation:
    """An installation whose archive holds four reports of a finished day and one of today."""
    installation.write_settings(FILE_STILL_SECONDS="0", TIME_ZONE="Europe/London")
    for number in range(1, 5):
        report = visits_reports.make_report(number, date(2026, 12, 30), 5)
        installation.drop(report.name, report.content)
    assert installation.run("generic_import", "visits", "--phase", "load", ETL_NOW=FIRST).returncode == 0
    today = visits_reports.make_report(5, date(2026, 12, 31), 5)
    installation.drop(today.name, today.content)
    assert installation.run("generic_import", "visits", "--phase", "load", ETL_NOW=SECOND).returncode == 0
    return installation


def assert_whole(visits: Installation) -> None:
    """Every loaded file is where the ledger says, with the bytes that were loaded, and nowhere else."""
    kept = dict(visits.sql("select keep_path, file_sha256 from dba.tfile"))
    assert sorted(kept) == ["archive/2026/12/report_5.txt", *(f"{ZIP}/report_{n}.txt" for n in range(1, 5))]
    actual = {}
    for path in (visits.data / "archive").rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                below = path.relative_to(visits.data)
                actual |= {
                    f"{below}/{name}": hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()
                }
        elif path.is_file():
            actual[str(path.relative_to(visits.data))] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert actual == kept


def test_a_finished_day_becomes_a_zip_and_today_stays(visits: Installation) -> None:
    done = visits.run("zip_archive", ETL_NOW=SECOND)
    assert done.returncode == 0 and "4 archived files zipped" in done.stdout, done.stderr
    assert sorted(visits.read_archive()) == ["report_5.txt", "visits-2026-12-30.zip"]
    assert_whole(visits)
    again = visits.run("zip_archive", ETL_NOW=SECOND)
    assert again.returncode == 0 and "nothing to do" in again.stdout
    assert_whole(visits)


def test_a_file_that_was_changed_in_the_archive_is_not_zipped_as_the_right_one(visits: Installation) -> None:
    changed = visits.data / "archive" / "2026" / "12" / "report_2.txt"
    changed.write_bytes(changed.read_bytes().replace(b"Chrome", b"Chrume"))
    done = visits.run("zip_archive", ETL_NOW=SECOND)
    assert done.returncode == 65 and "report_2.txt" in done.stderr and "hash differs" in done.stderr
    assert sorted(visits.read_archive()) == [f"report_{n}.txt" for n in range(1, 6)]


def test_a_file_of_a_zip_is_loaded_again_after_an_undo_by_the_path_of_the_ledger(visits: Installation) -> None:
    assert visits.run("zip_archive", ETL_NOW=SECOND).returncode == 0
    rows = "select count(*) from visits.statistics_current"
    before = visits.sql(rows)
    ((dataset_id, kept),) = visits.sql("select dataset_id, keep_path from dba.tfile where name = 'report_1.txt'")
    assert kept == f"{ZIP}/report_1.txt"
    assert visits.run("generic_import", "--undo", dataset_id).returncode == 0
    assert visits.sql(rows) == [(before[0][0] - 5,)]
    again = visits.summary("generic_import", "visits", "--file", kept, "--reload", ETL_NOW=SECOND)
    assert again["counts"]["loaded"] == 5 and visits.sql(rows) == before
    # the zip stays as it was; the file lies in today's archive, too
    with zipfile.ZipFile(visits.data / ZIP) as archive:
        assert "report_1.txt" in archive.namelist() and archive.testzip() is None
    for wrong in (f"{ZIP}/report_9.txt", "archive/2026/12/none.zip/report_1.txt"):
        done = visits.run("generic_import", "visits", "--file", wrong)
        assert done.returncode == 2 and f"{wrong} does not exist" in done.stderr


def test_rejects_are_replayed_and_skipped_rows_come_back_from_files_in_a_zip(installation: Installation) -> None:
    installation.write_settings(FILE_STILL_SECONDS="0")
    schema = {"id": {"type": "integer"}, "amount": {"type": "integer", "required": True}}
    installation.configure("orders", load_mode="new_rows", archive_policy="daily_zip", max_rejects=9, schema=schema)
    for name, content in (("orders_1.csv", "id,amount\n1,5\n2,\n3,7\n"), ("orders_2.csv", "id,amount\n3,7\n4,8\n")):
        installation.drop(name, content)
        assert installation.run("generic_import", "orders", ETL_NOW=FIRST).returncode == 0
    assert installation.run("zip_archive", ETL_NOW=SECOND).returncode == 0
    kept = installation.sql("select dataset_id, keep_path from dba.tfile order by name")
    assert all(".zip/orders_" in path for _, path in kept)
    installation.configure("orders", schema={"id": {"type": "integer"}, "amount": {"type": "integer"}})
    replayed = installation.summary("generic_import", "--replay-rejects", kept[0][0])
    assert replayed["counts"]["loaded"] == 1
    rows = "select id from public.orders_current order by id"
    assert installation.sql(rows) == [(1,), (2,), (3,), (4,)]
    # the row that both files had now belongs to the second one: it is read out of the zip once more
    assert installation.run("generic_import", "--undo", kept[0][0]).returncode == 0
    assert installation.sql(rows) == [(3,), (4,)]


@pytest.mark.parametrize(
    "step",
    [
        ("systemscripts.ingest.daily_zip:_verify_zip", "before"),
        ("systemscripts.ingest.daily_zip:_verify_zip", "after"),
        ("systemscripts.ingest.daily_zip:sync_folder", "before"),
        ("systemscripts.ingest.daily_zip:sync_folder", "after"),
        ("systemscripts.ingest.daily_zip:_remove_single", "before"),
        ("systemscripts.ingest.daily_zip:_remove_single", "after"),
    ],
)
def test_killed_anywhere_the_next_run_ends_in_the_same_state(visits: Installation, step: tuple[str, str]) -> None:
    command = [sys.executable, str(KILLING), *step, "1", "zip_archive"]
    killed = subprocess.run(
        command, env=visits.process_environment(ETL_NOW=SECOND), capture_output=True, cwd=visits.data
    )
    assert killed.returncode == -9, killed
    done = visits.run("zip_archive", ETL_NOW=SECOND)
    assert done.returncode == 0, done.stderr
    assert sorted(visits.read_archive()) == ["report_5.txt", "visits-2026-12-30.zip"]
    assert_whole(visits)
