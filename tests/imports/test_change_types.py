"""A changed schema carried over to a table that is there: an explicit act, by apply_config.py."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg2
import pytest

from tests.conftest import Installation

AS_TEXT = 'id,day,amount\n1,31/12/2025,"1.234,50"\n2,05/01/2026,-\n'
TYPED: dict[str, Any] = {
    "id": "integer",
    "day": {"type": "date", "formats": ["dd/MM/yyyy"]},
    "amount": {"type": "numeric", "decimal": ",", "thousands": ".", "null": ["-"]},
}


def load(installation: Installation, content: str, name: str = "orders_1.csv") -> dict[str, Any]:
    installation.drop(name, content)
    summary = installation.summary("generic_import", "orders")
    assert summary["rows"], summary
    return dict(summary["rows"][0])


def types(installation: Installation, table: str = "orders_current") -> dict[str, str]:
    rows = installation.sql(
        "select column_name, data_type from information_schema.columns where table_name = %s order by ordinal_position",
        (table,),
    )
    return dict(rows[2:])


def test_text_becomes_types_by_the_rules_of_a_load(installation: Installation) -> None:
    installation.configure("orders", load_mode="append")
    load(installation, AS_TEXT)
    installation.configure("orders", schema=TYPED)
    installation.drop("orders_2.csv", AS_TEXT.replace("\n1,", "\n3,"))
    refused = installation.run("generic_import", "orders")
    assert (refused.returncode, "etl apply" in refused.stderr) == (78, True), refused.stderr
    done = installation.run("apply_config", "orders")
    assert done.returncode == 0, done.stderr
    assert "public.orders: amount is numeric now, it was text" in done.stdout
    assert types(installation) == {"id": "integer", "day": "date", "amount": "numeric"}
    assert installation.run("generic_import", "orders").returncode == 0
    assert installation.sql("select id, day::text, amount::text from public.orders_current order by 1") == [
        (1, "2025-12-31", "1234.50"), (2, "2026-01-05", None), (2, "2026-01-05", None), (3, "2025-12-31", "1234.50"),
    ]  # fmt: skip
    assert "nothing changed" in installation.run("apply_config").stdout


def test_one_value_that_does_not_fit_leaves_everything_as_it_was(installation: Installation) -> None:
    installation.configure("orders", load_mode="append")
    load(installation, AS_TEXT + "x3,05/01/2026,1\n")
    installation.configure("orders", schema=TYPED)
    done = installation.run("apply_config", "orders")
    assert done.returncode == 65
    assert "column id of public.orders cannot become integer" in done.stderr
    assert "'x3' is not a whole number" in done.stderr
    assert set(types(installation).values()) == {"text"}
    assert installation.sql("select count(*) from public.orders_current where day = '31/12/2025'") == [(1,)]


def test_texts_of_every_declared_spelling_become_the_values_that_a_load_stores_and_can_be_undone(
    installation: Installation,
) -> None:
    header = "id,amount,share,paid,state,day\n"
    before = header + '1,"$1,234.50",12.5%,x,A,5. März 2026\n2,($45),-3 %,,B,6. Mai 26\n'
    later = header + "1,−5 USD,7,,B,7. Dez. 2026\n3,,,,,\n"
    installation.configure("orders", load_mode="upsert", key_columns=["id"])
    load(installation, before)
    second = load(installation, later, "orders_2.csv")
    installation.configure(
        "orders",
        schema={
            "id": "integer",
            "amount": {"type": "numeric", "thousands": ",", "currency": ["$", "USD"], "negative": "brackets"},
            "share": {"type": "numeric", "percent": True},
            "paid": {"type": "boolean", "true": "x", "false": ""},
            "state": {"type": "integer", "values": {"A": "1", "B": "2"}},
            "day": {"type": "date", "formats": ["d. MMMM yyyy", "d. MMM yy"], "pivot": 20},
        },
        reading={"language": "de"},
    )
    done = installation.run("apply_config", "orders")
    assert done.returncode == 0, done.stderr
    rows = "select id, amount::text, share::text, paid, state, day::text from public.orders_current order by 1"
    applied = [
        (1, "-5", "7", False, 2, "2026-12-07"), (2, "-45", "-3", False, 2, "1926-05-06"),
        (3, None, None, False, None, None),
    ]  # fmt: skip
    assert installation.sql(rows) == applied
    installation.run("generic_import", "--undo", second["dataset"])
    first = [(1, "1234.50", "12.5", True, 1, "2026-03-05"), applied[1]]
    assert installation.sql(rows) == first
    load(installation, later.replace("3,,,,,", "3,$1,,,,"), "orders_3.csv")
    assert installation.sql(rows) == [*applied[:2], (3, "1", None, False, None, None)]


def test_our_view_keeps_its_grants_and_comment_and_every_statement_is_recorded(installation: Installation) -> None:
    installation.configure("orders", load_mode="append")
    load(installation, "id\n1\n")
    installation.sql("create role guest_of_orders; grant select on public.orders_current to guest_of_orders")
    installation.sql("comment on view public.orders_current is 'ours, edited'")
    try:
        installation.configure("orders", schema={"id": "bigint"})
        assert installation.run("apply_config", "orders").returncode == 0
        assert installation.sql(
            "select has_table_privilege('guest_of_orders', 'public.orders_current', 'select'), "
            "obj_description('public.orders_current'::regclass)"
        ) == [(True, "ours, edited")]
        with contextlib.closing(psycopg2.connect(installation.reader_url)) as connection, connection.cursor() as cursor:
            cursor.execute("select id from public.orders_current")
            assert cursor.fetchall() == [(1,)]
    finally:
        installation.sql("drop owned by guest_of_orders; drop role guest_of_orders")
    recorded = installation.sql(
        "select split_part(statement, ' ', 1) || ' ' || split_part(statement, ' ', 2) from dba.tschemachange "
        "where file_id is null order by schema_change_id"
    )
    assert [text for (text,) in recorded][:3] == ["drop view", "alter table", "create or"]
    assert ("grant SELECT",) in recorded


def test_a_view_of_somebody_else_is_named_with_the_sql_to_run(installation: Installation) -> None:
    installation.configure("orders", load_mode="append")
    load(installation, "id,name\n1,x\n")
    installation.sql("create view public.mine as select id from public.orders_current")
    installation.sql("create view public.on_mine as select count(*) as rows from public.mine")
    installation.configure("orders", schema={"id": "integer"})
    done = installation.run("apply_config", "orders")
    assert (done.returncode, len(done.stderr.splitlines())) == (78, 1)
    [sql] = done.stderr.splitlines()
    drop = sql.partition("Run: ")[2].partition(" Then ")[0]
    create = sql.partition("and then: ")[2]
    assert drop == "drop view on_mine; drop view mine;"
    assert types(installation)["id"] == "text"
    installation.sql(drop)
    assert installation.run("apply_config", "orders").returncode == 0
    installation.sql(create)
    assert installation.sql("select rows from public.on_mine") == [(1,)]


def test_an_upsert_can_still_be_undone_after_its_key_became_a_number(installation: Installation) -> None:
    installation.configure("orders", load_mode="upsert", key_columns=["id"])
    load(installation, "id,day\n1,31/12/2025\n2,31/12/2025\n")
    second = load(installation, "id,day\n2,05/01/2026\n3,05/01/2026\n", "orders_2.csv")
    installation.configure("orders", schema={key: TYPED[key] for key in ("id", "day")})
    assert installation.run("apply_config", "orders").returncode == 0
    assert installation.run("generic_import", "--undo", second["dataset"]).returncode == 0
    assert installation.sql("select id, day::text from public.orders_current order by 1") == [
        (1, "2025-12-31"), (2, "2025-12-31"),
    ]  # fmt: skip


def test_a_column_gets_the_name_that_the_schema_gives_it(installation: Installation) -> None:
    installation.configure("orders", load_mode="upsert", key_columns=["id"])
    load(installation, "id,name\n1,x\n2,y\n")
    second = load(installation, "id,name\n1,z\n", "orders_2.csv")
    installation.sql("create view public.mine as select name from public.orders_current")
    for new in ("customer", "client"):
        installation.configure("orders", schema={"name": {"rename": new}})
        done = installation.run("apply_config", "orders")
        assert done.returncode == 0, done.stderr
        assert list(types(installation)) == list(types(installation, "orders")) == ["id", new]
    load(installation, "id,name\n3,w\n", "orders_3.csv")
    assert installation.sql("select id, client from public.orders_current order by 1") == [
        ("1", "z"), ("2", "y"), ("3", "w"),
    ]  # fmt: skip
    assert installation.sql("select count(*) from public.mine") == [(3,)]
    assert installation.run("generic_import", "--undo", second["dataset"], "--cascade").returncode == 0
    assert installation.sql("select id, client from public.orders_current order by 1") == [("1", "x"), ("2", "y")]


def test_two_imports_of_one_target_must_agree(installation: Installation) -> None:
    installation.configure("orders", load_mode="append")
    load(installation, "id\n1\n")
    installation.configure("orders", schema={"id": {"type": "integer"}})
    installation.configure("others", target_table="public.orders", schema={"id": {"type": "bigint"}})
    done = installation.run("apply_config", "orders")
    assert (done.returncode, "target of others too, which declares id as bigint" in done.stderr) == (78, True)


@pytest.mark.parametrize(("declared", "loaded"), [("numeric", "1.5"), ("text", "2026-01-05 06:00:00")])
def test_a_type_that_nobody_changed_is_left_alone(installation: Installation, declared: str, loaded: str) -> None:
    installation.configure("orders", schema={"value": declared}, load_mode="append")
    load(installation, f"value\n{loaded}\n")
    done = installation.run("apply_config", "orders")
    assert (done.returncode, " now, it was" in done.stdout) == (0, False)
