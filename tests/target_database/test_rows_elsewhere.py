"""A YAML job whose rows are in another database: loaded once there, undone, held, accepted, as at home."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest

from systemscripts import db_utils
from systemscripts.configuration import yaml_job
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError, UsageError
from systemscripts.ingest import replay_rejects
from tests.target_database.conftest import PASSWORD, Warehouse


def numbers(warehouse: Warehouse) -> list[int]:
    return [row[0] for row in warehouse.current()]


def test_rows_are_loaded_once_into_the_named_database(warehouse: Warehouse) -> None:
    """Of new_rows only new rows; undoing a dataset loads those that others skipped because of it."""
    warehouse.put("a.csv", "1,1.50\n2,2.50\nx,1\n")
    warehouse.write_job(output_csv_path="results/all.csv")
    warehouse.load()
    warehouse.load()
    assert warehouse.current() == [(1, Decimal("1.50")), (2, Decimal("2.50"))]
    assert warehouse.datasets() == [(1, "active", 2)]
    home = warehouse.installation.sql
    assert home("select distinct target_table from dba.tdataset") == [("postgresql:warehouse/public.orders",)]
    assert home("select to_regclass('public.orders')") == [(None,)], "a bare name means public, there"
    assert home("select source_row from dba.trejectedrow") == [(4,)]
    assert home("select count(*) > 0 from dba.tschemachange where statement like 'create table%'") == [(True,)]
    warehouse.put("b.csv", "2,2.50\n3,3\n")
    warehouse.load()
    assert numbers(warehouse) == [1, 2, 3]
    combined = (warehouse.installation.data / "results" / "all.csv").read_text().splitlines()
    assert combined == ["order_id,amount", "1,1.50", "2,2.50", "3,3"]
    warehouse.check()
    warehouse.undo(1)
    warehouse.check()
    assert numbers(warehouse) == [2, 3]
    assert warehouse.datasets() == [(1, "undone", 2), (2, "active", 2)]
    assert PASSWORD not in warehouse.installation.read_logs()
    assert home("select count(*) from dba.tconfighistory where content::text like '%planted%'") == [(0,)]


def test_a_load_compares_only_the_datasets_that_it_changes(warehouse: Warehouse) -> None:
    """So a thousand files take a thousand times as long as one; the start of a run compares all."""
    for name, row in (("a.csv", "1,1\n"), ("b.csv", "2,2\n")):
        warehouse.put(name, row)
        warehouse.load()
    warehouse.sql(
        """create function plant() returns trigger language plpgsql as $$ begin
               update client_etl.tdataset set label = 'planted' where dataset_id = 1; return null; end $$;
           create trigger plant after insert on client_etl.tdataset for each row execute function plant()"""
    )
    warehouse.put("c.csv", "3,3\n")
    warehouse.load()
    labels = "select label from client_etl.tdataset order by dataset_id"
    assert warehouse.sql(labels) == [("planted",), (None,), (None,)]
    warehouse.load()
    warehouse.check()
    assert numbers(warehouse) == [1, 2, 3]


def test_a_snapshot_replaces_the_one_before_and_its_undo_brings_it_back(warehouse: Warehouse) -> None:
    names = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd"}
    warehouse.write_job(load_mode="snapshot", **names)
    warehouse.put("orders_20260105.csv", "1,1\n2,2\n")
    warehouse.load()
    warehouse.put("orders_20260112.csv", "2,2\n3,3\n")
    warehouse.load()
    assert numbers(warehouse) == [2, 3]
    warehouse.put("orders_20260112.csv", "3,3\n4,4\n")
    warehouse.load()
    assert numbers(warehouse) == [3, 4]
    warehouse.undo(3)
    warehouse.check()
    assert numbers(warehouse) == [2, 3]
    warehouse.undo(2)
    warehouse.check()
    assert numbers(warehouse) == [1, 2]
    # the same content for a later day: seen again, there too
    warehouse.put("orders_20260119.csv", "1,1\n2,2\n")
    warehouse.load()
    warehouse.check()


def test_an_upsert_changes_rows_and_its_undo_restores_them(warehouse: Warehouse) -> None:
    warehouse.write_job(load_mode="upsert", key_columns="[order_id]")
    warehouse.put("a.csv", "1,1\n2,2\n")
    warehouse.load()
    warehouse.put("b.csv", "2,20\n3,3\n")
    warehouse.load()
    assert warehouse.current() == [(1, 1), (2, 20), (3, 3)]
    assert warehouse.sql("select dataset_id, old_row ->> 'amount' from client_etl.trowhistory") == [(2, "2")]
    with pytest.raises(UsageError, match="later ones have changed its rows"):
        warehouse.undo(1)
    warehouse.undo(2)
    warehouse.check()
    assert warehouse.current() == [(1, 1), (2, 2)]
    warehouse.put("c.csv", "2,21\n")
    warehouse.load()
    warehouse.undo(1, cascade=True)
    assert warehouse.current() == []


def test_a_held_file_has_no_rows_there_until_it_is_accepted(warehouse: Warehouse) -> None:
    warehouse.write_job(load_mode="snapshot", guards="{min_rows: 2}")
    warehouse.put("a.csv", "1,1\n2,2\n")
    warehouse.load()
    warehouse.put("b.csv", "9,9\n")
    assert warehouse.load_here().exit_code == 65
    assert numbers(warehouse) == [1, 2]
    warehouse.check()
    warehouse.accept(2)
    assert numbers(warehouse) == [9]
    warehouse.check()
    assert warehouse.datasets() == [(1, "superseded", 2), (2, "superseded", 0), (3, "active", 1)]


def test_a_dry_run_shows_the_load_and_leaves_nothing_there(warehouse: Warehouse) -> None:
    warehouse.put("a.csv", "1,1\n2,2\n")
    done = warehouse.run("--dry-run")
    assert done.returncode == 0 and "would be loaded" in done.stdout, done.stdout + done.stderr
    assert warehouse.sql("select to_regclass('public.orders'), to_regclass('client_etl.tversion')") == [(None, None)]
    warehouse.load()
    warehouse.put("b.csv", "2,2\n3,3\n")
    done = warehouse.run("--dry-run")
    assert done.returncode == 0 and "1 loaded" in done.stdout, done.stdout
    assert numbers(warehouse) == [1, 2]
    warehouse.check()


def test_rejected_rows_there_are_not_replayed_but_said_so(warehouse: Warehouse) -> None:
    warehouse.put("a.csv", "1,1\nx,2\n")
    warehouse.load()
    with (
        contextlib.closing(db_utils.connect(purpose="test")) as connection,
        pytest.raises(UsageError, match=r"are in another database.*--export-rejects"),
    ):
        replay_rejects.replay_rejects(connection, 1, 0, Directories(warehouse.installation.data))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"after_change": "x.sql"}, "after_change cannot run in the database of the target"),
        ({"label_title": "{query: 'select 1, 2'}"}, "label_title is for lists of the console"),
        ({"load_mode": "upsert"}, "key_columns"),
    ],
)
def test_what_cannot_work_there_is_refused_by_its_name(
    warehouse: Warehouse, change: dict[str, str], words: str
) -> None:
    warehouse.write_job(**change)
    with pytest.raises(ConfigurationError) as caught:
        yaml_job.read_job(warehouse.job)
    assert words in str(caught.value).replace(": ", " ")
