"""purge.py: what has expired goes for good, and nothing that is still needed."""

from __future__ import annotations

import fcntl
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.conftest import Installation

ALL = {
    "KEEP_LOGS_DAYS": "30", "KEEP_REJECTS_DAYS": "30", "KEEP_FILES_DAYS": "30", "KEEP_HISTORY_DAYS": "30",
    "KEEP_ROWS_DAYS": "30",
}  # fmt: skip
LATER = {"ETL_NOW": (datetime.now(UTC) + timedelta(days=100)).isoformat()}
SNAPSHOT = {"metadata_label_source": "filename", "metadata_label_location": "1", "dateconfig": "filename",
            "datelocation": "2", "dateformat": "yyyyMMdd"}  # fmt: skip


def load(installation: Installation, name: str, content: str, code: int = 0) -> None:
    installation.drop(name, content)
    done = installation.run("generic_import", name.partition("_")[0])
    assert done.returncode == code, done.stderr


def fill_target(installation: Installation) -> Installation:
    """Four weeks of lists of two labels, an upsert that changed a row, rejected rows, a refused file."""
    installation.configure("lists", **SNAPSHOT)
    for week in range(1, 5):
        load(installation, f"lists_a_2026030{week}.csv", f"name\nweek {week}\nb\n")
    load(installation, "lists_b_20260301.csv", "name\nonly\n")
    installation.configure("people", load_mode="upsert", key_columns=["id"], schema={"age": "integer"})
    load(installation, "people_1.csv", "id,age\n1,20\n2,30\n3,x\n")
    load(installation, "people_2.csv", "id,age\n1,21\n2,30\n3,40\n")
    load(installation, "people_3.csv", "\x00\x01", code=65)
    return installation


def find_archived(installation: Installation) -> list[str]:
    return sorted(installation.read_archive())


def found(installation: Installation, *options: str) -> dict[str, int]:
    summary = installation.summary("purge", *options, **LATER)
    assert summary["exit_code"] == 0
    return {row["what"]: row["number"] for row in summary["rows"]}


def test_what_is_old_goes_and_the_last_good_file_and_the_current_rows_stay(installation: Installation) -> None:
    fill_target(installation)
    installation.write_settings(**ALL)
    before = find_archived(installation)
    would = found(installation, "--dry-run")
    assert find_archived(installation) == before
    assert would["rows no longer current"] == 4  # two of the four lists of a; the one before the current is kept
    assert would["files of archive/ and refused/"] == 5  # three of a, people_1, and the refused one
    assert would["rejected rows"] == 1
    assert would["rows before a change"] == 1
    gone = found(installation)
    assert {what: gone[what] for what in would if "log" not in what} == {
        w: n for w, n in would.items() if "log" not in w
    }
    assert find_archived(installation) == ["lists_a_20260304.csv", "lists_b_20260301.csv", "people_2.csv"]
    assert [path for path in (installation.data / "file_watcher" / "refused").rglob("*") if path.is_file()] == []
    current = installation.sql("select name from public.lists_current order by 1")
    assert [name for (name,) in current] == ["b", "only", "week 4"]
    assert installation.sql("select count(*) from public.lists") == [(5,)]
    assert installation.sql("select id, age from public.people order by id") == [("1", 21), ("2", 30), ("3", 40)]
    assert installation.sql("select count(*) from dba.trejectedrow") == [(0,)]
    assert installation.sql("select count(*) from dba.trowhistory") == [(0,)]
    assert installation.sql("select count(*) from dba.v_waiting") == [(0,)]
    again = found(installation, "--dry-run")
    assert set(again) <= {"files of logs/", "log entries", "runs"}


def test_what_was_purged_cannot_be_undone_and_what_is_kept_can(installation: Installation) -> None:
    fill_target(installation)
    installation.write_settings(**ALL)
    found(installation)
    numbers = dict(installation.sql("select f.name, f.dataset_id from dba.tfile f where dataset_id is not null"))
    done = installation.run("generic_import", "--undo", numbers["people_2.csv"])
    assert done.returncode == 2
    assert "was purged at" in done.stderr
    assert installation.run("generic_import", "--undo", numbers["lists_a_20260304.csv"]).returncode == 0
    current = installation.sql("select name from public.lists_current order by 1")
    assert [name for (name,) in current] == ["b", "only", "week 3"]
    assert installation.run("generic_import", "--undo", numbers["lists_a_20260303.csv"]).returncode == 0
    assert installation.sql("select name from public.lists_current order by 1") == [("only",)]  # never an empty ghost
    load(installation, "lists_a_20260305.csv", "name\nweek 5\n")  # the import goes on
    assert installation.sql("select name from public.lists_current order by 1") == [("only",), ("week 5",)]


def test_a_held_list_does_not_stand_for_the_last_good_one(installation: Installation) -> None:
    installation.configure("lists", guards={"min_rows": 2}, **SNAPSHOT)
    load(installation, "lists_a_20260301.csv", "name\n1\n2\n")
    load(installation, "lists_a_20260302.csv", "name\n1\n2\n3\n")
    installation.drop("lists_a_20260303.csv", "name\n1\n")
    installation.run("generic_import", "lists")
    assert installation.sql("select count(*) from dba.tdataset where status = 'held'") == [(1,)]
    installation.write_settings(**ALL)
    assert found(installation, "--dry-run")["files of archive/ and refused/"] == 1
    found(installation)
    assert find_archived(installation) == ["lists_a_20260302.csv", "lists_a_20260303.csv"]


def test_by_default_only_old_logs_and_rejects_go(installation: Installation) -> None:
    fill_target(installation)
    assert found(installation, "--dry-run") == {}
    assert installation.run("generic_import", "--list").returncode == 0  # a run that brings no file
    later = {"ETL_NOW": (datetime.now(UTC) + timedelta(days=400)).isoformat()}
    summary = installation.summary("purge", **later)
    assert {row["what"] for row in summary["rows"]} == {
        "files of logs/", "log entries", "warnings", "runs", "rejected rows"
    }  # fmt: skip
    assert len(find_archived(installation)) == 7
    runs = installation.sql("select count(*) from dba.trun where job = 'generic_import'")  # not --list
    assert runs == [(8,)]  # each has brought a file, whose origin it tells


def test_a_large_cron_log_is_turned_over(installation: Installation) -> None:
    log: Path = installation.data / "logs" / "etl_cron.log"
    log.parent.mkdir()
    for number in range(7):
        log.write_bytes(str(number).encode() * 10_000_001)
        assert found(installation) == {"etl_cron.log is rotated": 1}
    kept = sorted(path.name for path in log.parent.glob("etl_cron.log*"))
    assert kept == [f"etl_cron.log.{number}" for number in range(1, 6)]
    assert (log.parent / "etl_cron.log.1").read_bytes()[:1] == b"6"


def test_what_killed_runs_have_left_goes_after_a_day_and_nothing_of_a_living_one(installation: Installation) -> None:
    installation.configure("lists")
    installation.drop("lists_1.csv", "name\nx\n")
    assert installation.run("generic_import", "lists", "--until", "prepare").returncode == 0
    temporary, runs = installation.data / "file_watcher" / "file_watcher_temp", installation.data / "var" / "runs"
    assert (temporary / "lists_1.csv.clean.csv").exists()
    dead = [
        temporary / "dry_run_abc" / "page.json", temporary / "dry_run_999999999_abc" / "page.json",
        temporary / "unzipped_999999999" / "list.csv", temporary / "gone.csv.clean.csv", temporary / ".list.csv.part",
        installation.data / "archive" / "2026" / "01" / ".day.zip.part", installation.data / "var" / ".state.json.part",
        runs / "5f0c1f6e-0000-4000-8000-000000000000.json",
    ]  # fmt: skip
    living = [
        temporary / "lists_1.csv.clean.csv", temporary / f"dry_run_{os.getpid()}_abc" / "page.json",
        temporary / f".list.xlsx.{os.getpid()}.part", installation.data / "archive" / ".locked.zip.part",
        runs / "5f0c1f6e-0000-4000-8000-000000000001.json",
    ]  # fmt: skip
    young = [temporary / "dry_run_young" / "page.json", temporary / ".young.part"]
    old = time.time() - 2 * 86400
    for path in [*dead, *living, *young]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if path not in young:
            os.utime(path, (old, old))
            if path.parent.name.startswith(("dry_run_", "unzipped_")):
                os.utime(path.parent, (old, old))
    with living[3].open() as part, living[4].open() as marker:
        for stream in (part, marker):
            fcntl.flock(stream, fcntl.LOCK_EX)
        rows = installation.summary("purge")["rows"]
    assert [(row["what"], row["number"]) for row in rows] == [("leftovers of killed runs", len(dead))]
    assert [path for path in dead if path.exists()] == []
    assert [path for path in [*living, *young] if not path.exists()] == []


def test_the_space_of_deleted_rows_is_freed_and_said(installation: Installation) -> None:
    installation.write_settings(KEEP_LOGS_DAYS="30")
    fill = """insert into dba.tlogentry (run_uuid, sequence, logged_at, process_type, level, message)
        select gen_random_uuid(), n, now() - interval '60 days', 'job', 'INFO', repeat('x', 200)
        from generate_series(1, 25000) n"""
    installation.sql(fill)
    [(before,)] = installation.sql("select pg_relation_size('dba.tlogentry')")
    details = installation.summary("purge")["details"]
    assert installation.sql("select count(*) from dba.tlogentry where message like 'xxx%'") == [(0,)]
    assert details[0].startswith("dba.tlogentry: ")
    assert "returned to the disk" in details[0]
    assert "vacuum full" in details[-1]
    installation.sql(fill)  # new rows find the place of the old ones
    assert installation.sql("select pg_relation_size('dba.tlogentry') < %s * 1.1", (before,)) == [(True,)]
