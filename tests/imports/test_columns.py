"""Columns are matched by name; what a target lacks is added, ignored or refused, and readers keep their rights."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg2
import pytest

from tests.conftest import Installation


def load(installation: Installation, name: str, content: str, **columns: object) -> dict[str, Any]:
    installation.configure("things", **({"load_mode": "append"} | columns))
    installation.drop(f"things_{name}.csv", content)
    return installation.summary("generic_import", "things")


def columns_of(installation: Installation, table: str = "things") -> list[str]:
    rows = installation.sql(
        "select column_name from information_schema.columns where table_name = %s order by ordinal_position", (table,)
    )
    return [row[0] for row in rows]


def rows_of(installation: Installation) -> list[dict[str, Any]]:
    rows = installation.sql(
        "select jsonb_strip_nulls(to_jsonb(t) - 'dataset_id' - 'source_row') from public.things t order by 1"
    )
    return [row[0] for row in rows]


def test_subset_superset_and_permutation_by_name(installation: Installation) -> None:
    load(installation, "1", "A,B\na1,b1\n")
    load(installation, "2", "B,A\nb2,a2\n")
    load(installation, "3", "B\nb3\n")
    load(installation, "4", "C,A,B\nc4,a4,b4\n")
    assert columns_of(installation) == ["dataset_id", "source_row", "a", "b", "c"]
    assert columns_of(installation, "things_current") == ["dataset_id", "source_row", "a", "b", "c"]
    assert rows_of(installation) == [
        {"b": "b3"}, {"a": "a1", "b": "b1"}, {"a": "a2", "b": "b2"}, {"a": "a4", "b": "b4", "c": "c4"},
    ]  # fmt: skip


def test_strategy_2_ignores_new_columns_and_says_so(installation: Installation) -> None:
    load(installation, "1", "A\na1\n")
    summary = load(installation, "2", "New,A\nn2,a2\n", importstrategyid=2)
    assert any("columns not loaded: new" in text for text in summary["warnings"])
    assert rows_of(installation) == [{"a": "a1"}, {"a": "a2"}]
    load(installation, "3", "Other\nx\n", importstrategyid=2)  # nothing of it fits, and the row is still a row
    assert installation.sql("select count(*) from public.things") == [(3,)]


def test_strategy_3_refuses_missing_columns(installation: Installation) -> None:
    load(installation, "1", "A,B\na1,b1\n")
    summary = load(installation, "2", "A\na2\n", importstrategyid=3)
    assert summary["exit_code"] == 65
    assert "columns are missing: b" in summary["problems"][0]
    assert load(installation, "3", "B,A\nb3,a3\n", importstrategyid=3)["counts"]["loaded"] == 1


def test_an_empty_file_is_a_state_under_every_strategy(installation: Installation) -> None:
    load(installation, "1", "A\na1\n")
    for number, strategy in enumerate((1, 2, 3), start=2):
        summary = load(
            installation, str(number), "\n" * number, importstrategyid=strategy, guards={"allow_empty": True}
        )
        assert [row["state"] for row in summary["rows"]] == ["loaded"]
    assert installation.sql("select count(*) from public.things") == [(1,)]


def test_headers_are_kept_and_long_names_cut(installation: Installation) -> None:
    long = "A very long header " * 10
    load(installation, "1", f'"Größe (cm)",{long},{long}2,"xmin",dataset_id,1st,\nx,y,z,a,b,c,d\n')
    names = columns_of(installation)[2:]
    assert len(names) == len(set(names)) == 7
    assert all(len(name.encode()) <= 63 for name in names)
    comments = dict(
        installation.sql(
            """select a.attname, col_description(a.attrelid, a.attnum) from pg_attribute a
               where a.attrelid = 'public.things'::regclass and a.attnum > 2"""
        )
    )
    assert next(iter(comments.values())) == "header: Größe (cm)"
    assert f"header: {long}2" in comments.values() or f"header: {long.strip()}2" in comments.values()
    assert "xmin" not in names
    assert names.count("dataset_id") == 0


def test_every_header_that_clients_wrote_is_kept(installation: Installation) -> None:
    for number, header in enumerate(("Net Amount", "net amount", "NET AMOUNT", "net amount")):
        load(installation, str(number), f"{header},other\n{number},x\n")
        if number == 1:
            installation.sql("comment on column public.things.other is 'in the words of the house'")
    comments = "select col_description('public.things'::regclass, attnum) from pg_attribute "
    comments += "where attname = %s and attrelid = 'public.things'::regclass"
    assert installation.sql(comments, ("net_amount",)) == [
        ("header: Net Amount\nheader: net amount\nheader: NET AMOUNT",)
    ]
    assert installation.sql(comments, ("other",)) == [("in the words of the house\nheader: other",)]


@pytest.mark.parametrize(
    "result",
    [
        "create table public.things (id integer, name text)",
        "create view public.things as select 1 as dataset_id, 2 as source_row",
    ],
)
def test_a_target_that_is_not_ours_is_refused(installation: Installation, result: str) -> None:
    installation.sql(result)
    installation.configure("things", load_mode="append")
    installation.drop("things.csv", "A\n1\n")
    done = installation.run("generic_import", "things")
    assert done.returncode == 78
    assert "public.things is not a table of an import" in done.stderr
    assert installation.list_waiting() == ["things.csv"]
    assert installation.sql("select count(*) from dba.tdataset") == [(0,)]


def test_the_view_of_current_rows_keeps_its_grants_and_the_reader_sees_all(installation: Installation) -> None:
    load(installation, "1", "A\na1\n", target_table="fresh.things")
    installation.sql("create role guest; grant select on fresh.things_current to guest")
    load(installation, "2", "A,B\na2,b2\n", target_table="fresh.things")
    granted = "select has_table_privilege('guest', 'fresh.things_current', 'select')"
    assert installation.sql(granted) == [(True,)]
    with contextlib.closing(psycopg2.connect(installation.reader_url)) as connection, connection.cursor() as cursor:
        cursor.execute("select a, b from fresh.things_current order by 1")
        assert cursor.fetchall() == [("a1", None), ("a2", "b2")]
        connection.commit()
        # a setting of its role, which it may change
        cursor.execute("set default_transaction_read_only = off")
        connection.commit()
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("insert into fresh.things values (1, 1)")
    installation.sql("drop owned by guest; drop role guest")


def test_every_ddl_is_recorded(installation: Installation) -> None:
    load(installation, "1", "A\na1\n", target_table="fresh.things")
    load(installation, "2", "A,B\na2,b2\n", target_table="fresh.things")
    load(installation, "3", "B\nb3\n", target_table="fresh.things")
    rows = installation.sql(
        """select f.name, regexp_replace(s.statement, '^(\\w+ (or replace )?\\w+).*', '\\1')
           from dba.tschemachange s join dba.tfile f using (file_id) order by s.schema_change_id"""
    )
    assert rows == [
        ("things_1.csv", "create schema"),
        ("things_1.csv", "create table"),
        ("things_1.csv", "create index"),
        ("things_1.csv", "create or replace view"),
        ("things_2.csv", "alter table"),
        ("things_2.csv", "create or replace view"),
    ]


def test_an_undeclared_column_of_a_typed_target_is_judged_as_if_it_were_declared(installation: Installation) -> None:
    schema: dict[str, Any] = {"day": "date", "number": "integer", "price": "numeric", "at": "time", "note": "text"}
    load(installation, "1", "Day,Number,Price,At,Note\n2026-01-05,1,1.50,07:30,x\n", schema=schema)
    installation.sql(
        """drop view public.things_current; alter table public.things alter price type numeric(10, 2);
           create view public.things_current as select * from public.things"""
    )
    odd = "today,1,1,,x\n,0x1F,1,,x\n,1_000,1,,x\n,1,1.005,,x\n,1,NaN,,x\n,1,1,24:00,x\n,1,1,10:00+02,x\n"
    summary = load(
        installation, "2", f"Day,Number,Price,At,Note\n{odd} 2026-01-06,2, 2.5 , ,x\n", schema={}, max_reject_rate=1
    )
    assert (summary["counts"]["rejected"], summary["counts"]["loaded"]) == (7, 1), summary
    assert installation.sql("select day::text, number, price::text, at::text from public.things order by 1") == [
        ("2026-01-05", 1, "1.50", "07:30:00"), ("2026-01-06", 2, "2.50", None),
    ]  # fmt: skip
