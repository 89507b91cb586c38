"""after_change: what is derived from a target follows it, whatever brought the change about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.configuration import referenced_files
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError
from systemscripts.ingest import accept_held, replay_rejects, run_imports, undo
from systemscripts.summary import Summary
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"
TOTALS = """
    insert into public.touched select kind from affected_keys;
    delete from public.totals t using affected_keys k where t.kind is not distinct from k.kind;
    insert into public.totals
    select c.kind, sum(c.amount) from public.lists_current c join affected_keys k using (kind) group by c.kind;
"""
CONFIG: dict[str, Any] = {
    "after_change": "totals.sql", "key_columns": ["kind"], "schema": {"amount": "integer"}, "max_reject_rate": 1,
}  # fmt: skip


class Desk:
    """An operator in this very process, so that the folder of SQL files can be another."""

    def __init__(self, here: Installation, connection: Any) -> None:
        self.here, self.connection = here, connection
        self.directories = Directories(here.data).create()

    def load(self, name: str, content: str, **options: Any) -> Summary:
        self.here.drop(name, content)
        config = configuration.load_import(self.connection, "lists")
        return run_imports.run_imports(self.connection, [config], self.directories, RUN, run_imports.Options(**options))

    def dataset(self, name: str, content: str) -> int:
        return int(self.load(name, content).rows[0]["dataset"])

    def undo(self, dataset: int) -> Summary:
        return undo.undo_datasets(self.connection, RUN, dataset)

    def totals(self) -> dict[str, int]:
        """What the SQL file derived; it must be what deriving everything again would give."""
        rows = dict(self.here.sql("select kind, total from public.totals"))
        assert rows == dict(self.here.sql("select kind, sum(amount)::integer from public.lists_current group by kind"))
        return rows

    def touched(self) -> list[str]:
        rows = self.here.sql("select kind from public.touched order by 1")
        self.here.sql("truncate public.touched")
        return [type_name for (type_name,) in rows]


@pytest.fixture
def desk(here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "totals.sql").write_text(TOTALS)
    monkeypatch.setattr(referenced_files, "SQL", tmp_path / "sql")
    here.sql("create table public.totals (kind text, total integer); create table public.touched (kind text)")
    with contextlib.closing(psycopg2.connect(here.url)) as connection:
        yield Desk(here, connection)


def test_it_follows_loads_and_undos_of_a_snapshot(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG)
    desk.dataset("lists_1.csv", "kind,amount\na,1\na,2\nb,5\n")
    assert (desk.totals(), desk.touched()) == ({"a": 3, "b": 5}, ["a", "b"])
    second = desk.dataset("lists_2.csv", "kind,amount\na,7\nc,1\n")
    assert (desk.totals(), desk.touched()) == ({"a": 7, "c": 1}, ["a", "b", "c"])
    desk.undo(second)
    assert (desk.totals(), desk.touched()) == ({"a": 3, "b": 5}, ["a", "b", "c"])


def test_it_touches_only_the_keys_of_what_was_added(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG, load_mode="append")
    desk.dataset("lists_1.csv", "kind,amount\na,1\nb,5\n")
    second = desk.dataset("lists_2.csv", "kind,amount\nb,1\nc,1\n")
    assert (desk.totals(), desk.touched()) == ({"a": 1, "b": 6, "c": 1}, ["a", "b", "b", "c"])
    desk.undo(second)
    assert (desk.totals(), desk.touched()) == ({"a": 1, "b": 5}, ["b", "c"])


def test_it_follows_an_upsert_and_its_undo(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG, load_mode="upsert")
    desk.dataset("lists_1.csv", "kind,amount\na,1\nb,5\n")
    second = desk.dataset("lists_2.csv", "kind,amount\nb,6\nc,1\na,1\n")
    assert (desk.totals(), desk.touched()) == ({"a": 1, "b": 6, "c": 1}, ["a", "b", "b", "c"])
    desk.undo(second)
    assert (desk.totals(), desk.touched()) == ({"a": 1, "b": 5}, ["b", "c"])


def test_a_held_dataset_changes_it_only_once_it_is_accepted(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG)
    desk.dataset("lists_1.csv", "kind,amount\n" + "a,1\n" * 10)
    desk.touched()
    held = desk.dataset("lists_2.csv", "kind,amount\nb,1\n")
    assert (desk.totals(), desk.touched()) == ({"a": 10}, [])
    accept_held.accept_dataset(desk.connection, desk.directories, RUN, held)
    assert (desk.totals(), desk.touched()) == ({"b": 1}, ["a", "b"])


def test_it_follows_replayed_rejects(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG)
    dataset = desk.dataset("lists_1.csv", "kind,amount\na,1\nb,x\nc,y\n")
    desk.touched()
    desk.here.configure("lists", schema={"amount": {"type": "integer", "null": ["x"]}})
    replay_rejects.replay_rejects(desk.connection, dataset, 0, desk.directories)
    assert desk.here.sql("select * from public.totals order by 1") == [("a", 1), ("b", None)]
    assert desk.touched() == ["b"]


def test_without_key_columns_it_gets_the_datasets(desk: Desk) -> None:
    (referenced_files.SQL / "totals.sql").write_text("insert into public.touched select dataset_id from affected_keys")
    desk.here.configure("lists", **CONFIG | {"key_columns": []}, load_mode="append")
    dataset = desk.dataset("lists_1.csv", "kind,amount\na,1\nb,5\n")
    assert desk.touched() == [str(dataset)]


def test_a_dry_run_leaves_it_alone(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG)
    desk.load("lists_1.csv", "kind,amount\na,1\n", dry_run=True)
    assert desk.touched() == []


def test_what_fails_in_it_fails_the_load_with_all_its_rows(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG, load_mode="append")
    (referenced_files.SQL / "totals.sql").write_text("select 1;\nselect nonsense from affected_keys")
    summary = desk.load("lists_1.csv", "kind,amount\na,1\n")
    assert summary.exit_code == 78
    [problem] = summary.problems
    assert 'totals.sql: column "nonsense" does not exist' in problem
    assert desk.here.sql("select count(*) from public.lists") == [(0,)]
    (referenced_files.SQL / "totals.sql").write_text(TOTALS)
    assert desk.load("lists_1.csv", "kind,amount\na,1\n").exit_code == 0
    assert desk.totals() == {"a": 1}


@pytest.mark.parametrize("name", ["nowhere.sql", "../secret.sql", "/etc/passwd"])
def test_only_files_below_the_folder_are_run(desk: Desk, name: str) -> None:
    (referenced_files.SQL.parent / "secret.sql").write_text("select 1")
    desk.here.configure("lists", **CONFIG | {"after_change": name})
    with pytest.raises(ConfigurationError, match=r"there is no file .* below"):
        referenced_files.find_after_change(configuration.load_import(desk.connection, "lists"))
    summary = desk.load("lists_1.csv", "kind,amount\na,1\n")
    assert (summary.exit_code, desk.here.list_waiting()) == (78, ["lists_1.csv"])


def test_it_follows_new_rows_and_what_an_undo_brings_back(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG, load_mode="new_rows")
    first = desk.dataset("lists_1.csv", "kind,amount\na,1\nb,5\n")
    desk.dataset("lists_2.csv", "kind,amount\nb,5\nc,1\n")
    assert (desk.totals(), desk.touched()) == ({"a": 1, "b": 5, "c": 1}, ["a", "b", "c"])
    desk.undo(first)  # b comes in from the second file now
    assert desk.totals() == {"b": 5, "c": 1}
