"""Values beside the good files before: what holds a file, what warns, and what an acceptance teaches."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.conftest import Installation
from tests.ingest.test_identity_rules import Office, states, texts

SCHEMA = {"id": "text", "town": "text", "amount": "numeric", "day": "date", "paid": "boolean"}
TOWNS = ("Bonn", "Köln", "Jena", "Ulm")


def rows(week: int, count: int = 220, times: float = 1, **columns: str) -> str:
    """One weekly file; `columns`: values that stand in every row instead."""
    chance = random.Random(week)
    lines = ["id,town,amount,day,paid"]
    for number in range(count):
        row = {
            "id": f"{week:03d}{number:05d}",
            "town": chance.choice(TOWNS),
            "amount": f"{chance.lognormvariate(4, 1) * times:.2f}",
            "day": f"2025-{1 + week // 4:02d}-{1 + 7 * (week % 4) + chance.randrange(7):02d}",
            "paid": "true" if chance.random() < 0.9 else "false",
        } | columns
        lines.append(",".join(row.values()))
    return "\n".join(lines) + "\n"


def prepare(office: Office, **more: Any) -> None:
    office.here.configure("things", schema=SCHEMA, key_columns=["id"], **more)
    for week in range(3):
        assert texts(office.load(f"things_{week}.csv", rows(week))) == ""


def test_an_emptied_column_holds_and_its_acceptance_teaches(office: Office) -> None:
    prepare(office)
    held = office.load("things_3.csv", rows(3, town=""))
    assert states(held) == ["held"]
    assert "town: 0 of 220 rows have a value, usually 100 %" in str(held.problems)
    assert office.here.sql("select count(*) from public.things where dataset_id = 4") == [(0,)]
    kept = office.here.sql("select column_name, filled from dba.v_column_profile where dataset_id = 4")
    assert ("town", 0) in kept
    assert office.accept(4).exit_code == 0
    assert states(office.load("things_4.csv", rows(4, town=""))) == ["loaded"]
    assert states(office.load("things_5.csv", rows(5))) == ["loaded"]
    assert states(office.load("things_6.csv", rows(6, day=""))) == ["held"]


def test_the_reader_sees_no_profile(here: Installation) -> None:
    import psycopg2

    connection = psycopg2.connect(here.reader_url)
    for name in ("v_column_profile", "tcolumnprofile", "tfinding"):
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f"select 1 from dba.{name}")
        connection.rollback()
    connection.close()
