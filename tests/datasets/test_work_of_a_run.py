"""What a run looks at does not grow with what the ledgers hold: counted in rows, not in seconds."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg2
import pytest

from bench import ledger_fill
from bench.ledger_fill import Fill
from tests.conftest import Installation

LEDGERS = ("tdataset", "tfile", "trun", "tlogentry", "tconfighistory")
FEW, MANY = Fill(500, 1, 1_000, 1, 1_000, 5_000), Fill(4_000, 1, 8_000, 1, 8_000, 40_000)
RUNS = {
    "a run that finds nothing": ("generic_import", "ledger"),
    "a load": ("generic_import", "ledger", "--accept-drop"),
    "its undo": ("generic_import", "--undo"),
}


def rows_looked_at(installation: Installation) -> int:
    """How many rows of the ledgers all statements have read so far; what a session did is counted when it ends."""
    [(rows,)] = installation.sql(
        """select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_user_tables
           where schemaname = 'dba' and relname = any(%s)""",
        (list(LEDGERS),),
    )
    return int(rows)


def fill(installation: Installation, expected: Fill) -> None:
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        connection.autocommit = True

        def sql(statement: str) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

        ledger_fill.empty_ledgers(sql)
        ledger_fill.fill_ledgers(sql, expected)


def work(installation: Installation) -> dict[str, int]:
    """The rows that each kind of run looks at."""
    actual = {}
    for name, command in RUNS.items():
        arguments: list[object] = [*command[1:]]
        if name == "a load":
            installation.drop("ledger_label0_20260601.csv", "id,day,amount,who\n1,2026-06-01,1,x\n")
        if name == "its undo":
            arguments.append(installation.sql("select max(dataset_id) from dba.tdataset")[0][0])
        before = rows_looked_at(installation)
        done = installation.run(command[0], *arguments)
        assert done.returncode == 0, done.stderr
        actual[name] = rows_looked_at(installation) - before
    return actual


@pytest.fixture
def ledger(installation: Installation) -> Installation:
    installation.sql(ledger_fill.CONFIGURATION)
    installation.drop("ledger_label0_20190101.csv", "id,day,amount,who\n1,2019-01-01,1,x\n")
    assert installation.run("generic_import", "ledger").returncode == 0
    for table in LEDGERS:
        installation.sql(f"alter table dba.{table} set (autovacuum_enabled = false)")
    return installation


def test_eight_times_the_ledgers_do_not_make_a_run_look_at_more_of_them(ledger: Installation) -> None:
    fill(ledger, FEW)
    few = work(ledger)
    fill(ledger, MANY)
    many = work(ledger)
    for name in RUNS:
        assert many[name] < 2 * few[name] + 200, f"{name}: {few[name]} rows, with 8 times the ledgers {many[name]}"
