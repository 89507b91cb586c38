"""Backups: whole, kept for a while, delivered, restored; also when a load was going on."""

from __future__ import annotations

import contextlib
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from systemscripts.backups import Backup, inventory, pg_programs
from systemscripts.errors import ConfigurationError
from tests.clones import Clone
from tests.conftest import Installation
from tests.sales.conftest import Shop
from tests.ssh import servers
from tests.tiny_jobs import wait_for


def load(installation: Installation, name: str, rows: int) -> None:
    installation.drop(name, "a;b\n" + "".join(f"{number};x{number}\n" for number in range(rows)))
    done = installation.run("generic_import", "orders")
    assert done.returncode == 0, done.stderr


def backup(installation: Installation) -> Path:
    done = installation.run("backup_database")
    assert done.returncode == 0, done.stderr
    assert "read back from end to end" in done.stdout
    return Path(done.stdout.split(": ")[0])


def counts(installation: Installation) -> list[tuple[int, int]]:
    """Rows of each dataset, as they are and as the load counted them."""
    return installation.sql(
        """select count(*), d.rows_loaded from dba.tdataset d join public.orders o using (dataset_id)
           group by d.dataset_id order by d.dataset_id"""
    )


def databases(installation: Installation) -> list[str]:
    name = installation.url.rpartition("/")[2]
    return [
        row[0]
        for row in installation.sql("select datname from pg_database where datname like %s order by 1", (f"{name}%",))
    ]


@pytest.fixture
def orders(installation: Installation) -> Installation:
    installation.configure("orders", load_mode="append")
    load(installation, "orders_1.csv", 100)
    return installation


def test_a_backup_made_during_a_load_restores_to_a_consistent_state(orders: Installation) -> None:
    orders.drop("orders_2.csv", "a;b\n" + "".join(f"{number};y{number}\n" for number in range(50_000)))
    # a statement that has written its rows waits here for the test, with nothing committed
    orders.sql(
        """create function public.wait() returns trigger language plpgsql as
           'begin perform pg_advisory_xact_lock(42); return null; end';
           create trigger wait after insert on public.orders for each statement execute function public.wait()"""
    )
    with contextlib.closing(psycopg2.connect(orders.url)) as holder:
        holder.cursor().execute("select pg_advisory_lock(42)")
        process = orders.start("generic_import", "orders", DATABASE_LOCK_SECONDS="200")
        waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
        wait_for(lambda: orders.sql(waiting) or process.poll() is not None, 60)
        path = backup(orders)
        assert process.poll() is None
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert counts(orders) == [(100, 100), (50_000, 50_000)]

    rehearsed = orders.run("restore_database", "--rehearse")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert f"{path} can be restored" in rehearsed.stdout
    assert databases(orders) == [orders.url.rpartition("/")[2]]  # the scratch database is gone
    assert counts(orders) == [(100, 100), (50_000, 50_000)]

    restored = orders.run("restore_database")
    assert restored.returncode == 0, restored.stderr
    assert counts(orders) == [(100, 100)]
    # it has been archived since, which the restored database does not know; and it waits again, as it did then
    assert "1 files were archived after this backup" in restored.stdout
    assert orders.list_waiting() == ["orders_2.csv"]
    assert orders.run("generic_import", "orders", FILE_STILL_SECONDS="0").returncode == 0
    assert counts(orders) == [(100, 100), (50_000, 50_000)]

    [_, before] = databases(orders)
    assert "_before_" in before
    assert f"etl restore --drop {before}" in restored.stdout
    assert orders.run("restore_database", "--drop", before).returncode == 0
    assert len(databases(orders)) == 1
    assert orders.run("restore_database", "--drop", "postgres").returncode == 2


def test_nobody_is_thrown_out_of_the_database(orders: Installation) -> None:
    backup(orders)
    with contextlib.closing(psycopg2.connect(orders.url, application_name="DBeaver")):
        done = orders.run("restore_database")
    assert done.returncode == 75
    assert "is in use by DBeaver (server process" in done.stderr
    assert len(databases(orders)) == 1


@pytest.mark.parametrize("fault", ["cut off", "no backup", "rows missing"])
def test_a_backup_that_cannot_be_trusted_changes_nothing(orders: Installation, fault: str) -> None:
    if fault == "rows missing":
        orders.sql("delete from public.orders where a = '7'")
    path = backup(orders)
    if fault == "cut off":
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    if fault == "no backup":
        path.write_text("nonsense")
    for arguments in (["--rehearse"], [path]):
        done = orders.run("restore_database", *arguments)
        assert done.returncode == (1 if fault == "rows missing" else 65), done.stdout
        if fault == "rows missing":
            assert "has 99 rows in public.orders, its load counted 100" in done.stderr
        else:
            assert f"{path} is damaged or incomplete. Copy it again, or use another backup: " in done.stderr
        assert len(databases(orders)) == 1


def test_a_backup_of_newer_code_changes_nothing_and_one_of_older_code_is_brought_up_to_date(
    orders: Installation,
) -> None:
    orders.sql("drop view visits.visitor")
    orders.sql("delete from dba.tviewfile where name = 'visits.visitor'")
    old = orders.data / "old.dump"
    pg_programs.run_program(pg_programs.find_program("pg_dump", 18), "--format=custom", f"--file={old}", url=orders.url)
    orders.sql("insert into dba.tmigration values (9999, '9999_future.sql', 'x')")
    new = orders.data / "new.dump"
    pg_programs.run_program(pg_programs.find_program("pg_dump", 18), "--format=custom", f"--file={new}", url=orders.url)
    orders.sql("delete from dba.tmigration where number = 9999")
    for mode in (["--rehearse"], [], ["--database-only"]):
        arguments = [new, *mode]
        # anyone could have made a plain dump
        done = orders.run("restore_database", *arguments)
        assert done.returncode == 78
        assert f"{new} is a plain dump of the database, not encrypted: nothing proves who made it" in done.stderr
        assert f"restore {' '.join(map(str, arguments))} --trust-origin;" in done.stderr
        done = orders.run("restore_database", *arguments, "--trust-origin")
        assert done.returncode == 78
        assert "has migration 9999" in done.stderr
        assert len(databases(orders)) == 1
    assert orders.run("generic_import", "--list").returncode == 0  # the present one is still in its place
    done = orders.run("restore_database", old, "--trust-origin")
    assert done.returncode == 0 and f"{old} is a plain dump of the database" in done.stdout + done.stderr
    assert orders.sql("select to_regclass('visits.visitor') is not null") == [(True,)]


def test_runs_that_went_on_after_the_backup_are_not_taken_for_killed(orders: Installation) -> None:
    backup(orders)  # its own run is in it, and running
    assert orders.run("restore_database").returncode == 0
    done = orders.run("generic_import", "--list")
    assert done.returncode == 0
    assert done.stderr == ""
    assert orders.sql("select status from dba.trun where job = 'backup_database'") == [("succeeded",)]
    assert list((orders.data / "var" / "alerts").glob("*.json")) == []


def test_the_newest_of_each_day_week_and_month_stay() -> None:
    day = datetime(2026, 3, 31, 4, 40)
    created = [Backup(day - timedelta(days=number), Path(f"{number}")) for number in range(120)]
    created += [Backup(day - timedelta(hours=2), Path("earlier that day"))]
    stay = sorted(inventory.choose_kept(created, daily=3, weekly=2, monthly=3), reverse=True)
    assert [item.created.date().isoformat() for item in stay] == [
        "2026-03-31", "2026-03-30", "2026-03-29",  # days; the first two weeks' newest are among them
        "2026-02-28", "2026-01-31",
    ]  # fmt: skip
    assert inventory.choose_kept(created[:1], 1, 0, 0) == set(created[:1])


def test_old_ones_go_only_when_a_new_one_is_there(orders: Installation) -> None:
    orders.write_settings(BACKUP_KEEP_DAILY="2", BACKUP_KEEP_WEEKLY="0", BACKUP_KEEP_MONTHLY="0")
    names = []
    for day in (1, 2, 3):
        done = orders.run("backup_database", ETL_NOW=f"2026-01-0{day}T04:40:00")
        names.append(Path(done.stdout.split(": ")[0]).name)
        folder = orders.data / "var" / "backups"
        if day == 1:
            (folder / ".orders.bundle.part").touch()  # of a killed run
    assert sorted(path.name for path in folder.glob("*.bundle")) == names[1:]
    # the first one's pack has what the others need, too
    stems = [name.partition(".")[0] for name in names]
    companions = {f"{stems[0]}-001.files", *(f"{stem}.sha256" for stem in stems[1:])}
    assert {path.name for path in folder.iterdir()} == {*names[1:], *companions}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o660}
    orders.write_settings(DATABASE_URL="postgresql://etl:x@127.0.0.1:1/etl")
    assert orders.run("backup_database").returncode == 75
    assert {*names[1:]} <= {path.name for path in folder.iterdir()}


def test_the_password_is_in_no_command_line_and_no_log(orders: Installation) -> None:
    secret = orders.url.split(":")[2].split("@")[0]
    seen = ""
    # pg_dump takes so little time that a busy machine may not show it to a process that only looks now and then
    for _ in range(10):
        process = orders.start("backup_database")
        while process.poll() is None:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen += path.read_text(errors="replace")
        process.communicate()
        if "pg_dump" in seen:
            break
    assert "pg_dump" in seen
    assert secret not in seen
    assert secret not in orders.read_logs()


def test_a_backup_is_also_delivered_to_an_sftp_target_and_restores_from_there(
    orders: Installation, tmp_path: Path
) -> None:
    clone = Clone(tmp_path / "clone")
    with servers.openssh_place(tmp_path / "ssh") as (server, fingerprint):
        servers.trust(orders, server.host, server.port, fingerprint)
        (clone.folder / "config" / "targets").mkdir(exist_ok=True)
        (clone.folder / "config" / "targets" / "safe_place.yaml").write_text(json.dumps(server.options()))
        done = clone.run(orders, "backup_database.py", "--to", "safe_place", BACKUP_KEEP_DAILY="1")
        assert done.returncode == 0, done.stderr
        assert "delivered to safe_place: 3 files" in done.stdout
        first = {name: (server.folder / name).read_bytes() for name in server.names()}
        local = {path.name: path.read_bytes() for path in (orders.data / "var" / "backups").iterdir()}
        assert first == local
        done = clone.run(
            orders, "backup_database.py", "--to", "safe_place", BACKUP_KEEP_DAILY="1", BACKUP_KEEP_WEEKLY="0",
            BACKUP_KEEP_MONTHLY="0",
        )  # fmt: skip
        # the archive is there already; the older bundle goes, its pack stays
        assert "delivered to safe_place: 2 files" in done.stdout
        assert "2 old ones removed there" in done.stdout
        [pack] = [name for name in first if name.endswith(".files")]
        assert pack in server.names()
        assert len(server.names()) == 3

        shutil.rmtree(orders.data / "var" / "backups")  # the disk is lost
        shutil.rmtree(orders.data / "archive")
        orders.sql("delete from public.orders")
        restored = clone.run(orders, "restore_database.py", "--from", "safe_place")
        assert restored.returncode == 0, restored.stderr
        assert counts(orders) == [(100, 100)]
        assert [path.name for path in (orders.data / "archive").rglob("*.csv")] == ["orders_1.csv"]
        absent = clone.run(orders, "restore_database.py", "--from", "safe_place", "etl_20200101T000000.bundle")
        assert absent.returncode == 2
        assert "there is no backup etl_20200101T000000.bundle at safe_place. There are: " in absent.stderr
        (server.folder / "old.dump").write_text("PGDMP")
        asked = ("old.dump", "--from", "safe_place", "--rehearse")
        unproven = clone.run(orders, "restore_database.py", *asked)
        # what was fetched is gone, and the command does no more than rehearse
        assert f"restore {' '.join(asked)} --trust-origin;" in unproven.stderr
    away = clone.run(orders, "backup_database.py", "--to", "safe_place", SFTP_CONNECT_SECONDS="1")
    assert away.returncode not in (0, 2, 78)
    assert "could not be delivered to safe_place" in away.stderr
    # the local one is there
    assert len(list((orders.data / "var" / "backups").glob("*.bundle"))) == 1
    assert "did you mean safe_place?" in clone.run(orders, "backup_database.py", "--to", "safe_plase").stderr


def test_a_backup_is_also_delivered_to_a_bucket_and_restores_from_there(shop: Shop, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    (clone.folder / "config" / "targets").mkdir(exist_ok=True)
    (clone.folder / "config" / "targets" / "bucket.yaml").write_text("{type: s3, prefix: backups}")
    installation = shop.installation
    done = clone.run(installation, "backup_database.py", "--to", "bucket")
    assert done.returncode == 0, done.stderr
    assert {key.rpartition(".")[2] for key in shop.keys("backups/")} >= {"bundle", "sha256"}
    shutil.rmtree(installation.data / "var" / "backups")
    before = installation.sql("select count(*) from dba.tmigration")
    installation.sql("drop schema sales cascade")
    restored = clone.run(installation, "restore_database.py", "--from", "bucket")
    assert restored.returncode == 0, restored.stderr
    assert installation.sql("select count(*) from dba.tmigration") == before
    assert installation.sql("select to_regclass('sales.sales_team_data_mart') is not null") == [(True,)]


def test_a_server_newer_than_every_pg_dump_is_named_with_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match="sudo apt install postgresql-client-99"):
        pg_programs.find_program("pg_dump", 99)
