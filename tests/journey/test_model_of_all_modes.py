"""Loads, undos, accepts and replays in any order, in every load mode, end where a small model of the rules says."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.journey import replay, travel, undo
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"
Rows = dict[int, str | None]
# name -> rows; "bad" is no number, and becomes nothing once the configuration is mended
CONTENTS: dict[str, Rows] = {
    "x": {1: "1", 2: "2"}, "y": {2: "5", 3: "bad", 4: "4"}, "z": {1: "bad", 2: "2", 3: "3"}, "few": {9: "9"},
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "file_pattern": "list_.*", "target_table": "public.lists", "key_columns": ["id"], "max_reject_rate": 1,
}  # fmt: skip
STRICT = {"id": {"type": "integer"}, "amount": {"type": "integer"}}
MENDED = {"id": {"type": "integer"}, "amount": {"type": "integer", "null": ["bad"]}}
GUARDS = {"snapshot": {"min_rows": 2, "max_drop_percent": 100}}
NUMBER = st.integers(0, 20)
LOAD = st.tuples(st.just("load"), st.sampled_from(sorted(CONTENTS)))
STEPS = st.one_of(
    LOAD, LOAD, *(st.tuples(st.just(kind), NUMBER) for kind in ("undo", "undo", "replay", "accept", "mend"))
)


@dataclass
class Dataset:
    number: int
    content: str
    state: str
    rows: Rows
    rejected: Rows = field(default_factory=dict)


class Model:
    """The rules of docs/architecture.md for one import without labels and dates."""

    def __init__(self, mode: str) -> None:
        self.mode, self.mended, self.datasets = mode, False, list[Dataset]()

    def living(self) -> list[Dataset]:
        return [d for d in self.datasets if d.state != "undone"]

    def active(self) -> list[Dataset]:
        return [d for d in self.datasets if d.state == "active"]

    def decide(self, content: str) -> str:
        same = [d for d in self.datasets if d.content == content]
        if self.mode == "upsert":
            if self.living() and self.living()[-1].content == content:
                return "unchanged"
            return "duplicate" if same and all(d.state == "undone" for d in same) else "loaded"
        if self.mode == "snapshot" and any(d.state == "active" for d in same):
            return "unchanged"
        return "duplicate" if any(d.state in ("active", "held", "undone") for d in same) else "loaded"

    def load(self, content: str) -> str:
        state = self.decide(content)
        if state != "loaded":
            return state
        good, rejected = self.judged(CONTENTS[content])
        held = self.mode == "snapshot" and len(good) < 2
        if self.mode == "snapshot" and not held:
            for other in self.active():
                other.state = "superseded"
        self.datasets.append(Dataset(len(self.datasets) + 1, content, "held" if held else "active", good, rejected))
        return "held" if held else "loaded"

    def judged(self, rows: Rows) -> tuple[Rows, Rows]:
        bad = {} if self.mended else {key: value for key, value in rows.items() if value == "bad"}
        return {key: None if value == "bad" else value for key, value in rows.items() if key not in bad}, bad

    def undo(self, dataset: Dataset) -> None:
        later = [d for d in self.living() if d.number > dataset.number] if self.mode == "upsert" else []
        was = dataset.state
        for each in (dataset, *later):
            each.state = "undone"
        before = [d for d in self.datasets if d.state == "superseded"]
        if self.mode == "snapshot" and was == "active" and before:
            before[-1].state = "active"

    def accept(self, dataset: Dataset) -> bool:
        active = self.active()
        if dataset.state != "held" or any(d.number > dataset.number for d in active):
            return False
        for other in active:
            other.state = "superseded"
        dataset.state = "active"
        return True

    def replay(self, dataset: Dataset) -> bool:
        if dataset.state == "undone" or (self.mode == "upsert" and self.living()[-1] is not dataset):
            return False
        good, dataset.rejected = self.judged(dataset.rejected)
        dataset.rows |= good
        return True

    def current(self) -> list[tuple[int, str | None]]:
        if self.mode == "upsert":
            table: Rows = {}
            for dataset in self.living():
                table |= dataset.rows
            return sorted(table.items())
        return sorted((row for d in self.active() for row in d.rows.items()), key=str)


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def configure(here: Installation, mode: str, mended: bool) -> None:
    schema = MENDED if mended else STRICT
    here.configure("lists", **CONFIG, load_mode=mode, schema=schema, guards=GUARDS.get(mode, {}))


@pytest.mark.parametrize("mode", ["append", "upsert", "snapshot"])
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=4, max_size=11))
def test_any_order_ends_as_the_model_says(
    here: Installation, connection: Any, mode: str, steps: list[tuple[str, Any]]
) -> None:
    here.sql("truncate dba.tdataset, dba.tfile restart identity cascade; drop table if exists public.lists cascade")
    configure(here, mode, mended=False)
    directories, model, numbers = Directories(here.data).create(), Model(mode), itertools.count()
    for kind, value in steps:
        if kind == "load":
            lines = "".join(f"{key},{amount}\n" for key, amount in CONTENTS[value].items())
            here.drop(f"list_{next(numbers)}.csv", f"id,amount\n{lines}")
            config = configuration.load(connection, "lists")
            summary = travel.run_imports(connection, [config], directories, RUN, travel.Options())
            assert [row["state"] for row in summary.rows] == [model.load(value)], summary
        elif kind == "mend":
            model.mended = True
            configure(here, mode, mended=True)
        elif kind == "undo" and (living := model.living()):
            chosen = living[value % len(living)]
            undo.undo_datasets(connection, RUN, chosen.number, cascade=True)
            model.undo(chosen)
        elif kind in ("accept", "replay") and model.datasets:
            chosen = model.datasets[value % len(model.datasets)]
            allowed = model.accept(chosen) if kind == "accept" else model.replay(chosen)
            with contextlib.nullcontext() if allowed else pytest.raises(UsageError):
                if kind == "accept":
                    undo.accept_dataset(connection, chosen.number)
                else:
                    replay.replay_rejects(connection, chosen.number, 0, directories)
    assert here.sql("select dataset_id, status from dba.tdataset order by 1") == [
        (d.number, d.state) for d in model.datasets
    ]
    if model.datasets:
        found = here.sql("select id, amount::text from public.lists_current")
        assert sorted(found, key=str) == sorted(model.current(), key=str)
        counts = here.sql("select dataset_id, rows_read, rows_rejected from dba.tdataset order by 1")
        assert counts == [(d.number, len(CONTENTS[d.content]), len(d.rejected)) for d in model.datasets]
