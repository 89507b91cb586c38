"""Parquet files are read with their types."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from systemscripts.errors import BadDataError
from systemscripts.imports.suggest import propose_import, read_file, render_yaml
from systemscripts.tables.open_table import open_table
from tests.ingest.test_identity_rules import Office, states, texts

# one column of each kind: SQL, PostgreSQL's type and value
KINDS = {
    "id": ("7::bigint", "bigint", 7),
    "small": ("3::utinyint", "integer", 3),
    "huge": ("18446744073709551615::ubigint", "numeric", Decimal("18446744073709551615")),
    "money": ("12345678901234567.89::decimal(19,2)", "numeric", Decimal("12345678901234567.89")),
    "ratio": ("0.1::double", "numeric", Decimal("0.1")),
    "day": ("date '2026-01-05'", "date", date(2026, 1, 5)),
    "at": ("timestamp '2026-01-05 10:00:00.5'", "timestamp without time zone", datetime(2026, 1, 5, 10, 0, 0, 500000)),
    "moment": ("timestamptz '2026-01-05 10:00:00+02'", "timestamp with time zone", datetime(2026, 1, 5, 8, tzinfo=UTC)),
    "clock": ("time '07:05:00'", "time without time zone", time(7, 5)),
    "is_paid": ("true", "boolean", True),
    "code": ("'007'", "text", "007"),
    "name": ("'Zoë, \"B\"\nx'", "text", 'Zoë, "B"\nx'),
    "tags": ("['a', 'b']", "text", '["a","b"]'),
    "box": ("{'x': 1}", "text", '{"x":1}'),
    "nothing": ("null::integer", "integer", None),
}  # fmt: skip


def write_parquet(path: Path, query: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"copy ({query}) to '{path}' (format parquet)")
    return path


def all_kinds(rows: int) -> str:
    return f"select {', '.join(f'{value} as {name}' for name, (value, _, _) in KINDS.items())} from range({rows})"


def test_the_types_of_a_file_count_like_declared_ones(office: Office, tmp_path: Path) -> None:
    office.here.configure("things")
    path = write_parquet(tmp_path / "a", all_kinds(3))
    office.here.drop("things_1.parquet", path.read_bytes())
    done = office.run("things")
    reasons = office.here.sql("select reason from dba.trejectedrow")
    assert (states(done), texts(done), reasons) == (["loaded"], "", [])
    types = dict(office.here.sql(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 'public.things'::regclass and attnum > 2"
    ))  # fmt: skip
    assert types == {name: written for name, (_, written, _) in KINDS.items()}
    rows = office.here.sql(f"select {', '.join(KINDS)}, source_row from public.things order by source_row")
    assert rows == [(*(value for _, _, value in KINDS.values()), number) for number in (1, 2, 3)]


def test_declared_types_and_those_of_the_table_come_first(office: Office, tmp_path: Path) -> None:
    office.here.configure("things", schema={"b": "text"}, load_mode="append")
    office.load("things_1.csv", "a,b\n1,2\n")
    path = write_parquet(tmp_path / "a", "select 5::bigint a, 6::bigint b, 7::bigint c")
    office.here.drop("things_2.parquet", path.read_bytes())
    assert states(office.run("things")) == ["loaded"]
    assert office.here.sql("select a, b, c from public.things order by a") == [("1", "2", None), ("5", "6", 7)]


def test_a_parquet_target_takes_the_types_too(office: Office, tmp_path: Path) -> None:
    office.here.configure("things", target={"parquet": "lake"}, target_table="parquet:lake")
    path = write_parquet(tmp_path / "a", "select 5::bigint a, 1.50::decimal(5,2) b, 'x' c, 0.1::double d")
    office.here.drop("things_1.parquet", path.read_bytes())
    assert states(office.run("things")) == ["loaded"]
    [written] = (office.here.data / "lake").rglob("*.parquet")
    with duckdb.connect() as connection:
        assert connection.execute(f"select a, b, c, d from '{written}'").fetchall() == [
            (5, Decimal("1.50"), "x", "0.1")
        ]


def test_suggest_takes_the_types_of_the_file(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "orders_1.parquet", "select 5::bigint order_id, 1::double amount")
    proposal = propose_import.propose_import([read_file.read_file(path, lambda done: None)], "orders")
    assert yaml.safe_load(render_yaml.render_import(proposal))["schema"]["amount"] == "numeric"
    assert next(column.reason for column in proposal.columns if column.column == "amount") == "its type in the file"


@pytest.mark.parametrize("cut", [20, 200])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_parquet(tmp_path / "a.parquet", all_kinds(1000))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(BadDataError, match=r"a\.parquet is damaged or is not a valid Parquet file"):
        open_table(path)


def test_a_large_file_is_read_in_the_memory_of_a_parser(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", "select i, md5(i::text) a, md5((i+1)::text) b from range(300000) t(i)")
    with open_table(path) as table:
        assert sum(len(block.records) for block in table.blocks()) == 300_000
