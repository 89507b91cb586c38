"""Which dataset is current: one rule, right for every history and quick however long it is."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from systemscripts.configuration import load_import
from systemscripts.datasets import current
from systemscripts.datasets.label_and_date import Identity
from systemscripts.datasets.load_decision import decide_load
from systemscripts.db_utils import migrations
from systemscripts.findings import row_guards
from systemscripts.imports.column_layout import Layout
from systemscripts.imports.target_plan import Plan
from systemscripts.summary import Counts
from tests.conftest import Installation, Server
from webconsole.queries import relations

LABELS = (None, "", "a", "b")
DAYS = [None, *(date(2026, 1, 1) + timedelta(days=number) for number in range(4))]
INSERT = """
    insert into dba.tdataset (config_name, label, dataset_date, stamp, last_seen, status, load_mode, target_table,
        content_sha256, columns, rows_read, rows_loaded, rows_rejected, rows_skipped, run_uuid, purged_at)
    select %(config_name)s, %(label)s, %(dataset_date)s, %(stamp)s, %(last_seen)s, %(status)s, %(load_mode)s,
        'public.' || %(config_name)s, %(content)s, '{}', 1, 1, 0, 0, gen_random_uuid(), %(purged_at)s
    where not (%(status)s = 'active' and %(load_mode)s = 'snapshot' and exists (  -- as the ledger itself demands
        select from dba.tdataset where config_name = %(config_name)s and status = 'active' and load_mode = 'snapshot'
        and coalesce(label, '') = coalesce(%(label)s, '')
        and coalesce(dataset_date, '-infinity') = coalesce(%(dataset_date)s::date, '-infinity')))"""
FIELDS = (
    "dataset_id",
    "config_name",
    "label",
    "dataset_date",
    "last_seen",
    "stamp",
    "status",
    "load_mode",
    "purged_at",
)


def model(rows: list[dict[str, Any]]) -> set[int]:
    """The current datasets by the rule in words: of each label the newest active snapshot, and all that is added."""
    newest: dict[tuple[str, str | None], tuple[Any, int]] = {}
    actual = set()
    for row in rows:
        if row["status"] != "active":
            continue
        if row["load_mode"] != "snapshot":
            actual.add(row["dataset_id"])
        elif row["purged_at"] is None:
            days = [day for day in (row["dataset_date"], row["last_seen"]) if day is not None]
            rank = (max(days, default=date.min), row["stamp"], row["dataset_id"])
            key = (row["config_name"], row["label"])
            newest[key] = max(newest.get(key, (rank, row["dataset_id"])), (rank, row["dataset_id"]))
    return actual | {dataset_id for _, dataset_id in newest.values()}


def random_history(installation: Installation, generator: random.Random, number: int) -> None:
    """Datasets of two snapshot imports and one that adds, in every state, many of one day and stamp; some move on."""
    with psycopg2.connect(installation.url) as connection, connection.cursor() as cursor:
        for _ in range(number):
            day = generator.choice(DAYS)
            name = generator.choice(("one", "two", "added"))
            values = {
                "config_name": name,
                "label": generator.choice(LABELS),
                "dataset_date": day,
                "stamp": generator.choice(("", "2026-01-01T00:00:00", "2026-01-01T12:00:00")),
                "last_seen": generator.choice([day, *DAYS]),
                "status": generator.choice(("active", "active", "active", "held", "superseded", "undone")),
                "load_mode": "append" if name == "added" else generator.choice(("snapshot", "snapshot", "new_rows")),
                "content": str(generator.random()),
                "purged_at": generator.choice((None, None, None, "2026-02-01")),
            }
            cursor.execute(INSERT, values)
            if generator.random() < 0.3:  # undone, seen again on a later day, purged: as the life of a dataset goes on
                change = generator.choice(("status = 'undone'", "last_seen = '2026-01-09'", "purged_at = now()"))
                cursor.execute(
                    f"""update dba.tdataset set {change} where dataset_id = (
                            select dataset_id from dba.tdataset order by random() limit 1)"""
                )


@pytest.fixture
def ledger(installation: Installation) -> Installation:
    for name in ("one", "two", "added"):
        installation.configure(name)
    return installation


def rows_of(installation: Installation) -> list[dict[str, Any]]:
    return [
        dict(zip(FIELDS, row, strict=True)) for row in installation.sql(f"select {', '.join(FIELDS)} from dba.tdataset")
    ]


@pytest.mark.parametrize("seed", range(4))
def test_every_way_to_ask_gives_the_current_datasets_of_a_plain_model(ledger: Installation, seed: int) -> None:
    random_history(ledger, random.Random(seed), 150)
    rows = rows_of(ledger)
    expected = model(rows)
    assert {row[0] for row in ledger.sql("select dataset_id from dba.v_current_dataset")} == expected
    assert {row[0] for row in ledger.sql("select dataset_id from dba.v_dataset where is_current")} == expected
    with psycopg2.connect(ledger.url) as connection, connection.cursor() as cursor:
        for name in ("one", "two", "added"):
            of_table, number, _ = relations.find_current_datasets(cursor, f"public.{name}")
            others = relations.list_other_datasets(cursor, f"public.{name}")
            assert len(others) == number
            mine = {row["dataset_id"] for row in rows if row["config_name"] == name}
            assert (set(of_table), set(others)) == (expected & mine, mine - expected)
            for label in LABELS:
                of_label = {row["dataset_id"] for row in rows if (row["config_name"], row["label"]) == (name, label)}
                assert current.find_current(cursor, name, label) == expected & of_label
                snapshots = {row["dataset_id"] for row in rows if row["load_mode"] == "snapshot"}
                actual = current.find_current_snapshot(cursor, name, label)
                assert ({actual[0]} if actual else set()) == expected & of_label & snapshots


@pytest.fixture
def filled_before(server: Server, tmp_path: Path) -> Iterator[Installation]:
    """A database of the first six migrations, with three imports."""
    name = f"before_{uuid.uuid4().hex[:8]}"
    server.execute(f"create database {name} owner etl")
    installation = Installation(tmp_path, f"{server.etl.rpartition('/')[0]}/{name}", "")
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in sorted(migrations.FOLDER.glob("*.sql"))[:6]:
        (folder / path.name).write_bytes(path.read_bytes())
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        migrations.apply_pending(connection, folder, tmp_path / "no_views")
    for config_name in ("one", "two", "added"):
        installation.configure(config_name)
    yield installation
    server.execute(f"drop database {name} with (force)")


def bring_up_to_date(installation: Installation) -> None:
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        migrations.apply_pending(connection)


def test_a_database_filled_before_the_migration_has_the_same_current_datasets_after_it(
    filled_before: Installation,
) -> None:
    random_history(filled_before, random.Random(7), 150)
    before = filled_before.sql("select dataset_id from dba.v_current_dataset order by 1")
    bring_up_to_date(filled_before)
    assert filled_before.sql("select dataset_id from dba.v_current_dataset order by 1") == before
    assert {row[0] for row in before} == model(rows_of(filled_before))
    assert (
        filled_before.sql(
            """select attname from pg_attribute where attrelid = 'dba.v_current_dataset'::regclass and attnum > 0
           and col_description(attrelid, attnum) is null"""
        )
        == []
    )


def test_the_index_on_dataset_id_of_old_and_new_targets_summarises_itself(filled_before: Installation) -> None:
    random_history(filled_before, random.Random(1), 20)
    for table in ("one", "foreign_table"):
        filled_before.sql(f"create table public.{table} (dataset_id integer)")
        filled_before.sql(f"create index on public.{table} using brin (dataset_id)")
    bring_up_to_date(filled_before)
    new = Plan("public", "new", ["a"], {"a": "text"}, {}, Layout(1, [], {}), create=True, added=["a"])
    with (
        contextlib.closing(psycopg2.connect(filled_before.url)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        for statement in new.statements():
            cursor.execute(statement)
    rows = filled_before.sql("select relname from pg_class where 'autosummarize=on' = any(reloptions) order by relname")
    assert [row[0] for row in rows] == ["new_dataset_id_idx", "one_dataset_id_idx", "statistics_dataset_id_idx"]


def many_days(installation: Installation, begin: int, end: int) -> None:
    """Datasets of one label, one a day, all active: what a daily file leaves in years."""
    installation.sql(
        """insert into dba.tdataset (config_name, label, dataset_date, stamp, last_seen, status, load_mode,
               target_table, content_sha256, columns, rows_read, rows_loaded, rows_rejected, rows_skipped, run_uuid)
           select 'one', 'a', date '2000-01-01' + n, '', date '2000-01-01' + n, 'active', 'snapshot', 'public.one',
               n::text, '{}', 1, 1, 0, 0, gen_random_uuid() from generate_series(%s, %s) n""",
        (begin, end),
    )
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("vacuum analyze dba.tdataset")


def buffers(installation: Installation, statement: str) -> int:
    """The pages that a statement touches: its work, however busy the machine is."""
    [(plan,)] = installation.sql(f"explain (analyze, buffers, format json) {statement}")
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


def test_what_it_costs_to_know_what_is_current_grows_no_faster_than_the_ledger(ledger: Installation) -> None:
    whole = (
        "select * from dba.v_current_dataset",
        "select count(*) from public.one where dataset_id in (select dataset_id from dba.v_current_dataset)",
        "select * from dba.v_dataset order by dataset_id desc limit 100",
    )
    ledger.sql("create table public.one (dataset_id integer)")
    ledger.sql("insert into public.one select generate_series(1, 1000)")
    many_days(ledger, 1, 500)
    before = [buffers(ledger, statement) for statement in whole]
    many_days(ledger, 501, 4000)
    for statement, few in zip(whole, before, strict=True):
        many = buffers(ledger, statement)
        assert many <= 12 * few, f"8 times the datasets touch {many} pages instead of {few}: {statement}"


def test_what_is_asked_of_one_label_is_looked_up_and_not_searched_for(ledger: Installation) -> None:
    many_days(ledger, 1, 4000)
    with psycopg2.connect(ledger.url) as connection:
        asked: list[str] = []

        class Recorded(psycopg2.extensions.cursor):
            def execute(self, statement: Any, values: Any = None) -> None:
                asked.append(self.mogrify(statement, values).decode())
                super().execute(statement, values)

        connection.cursor_factory = Recorded
        config = load_import(connection, "one")
        asked.clear()
        with connection.cursor() as recorded:
            for label in ("a", "another", None):
                about = Identity(label, date(2012, 1, 1), "")
                decide_load(recorded, "one", "snapshot", about, "new content", reload=False)
                row_guards.judge_guards(recorded, config, about, Counts(1, 1), 0, accept_drop=False)
    assert len(asked) >= 9
    for statement in asked:
        touched = buffers(ledger, statement)
        assert touched < 40, f"{touched} pages: {statement}"
