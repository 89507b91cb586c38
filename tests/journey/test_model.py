"""Loads and undos in any order end where a small model of the rules says."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.journey import travel, undo
from tests.conftest import Installation

CONFIG = {
    "metadata_label_source": "filename", "metadata_label_location": "1", "dateconfig": "filename", "datelocation": "2",
    "dateformat": "yyyyMMdd", "file_pattern": r"list_.*", "target_table": "public.lists",
    "guards": {"max_drop_percent": 100},
}  # fmt: skip
RUN = "00000000-0000-0000-0000-000000000000"
LABELS, DAYS, CONTENTS = ("a", "b"), ("20260105", "20260112", "20260119"), ("x", "y", "z")
LOADS = st.tuples(st.just("load"), st.sampled_from(LABELS), st.sampled_from(DAYS), st.sampled_from(CONTENTS))
UNDOS = st.tuples(st.just("undo"), st.integers(0, 20))


@dataclass
class Dataset:
    number: int
    label: str
    day: str
    content: str
    state: str
    seen: str


class Model:
    """The rules of snapshot mode, as docs/architecture.md has them."""

    def __init__(self) -> None:
        self.datasets: list[Dataset] = []

    def current(self, label: str) -> Dataset | None:
        active = [d for d in self.datasets if d.label == label and d.state == "active"]
        return max(active, key=lambda d: (max(d.day, d.seen), d.day, d.number), default=None)

    def load(self, label: str, day: str, content: str) -> str:
        current = self.current(label)
        if current and current.content == content:
            current.seen = max(current.seen, day)
            return "unchanged"
        place = [d for d in self.datasets if (d.label, d.day) == (label, day)]
        if any(d.content == content and d.state in ("active", "undone") for d in place):
            return "duplicate"
        for other in place:
            if other.state == "active":
                other.state = "superseded"
        self.datasets.append(Dataset(len(self.datasets) + 1, label, day, content, "active", day))
        return "loaded"

    def undo(self, dataset: Dataset) -> None:
        was, dataset.state = dataset.state, "undone"
        place = [d for d in self.datasets if (d.label, d.day, d.state) == (dataset.label, dataset.day, "superseded")]
        if was == "active" and place:
            place[-1].state = "active"


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(LOADS, LOADS, UNDOS), min_size=3, max_size=10))
def test_any_order_of_loads_and_undos(here: Installation, connection: Any, steps: list[tuple[Any, ...]]) -> None:
    here.sql("truncate dba.tdataset, dba.tfile restart identity cascade; drop table if exists public.lists cascade")
    here.configure("lists", **CONFIG)
    config, directories = configuration.load(connection, "lists"), Directories(here.data).create()
    model, numbers = Model(), itertools.count()
    for kind, *values in steps:
        if kind == "load":
            label, day, content = values
            here.drop(f"list_{label}_{day}_{next(numbers)}.csv", f"name\n{content}1\n{content}2\n")
            summary = travel.run_imports(connection, [config], directories, RUN, travel.Options())
            assert [row["state"] for row in summary.rows] == [model.load(label, day, content)], summary
        elif valid := [d for d in model.datasets if d.state != "undone"]:
            chosen = valid[values[0] % len(valid)]
            undo.undo_datasets(connection, RUN, chosen.number)
            model.undo(chosen)
    assert here.sql("select dataset_id, status from dba.tdataset order by 1") == [
        (d.number, d.state) for d in model.datasets
    ]
    if model.datasets:
        rows = here.sql(
            "select label, name from public.lists_current join dba.tdataset using (dataset_id) order by 1, 2"
        )
        current = [found for label in LABELS if (found := model.current(label))]
        assert rows == [(d.label, f"{d.content}{n}") for d in current for n in (1, 2)]
