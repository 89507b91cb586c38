"""A table as of a day has the rows that a replay of its deliveries up to that day makes current: 500 random cases."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from systemscripts import configuration, db_utils
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.ingest import run_imports, undo
from tests.conftest import Installation

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(25)]
LOADS = 8
ROWS: list[dict[int, str]] = [{1: "a", 2: "b"}, {1: "a", 2: "c", 3: "d"}, {2: "b"}, {3: "e", 4: "f"}, {}]
CONFIG: dict[str, Any] = {
    "key_columns": ["id"], "schema": {"id": {"type": "integer"}}, "guards": {"allow_empty": True},
    "metadata_label_source": "filename", "metadata_label_location": "1", "archive_policy": "none",
}  # fmt: skip
DATED = {"dateconfig": "filename", "datelocation": "2", "dateformat": "yyyyMMdd"}
# name -> load modes, one after the other; 4 histories of 25 days for each are 500 cases
HISTORIES = {
    "lists": ["snapshot"],
    "lists without dates": ["snapshot"],
    "added": ["append"],
    "by key": ["upsert"],
    "modes that change": ["append", "upsert", "snapshot", "append"],
}
SEEDS = 4


@dataclass
class Delivery:
    """A file: when it came, for which day, of which list, in which load mode, with which rows."""

    came: date
    day: date
    label: str
    mode: str
    rows: dict[int, str]
    name: str = ""


def make_deliveries(dice: random.Random, name: str) -> list[Delivery]:
    """Deliveries in the order in which they came; lists and added rows come late as well."""
    came = sorted(dice.choices(DAYS, k=LOADS))
    modes = sorted(dice.choices(range(len(HISTORIES[name])), k=LOADS))
    # rows that an earlier-dated upsert would have overwritten are never stored, so a replay would know more
    late = dice.choices([0, 0, 3, 9], k=LOADS) if name in ("lists", "added") else [0] * LOADS
    return [
        Delivery(day, day - timedelta(days=behind), dice.choice("ab"), HISTORIES[name][mode], dice.choice(ROWS))
        for day, mode, behind in zip(came, modes, late, strict=True)
    ]


class Office:
    """An installation that loads deliveries into two targets: one as they came, one in the order of their days."""

    def __init__(self, here: Installation, connection: db_utils.Connection, is_dated: bool) -> None:
        self.here, self.connection, self.is_dated = here, connection, is_dated
        self.directories, self.number = Directories(here.data).create(), 0
        self.ask("truncate dba.tdataset, dba.tfile, dba.trowhistory restart identity cascade")
        self.ask("drop table if exists public.came, public.replayed cascade")
        self.modes: dict[str, str] = {}

    def load(self, target: str, delivery: Delivery) -> str:
        if self.modes.get(target) != delivery.mode:
            dates = DATED if self.is_dated else {"dateconfig": "none"}
            self.here.configure(target, **CONFIG, **dates, load_mode=delivery.mode)
            self.modes[target] = delivery.mode
        self.number += 1
        name = f"{target}_{delivery.label}_{delivery.day:%Y%m%d}_{self.number:03}.csv"
        self.here.drop(name, "id,value\n" + "".join(f"{key},{value}\n" for key, value in delivery.rows.items()))
        config = configuration.load_import(self.connection, target)
        options = run_imports.Options(accept_drop=True)
        done = run_imports.run_imports(self.connection, [config], self.directories, str(uuid.uuid4()), options)
        assert [row["state"] for row in done.rows] != ["refused"], done
        # as if it had been loaded on the day when it came
        self.ask("update dba.tdataset set created_at = %s where created_at > %s", f"{delivery.came} 12:00", DAYS[-1])
        return name

    def undo_some(self, dice: random.Random) -> None:
        for _ in range(dice.choice([0, 1, 2])):
            numbers = self.ask("select dataset_id from dba.tdataset where status <> 'undone'")
            (number,) = dice.choice(numbers)
            undo.undo_datasets(self.connection, str(uuid.uuid4()), number, cascade=True)

    def keeps(self, name: str) -> bool:
        """Whether what a file brought was not undone."""
        status = "select d.status from dba.tfile f join dba.tdataset d using (dataset_id) where f.name = %s"
        return self.ask(status, name) != [("undone",)]

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with db_utils.transaction(self.connection) as cursor:
            cursor.execute(query, values)
            return sorted(cursor.fetchall()) if cursor.description else []


@pytest.fixture
def connection(here: Installation) -> Iterator[db_utils.Connection]:
    with contextlib.closing(db_utils.connect("etl", "test")) as opened:
        yield opened


@pytest.mark.parametrize("name", HISTORIES)
def test_a_table_as_of_a_day_equals_a_replay_of_its_deliveries_up_to_that_day(
    here: Installation, connection: db_utils.Connection, name: str
) -> None:
    for seed in range(SEEDS):
        dice = random.Random(f"{name} {seed}")
        office = Office(here, connection, is_dated=name != "lists without dates")
        deliveries = make_deliveries(dice, name)
        for delivery in deliveries:
            delivery.name = office.load("came", delivery)
        office.undo_some(dice)
        kept = sorted((d for d in deliveries if office.keeps(d.name)), key=lambda d: d.day)
        expected: list[tuple[Any, ...]] = []
        for day in DAYS:
            todays = [delivery for delivery in kept if delivery.day <= day]
            kept = kept[len(todays) :]
            for delivery in todays:
                office.load("replayed", delivery)
            if todays:
                expected = office.ask("select id, value from public.replayed_current")
            actual = office.ask("select id, value from dba.as_of(null::public.came, %s)", day)
            assert actual == expected, (name, seed, day, deliveries)
        assert actual == office.ask("select id, value from public.came_current")


def test_the_reader_asks_of_any_day_what_it_may_read_and_nothing_else(
    here: Installation, connection: db_utils.Connection
) -> None:
    office = Office(here, connection, is_dated=True)
    for number, rows in enumerate([{1: "a"}, {1: "b", 2: "c"}]):
        office.load("came", Delivery(DAYS[number], DAYS[number], "a", "upsert", rows))
    with contextlib.closing(db_utils.connect("reader", "test")) as reader, db_utils.transaction(reader) as cursor:
        cursor.execute("select id, value from dba.as_of(null::public.came, %s)", (DAYS[0],))
        assert cursor.fetchall() == [(1, "a")]
        cursor.execute("select r ->> 'value' from dba.as_of('public.came', %s) r order by 1", (DAYS[1],))
        assert cursor.fetchall() == [("b",), ("c",)]
    office.ask("create schema closed")
    office.ask("create table closed.secret as select * from public.came")
    office.ask("update dba.trowhistory set target_table = 'closed.secret'")
    for query in (
        "select dba.as_of(null::closed.secret, %s)",
        "select dba.rows_replaced_since('closed.secret', %s)",
        "select dba.as_of(null::dba.tuser, %s)",
        "select dba.as_of('public.nothing', %s)",
    ):
        reader = db_utils.connect("reader", "test")
        with pytest.raises(EtlError), contextlib.closing(reader), db_utils.transaction(reader) as cursor:
            cursor.execute(query, (DAYS[0],))


def test_a_day_of_which_retention_has_deleted_rows_is_refused_and_not_half_answered(
    here: Installation, connection: db_utils.Connection
) -> None:
    office = Office(here, connection, is_dated=True)
    for number, rows in enumerate([{1: "a"}, {1: "b"}, {1: "c"}]):
        office.load("came", Delivery(DAYS[number], DAYS[number], "a", "snapshot", rows))
    oldest = office.ask("update dba.tdataset set purged_at = now() where dataset_id = 1 returning dataset_id")
    office.ask("delete from public.came where dataset_id = 1")
    assert oldest == [(1,)]
    assert office.ask("select value from dba.as_of(null::public.came, %s)", DAYS[1]) == [("b",)]
    with pytest.raises(EtlError, match="retention has deleted the rows of 1 datasets"):
        office.ask("select value from dba.as_of(null::public.came, %s)", DAYS[0])
