"""Load mode upsert: rows by key, what was there before in dba.trowhistory, and their undo."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import psycopg2
import pytest

from tests.conftest import Installation

CONFIG: dict[str, Any] = {"load_mode": "upsert", "key_columns": ["id"]}


def load(installation: Installation, content: str, name: str = "things.csv") -> dict[str, Any]:
    installation.drop(name, content)
    return dict(installation.summary("generic_import", "things")["rows"][0])


def rows(installation: Installation) -> list[tuple[Any, ...]]:
    return installation.sql("select id::text, a, b from public.things_current order by 1")


def test_rows_are_inserted_and_updated_by_key(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    load(installation, "id,a,b\n1,x,y\n2,x,y\n")
    second = load(installation, "id,a,b\n2,z,y\n3,n,n\n1,x,y\n")
    assert rows(installation) == [("1", "x", "y"), ("2", "z", "y"), ("3", "n", "n")]
    assert (second["read"], second["loaded"], second["skipped"]) == (3, 2, 1)
    # an inserted row has nothing before it to keep
    assert installation.sql("select key ->> 'id', old_row ->> 'a' from dba.trowhistory") == [("2", "x")]


@pytest.mark.fast
def test_undo_restores_newest_first(installation: Installation) -> None:
    installation.configure("things", **CONFIG, schema={"id": "integer"})
    first = load(installation, "id,a,b\n1,x,y\n2,x,y\n")
    second = load(installation, "id,a,b\n2,z,\n3,n,n\n")
    refused = installation.run("generic_import", "--undo", first["dataset"])
    assert refused.returncode == 2
    assert f"Undo first: {second['dataset']}" in refused.stderr
    assert installation.run("generic_import", "--undo", second["dataset"]).returncode == 0
    assert rows(installation) == [("1", "x", "y"), ("2", "x", "y")]


def test_cascade_takes_the_later_ones_too(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    first = load(installation, "id,a,b\n1,x,y\n")
    load(installation, "id,a,b\n1,z,y\n")
    done = installation.run("generic_import", "--undo", first["dataset"], "--cascade")
    assert done.returncode == 0, done.stderr
    assert rows(installation) == []


def test_what_was_undone_comes_back_only_when_asked(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    wrong = "id,a,b\n1,wrong,y\n"
    load(installation, "id,a,b\n1,x,y\n")
    undone = load(installation, wrong)["dataset"]
    assert installation.run("generic_import", "--undo", undone).returncode == 0
    again = load(installation, wrong)
    assert (again["state"], again["dataset"], rows(installation)) == ("duplicate", undone, [("1", "x", "y")])
    installation.drop("things.csv", wrong)
    assert installation.summary("generic_import", "things", "--reload")["rows"][0]["state"] == "loaded"
    assert rows(installation) == [("1", "wrong", "y")]


def test_rows_at_equal_places_of_two_partitions_are_not_mistaken_for_each_other(installation: Installation) -> None:
    installation.sql(
        """create table public.things (dataset_id integer not null, source_row integer not null, id integer, a text,
               b text) partition by list (id);
           create table public.one partition of public.things for values in (1);
           create table public.other partition of public.things default"""
    )
    installation.configure("things", **CONFIG, schema={"id": "integer"})
    load(installation, "id,a,b\n1,x,y\n2,x,y\n")
    assert installation.sql("select count(*), count(distinct ctid) from things") == [(2, 1)]
    second = load(installation, "id,a,b\n1,x,y\n2,z,y\n")
    assert (second["loaded"], second["skipped"]) == (1, 1)
    assert installation.sql("select id, a from things order by 1") == [(1, "x"), (2, "z")]
    assert installation.sql("select key ->> 'id', old_row ->> 'a' from dba.trowhistory") == [("2", "x")]


def test_a_row_that_another_session_writes_meanwhile_is_loaded_by_the_next_run(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    load(installation, "id,a,b\n1,x,y\n2,x,y\n")
    installation.drop("things_2.csv", "id,a,b\n1,new,y\n2,new,y\n")
    is_waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%update %'"
    with contextlib.closing(psycopg2.connect(installation.url)) as other, other.cursor() as cursor:
        cursor.execute("update public.things set b = 'by hand' where id = '1'")
        process = installation.start("generic_import", "things")
        while process.poll() is None and installation.sql(is_waiting) == [(0,)]:
            time.sleep(0.05)
        other.commit()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "another session changed rows" in errors
    assert rows(installation) == [("1", "x", "by hand"), ("2", "x", "y")]
    assert load(installation, "id,a,b\n1,new,y\n2,new,y\n", "things_2.csv")["loaded"] == 2
    assert rows(installation) == [("1", "new", "y"), ("2", "new", "y")]
    assert installation.sql("select key ->> 'id', old_row ->> 'b' from dba.trowhistory order by 1") == [
        ("1", "by hand"), ("2", "y"),
    ]  # fmt: skip


def test_empty_keeps_the_old_value_where_asked(installation: Installation) -> None:
    installation.configure("things", **CONFIG, empty_keeps=True)
    load(installation, "id,a,b\n1,x,y\n")
    load(installation, "id,a,b\n1,,z\n")
    assert rows(installation) == [("1", "x", "z")]


def test_a_source_may_return_to_an_earlier_state(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    states = ["id,a,b\n1,x,y\n", "id,a,b\n1,z,y\n", "id,a,b\n1,x,y\n", "id,a,b\n1,x,y\n"]
    assert [load(installation, content)["state"] for content in states] == ["loaded", "loaded", "loaded", "unchanged"]
    assert rows(installation) == [("1", "x", "y")]


def test_rows_without_a_key_are_rejected_and_the_last_twin_counts(installation: Installation) -> None:
    installation.configure("things", **CONFIG, max_reject_rate=1)
    actual = load(installation, "id,a,b\n,x,y\n1,first,y\n1,last,y\n")
    assert (actual["read"], actual["loaded"], actual["rejected"], actual["skipped"]) == (3, 1, 1, 1)
    assert rows(installation) == [("1", "last", "y")]
    assert installation.sql("select source_row, reason, raw_row from dba.trejectedrow") == [
        (2, "has no key: id must not be empty", ",x,y")
    ]


def test_dry_run_counts_right_and_changes_nothing(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    load(installation, "id,a,b\n1,x,y\n2,x,y\n")
    installation.drop("things2.csv", "id,a,b,c\n2,z,y,1\n3,n,n,1\n1,x,y,\n")
    shown = installation.summary("generic_import", "things", "--dry-run")
    assert shown["counts"] == {"read": 3, "loaded": 2, "rejected": 0, "skipped": 1, "held": 0}
    assert rows(installation) == [("1", "x", "y"), ("2", "x", "y")]
    assert installation.sql("select count(*) from dba.trowhistory") == [(0,)]


def test_undo_pauses_an_import_whose_source_would_bring_the_rows_back(installation: Installation) -> None:
    installation.configure("things", load_mode="append")
    quiet = load(installation, "id\n1\n")
    undone = installation.summary("generic_import", "--undo", quiet["dataset"])
    assert undone["warnings"] == []  # files dropped by hand do not come back by themselves
    dataset = load(installation, "id\n2\n", "things_2.csv")["dataset"]
    installation.configure("things", sources=[{"type": "local"}, {"type": "api"}])
    undone = installation.summary("generic_import", "--undo", dataset)
    assert "the import things is paused" in undone["warnings"][0]
    assert installation.sql("select is_active from dba.timportconfig where config_name = 'things'") == [(False,)]


def test_rejected_rows_come_in_later_and_can_be_undone_with_the_rest(installation: Installation) -> None:
    installation.configure("things", **CONFIG, schema={"b": {"type": "integer"}}, max_reject_rate=1)
    first = load(installation, "id,a,b\n1,x,1\n2,x,1\n")
    second = load(installation, "id,a,b\n1,y,no\n2,early,no\n2,late,7\n3,n,no\n,n,no\n", "things_2.csv")
    assert (second["loaded"], second["rejected"]) == (1, 4)
    installation.configure("things", schema={"b": {"type": "integer", "null": ["no"]}})
    overtaken = installation.run("generic_import", "--replay-rejects", first["dataset"])
    assert (overtaken.returncode, f"dataset {second['dataset']} was loaded after" in overtaken.stderr) == (2, True)
    replayed = installation.summary("generic_import", "--replay-rejects", second["dataset"])
    assert replayed["counts"] == {
        "read": 4,
        "loaded": 2,
        "rejected": 1,
        "skipped": 1,
        "held": 0,
    }  # 2,late is the later line
    everything = "select id, a, b from public.things_current order by 1"
    assert installation.sql(everything) == [("1", "y", None), ("2", "late", 7), ("3", "n", None)]
    assert installation.run("generic_import", "--undo", second["dataset"]).returncode == 0
    assert installation.sql(everything) == [("1", "x", 1), ("2", "x", 1)]


def work(installation: Installation) -> int:
    """How many rows of target and history statements have looked at so far."""
    [(rows,)] = installation.sql(
        """select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_user_tables
           where relname in ('things', 'trowhistory')"""
    )
    return int(rows)


def test_undoing_an_upsert_right_after_its_load_looks_at_each_row_a_few_times(installation: Installation) -> None:
    number = 1000
    installation.configure("things", **CONFIG)
    installation.sql("alter table dba.trowhistory set (autovacuum_enabled = false)")
    for value in ("x", "z"):
        last = load(installation, "id,a,b\n" + "".join(f"{row},{value},y\n" for row in range(number)))
    before = work(installation)
    assert installation.run("generic_import", "--undo", last["dataset"]).returncode == 0
    assert {row[1] for row in rows(installation)} == {"x"}
    assert work(installation) - before < 20 * number


def test_of_many_rows_of_one_key_the_last_one_counts(installation: Installation) -> None:
    installation.configure("things", **CONFIG)
    actual = load(installation, "id,a,b\n" + "".join(f"{row % 2},{row},y\n" for row in range(1000)))
    assert rows(installation) == [("0", "998", "y"), ("1", "999", "y")]
    assert (actual["read"], actual["loaded"], actual["skipped"]) == (1000, 2, 998)
