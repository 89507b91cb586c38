"""Loads, undos, accepts and replays in any order, in every load mode, end where a model of the rules says.

The model is plain Python over a list of rows: docs/architecture.md (which content is what) once more, in few words. Two
imports share one target; files come with dates of the past and the future, several in one run; rejects become good, the
time zone and, in `mixed`, the load modes change between runs; runs stop between two files and start again.
`run_tests.sh --long` tries very many more orders.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import statistics
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from systemscripts import configuration, db_utils, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.ingest import accept_held, replay_rejects, run_imports, undo
from tests.conftest import Installation

NOW = "2026-03-02T12:00:00+00:00"
FUTURE = "2030"
IMPORTS, LABELS = ("ones", "twos"), ("a", "a", "b")
STAMPS = ("20260105T06", "20260105T18", "20260112T06", "20260119T06", "20300101T06")
ZONES = ("UTC", "Asia/Kolkata", "America/New_York")
# name -> rows; "bad" is not a number, and becomes nothing once the configuration is fixed
CONTENTS: dict[str, dict[int, str]] = {
    "x": {1: "1", 2: "2", 3: "3"}, "y": {2: "5", 3: "bad", 4: "4"}, "z": {1: "bad", 2: "2", 3: "3"}, "few": {9: "9"},
}  # fmt: skip
CONTENT_NAMES = sorted(CONTENTS)
CONFIG: dict[str, Any] = {
    "target_table": "public.lists", "key_columns": ["at"], "max_reject_rate": 1,
    "metadata_label_source": "filename", "metadata_label_location": "1",
}  # fmt: skip
DATED = {"dateconfig": "filename", "datelocation": "2", "dateformat": "yyyyMMddTHH"}
MODES = {
    "append": ("append", "append"), "snapshot": ("snapshot", "snapshot"), "upsert": ("upsert", "upsert"),
    "new_rows": ("new_rows", "new_rows"), "mixed": ("append", "upsert"),
}  # fmt: skip

# kind of step -> how often it comes
STEPS = {"load": 10, "undo": 4, "undo_run": 1, "accept": 3, "replay": 2, "fix": 1, "zone": 1}
STEPS_OF_A_RUN = 16
# a failing seed can be looked for with TEST_MODEL_SEEDS=1000
SEEDS = int(os.environ.get("TEST_MODEL_SEEDS", "150" if os.environ.get("ETL_TEST_LONG") else "4"))


def steps_of(dice: random.Random, modes: str) -> Iterator[tuple[str, list[Any]]]:
    """Steps and their values in any order."""
    kinds = STEPS | ({"mode": 2} if modes == "mixed" else {})
    for type_name in dice.choices(list(kinds), weights=list(kinds.values()), k=STEPS_OF_A_RUN):
        values: dict[str, list[Any]] = {
            "load": [
                [
                    tuple(map(dice.choice, (IMPORTS, LABELS, STAMPS, CONTENT_NAMES)))
                    for _ in range(dice.choice([1, 1, 2]))
                ],
                dice.random() < 0.2,
                dice.random() < 0.2,
                dice.choice([None, None, 0, 1]),
            ],
            "undo": [dice.randrange(20), dice.random() < 0.7],
            "zone": [dice.choice(ZONES)],
            "mode": [dice.choice(IMPORTS), dice.choice(["append", "snapshot", "upsert"])],
            "fix": [],
        }
        yield type_name, values.get(type_name, [dice.randrange(20)])


@dataclass
class Dataset:
    number: int
    config: str
    label: str
    day: str  # "" without a date
    stamp: str
    content: str
    mode: str
    run: str
    step: int  # files of one step waited together
    state: str = "held"
    is_held_file: bool = False  # it stands for a file of which no row is in the target
    was_dropped: bool = False
    accepted_as: int = 0
    held: int = 0
    seen: str = ""
    loaded: int = 0
    rejected: dict[int, str] = field(default_factory=dict)
    removed: list[Row] = field(default_factory=list)  # upsert: the rows it took the place of
    holders: set[int] = field(default_factory=set)  # new_rows: whose rows it skipped
    is_baseline: bool = False
    real: int = 0  # its number in the database

    @property
    def place(self) -> tuple[str, str, str]:
        return self.config, self.label, self.day

    @property
    def last(self) -> str:
        return max(self.day, self.seen)

    @property
    def count_rejected(self) -> int:
        return len(self.rejected)

    @property
    def skipped(self) -> int:
        return len(CONTENTS[self.content]) - self.loaded - len(self.rejected) - self.held


@dataclass
class Row:
    key: int
    raw: str
    dataset: Dataset

    @property
    def value(self) -> str | None:
        return None if self.raw == "bad" else self.raw


class Model:
    """The rules."""

    def __init__(self, modes: Sequence[str], dated: bool) -> None:
        self.modes, self.dated, self.is_fixed = dict(zip(IMPORTS, modes, strict=True)), dated, False
        self.datasets: list[Dataset] = []
        self.rows: list[Row] = []

    # Which content is what

    def living(self) -> list[Dataset]:
        return [d for d in self.datasets if d.state != "undone" and not d.is_held_file]

    def current(self, config: str, label: str) -> Dataset | None:
        snapshots = [d for d in self.snapshots(config, label) if d.state == "active"]
        return max(snapshots, key=lambda d: (d.last, d.stamp, d.number), default=None)

    def snapshots(self, config: str, label: str) -> list[Dataset]:
        return [d for d in self.datasets if (d.config, d.label, d.mode) == (config, label, "snapshot")]

    def is_current(self, d: Dataset) -> bool:
        return d.state == "active" and (d.mode != "snapshot" or d is self.current(d.config, d.label))

    def decide(self, new: Dataset, reload: bool) -> str:
        mine = [d for d in self.datasets if d.config == new.config]
        known = [d for d in mine if d.content == new.content]
        if new.mode == "upsert":
            upserts = [d for d in mine if d.mode == "upsert" and d.state == "active"]
            if upserts and upserts[-1].content == new.content:
                return "unchanged"
        else:
            known = [d for d in known if d.place == new.place]
            beside = [d for d in mine if d.label == new.label and d.mode != "snapshot" and d.state == "active"]
            if new.mode == "snapshot":
                current = self.current(new.config, new.label)
                if current and current.content == new.content and not beside:
                    return "unchanged"
                known = [d for d in known if d.mode == "snapshot" or d.state == "undone"]
            if any(d.state == "active" for d in known):
                return "loaded" if new.mode == "snapshot" and beside else "duplicate"
        if any(d.state == "held" for d in known):
            return "duplicate"
        return "duplicate" if known and known[-1].state == "undone" and not reload else "loaded"

    # Loading

    def load(self, new: Dataset, reload: bool, accept_drop: bool) -> str:
        state = self.decide(new, reload)
        is_early = new.day.startswith(FUTURE)
        if state == "unchanged":
            seen = self.current(new.config, new.label) if new.mode == "snapshot" else self.newest_upsert(new.config)
            assert seen is not None
            seen.seen = seen.seen if is_early else max(seen.seen, new.day)
        if state != "loaded":
            return state
        good, new.rejected = self.judged(CONTENTS[new.content])
        suspicious = is_early and new.mode == "upsert"
        if new.mode == "snapshot":
            usual = self.usual(new)
            dropped = usual is not None and len(good) < usual / 2 and not accept_drop and not is_early
            new.was_dropped = dropped
            suspicious = is_early or dropped or self.is_second_of_its_day(new)
        self.datasets.append(new)
        if suspicious:
            new.is_held_file, new.held = True, len(good)
            return "held"
        self.insert(new, good)
        self.activate(new)
        new.is_baseline = accept_drop
        return "loaded"

    def is_second_of_its_day(self, new: Dataset) -> bool:
        there = [d for d in self.snapshots(new.config, new.label) if d.place == new.place and d.state == "active"]
        if not self.dated or not there:
            return False
        return new.stamp < there[0].stamp or (new.stamp == there[0].stamp and new.step == there[0].step)

    def newest_upsert(self, config: str) -> Dataset:
        return [d for d in self.datasets if (d.config, d.mode, d.state) == (config, "upsert", "active")][-1]

    def usual(self, new: Dataset) -> float | None:
        good = [
            d for d in self.datasets if (d.config, d.label) == (new.config, new.label)
            and d.state in ("active", "superseded") and not d.is_held_file
        ]  # fmt: skip
        since = max((d.number for d in good if d.is_baseline), default=0)
        last = [d.loaded for d in good if d.number >= since][-5:]
        return statistics.median(last) if last else None

    def judged(self, rows: dict[int, str]) -> tuple[dict[int, str], dict[int, str]]:
        bad = {} if self.is_fixed else {key: raw for key, raw in rows.items() if raw == "bad"}
        return {key: raw for key, raw in rows.items() if key not in bad}, bad

    def insert(self, d: Dataset, good: dict[int, str]) -> None:
        later = [e for e in self.datasets if e.state == "active" and e is not d and self.is_dated_later(e, d)]
        for key, raw in good.items():
            new = Row(key, raw, d)
            if d.mode == "upsert":
                self.upsert(new, later)
            elif d.mode == "new_rows" and (same := [r for r in self.rows if (r.key, r.raw) == (key, raw)]):
                d.holders |= {r.dataset.number for r in same if r.dataset is not d}
            else:
                self.rows.append(new)
                d.loaded += 1

    @staticmethod
    def is_dated_later(e: Dataset, d: Dataset) -> bool:
        return bool(d.day) and (e.last > d.day or (e.last == d.day and e.config == d.config and e.stamp > d.stamp))

    def upsert(self, new: Row, later: list[Dataset]) -> None:
        here = [r for r in self.rows if r.key == new.key and self.is_current(r.dataset)]
        if any(r.value != new.value and r.dataset in later for r in here):
            return
        gone = sorted(here, key=lambda r: r.dataset.number)
        if gone and gone[-1].value == new.value:
            del gone[-1]  # it says the same already
        else:
            self.rows.append(new)
            new.dataset.loaded += 1
        self.rows = [r for r in self.rows if r not in gone]
        new.dataset.removed += gone

    # States

    def activate(self, d: Dataset) -> None:
        for other in self.snapshots(d.config, d.label) if d.mode == "snapshot" else ():
            if other.place == d.place and other.state == "active":
                other.state = "superseded"
            is_earlier = other.number < d.number and other.day <= d.day
            if other.is_held_file and other.state == "held" and is_earlier and d.mode == "snapshot":
                other.state = "superseded"
        d.state = "active"
        self.settle_modes()

    def settle_modes(self) -> None:
        """A later snapshot of the label is the whole state, whatever was loaded in other modes before it."""
        for d in self.datasets:
            if d.mode != "snapshot" and d.state in ("active", "superseded") and not d.is_held_file:
                later = [s for s in self.snapshots(d.config, d.label) if s.state == "active" and s.number > d.number]
                d.state = "superseded" if later else "active"

    def accept(self, d: Dataset) -> Dataset | None:
        """Load the file of a held dataset as a new one; None where it may not be."""
        mode = self.modes[d.config]
        before = [s for s in self.snapshots(d.config, d.label) if s.place == d.place and s.state == "active"]
        if d.state != "held" or (mode == "snapshot" and any(s.number > d.number for s in before)):
            return None
        number = len(self.datasets) + 1
        new = Dataset(number, d.config, d.label, d.day, d.stamp, d.content, mode, "", -1, seen=d.day)
        good, new.rejected = self.judged(CONTENTS[new.content])
        d.rejected = {}
        self.datasets.append(new)
        self.insert(new, good)
        d.state, d.accepted_as = "superseded", number
        self.activate(new)
        new.is_baseline = d.was_dropped
        return new

    def on_top(self, d: Dataset) -> list[Dataset]:
        upserts = [u for u in self.living() if u.mode == "upsert" and u.number > d.number]
        return [u for u in upserts if d.mode == "upsert" or any(r.dataset is d for r in u.removed)]

    def undo(self, chosen: list[Dataset], cascade: bool, of_run: bool = False) -> bool:
        closed = [d for d in chosen if d.is_held_file and d.state == "superseded"]
        if closed and not of_run:
            return False
        expected = {d.number: d for d in chosen if d.state != "undone" and d not in closed}
        waiting = list(expected.values()) if cascade else []
        while waiting:
            d = waiting.pop()
            for later in [*self.on_top(d), *self.dependents(d)]:
                if later.number not in expected:
                    expected[later.number] = later
                    waiting.append(later)
        if any(u.number not in expected for d in expected.values() for u in self.on_top(d)):
            return False
        for number in sorted(expected, reverse=True):
            self.undo_one(expected[number])
        return True

    def dependents(self, d: Dataset) -> list[Dataset]:
        return [e for e in self.living() if d.mode == "new_rows" and d.number in e.holders]

    def undo_one(self, d: Dataset) -> None:
        was, d.state = d.state, "undone"
        if d.mode in ("upsert", "new_rows"):
            self.rows = [r for r in self.rows if r.dataset is not d] + d.removed
            d.removed, d.holders = ([] if d.mode == "upsert" else d.removed), set()
        before = [s for s in self.snapshots(d.config, d.label) if s.place == d.place and s.state == "superseded"]
        before = [s for s in before if not s.is_held_file]
        if was == "active" and d.mode == "snapshot" and before:
            before[-1].state = "active"
        self.settle_modes()
        for later in self.dependents(d):
            self.load_again(later)
        for e in self.datasets:
            e.holders.discard(d.number)

    def load_again(self, e: Dataset) -> None:
        e.holders, (good, bad) = set(), self.judged(CONTENTS[e.content])
        self.insert(e, {k: raw for k, raw in good.items() if not self.has(e, k)})
        e.rejected = {key: raw for key, raw in bad.items() if not self.has(e, key)}

    def has(self, d: Dataset, key: int) -> bool:
        return any(r.dataset is d and r.key == key for r in self.rows)

    def replay(self, d: Dataset) -> bool:
        if d.state in ("undone", "held") or (d.mode == "upsert" and self.living()[-1] is not d):
            return False
        good, d.rejected = self.judged(d.rejected)
        self.insert(d, good)
        return True

    def visible(self) -> list[tuple[int, str | None]]:
        return sorted(((r.key, r.value) for r in self.rows if self.is_current(r.dataset)), key=str)


class Office:
    """The real thing beside its model: each step is done in both and compared."""

    def __init__(self, here: Installation, stack: contextlib.ExitStack, model: Model) -> None:
        self.here, self.stack, self.model, self.numbers = here, stack, model, itertools.count()
        self.directories = Directories(here.data).create()
        here.sql(
            """truncate dba.tdataset, dba.tfile, dba.trowhistory restart identity cascade;
               drop table if exists public.lists cascade"""
        )
        self.zone("UTC")
        self.configure()

    def configure(self) -> None:
        amount = {"type": "integer", "null": ["bad"]} if self.model.is_fixed else {"type": "integer"}
        schema = {"at": {"type": "timestamptz"}, "amount": amount}
        dates = DATED if self.model.dated else {"dateconfig": "none"}
        for name, mode in self.model.modes.items():
            self.here.configure(name, **CONFIG, **dates, load_mode=mode, schema=schema)

    def zone(self, name: str) -> None:
        self.here.write_settings(TIME_ZONE=name)
        settings.reset()
        self.connection = self.stack.enter_context(contextlib.closing(db_utils.connect("etl", "test")))

    def load(
        self, files: list[tuple[str, str, str, str]], reload: bool, accept_drop: bool, stopped_after: int | None
    ) -> None:
        step = next(self.numbers)
        run = str(uuid.UUID(int=step))
        expected: dict[str, Dataset] = {}
        for config, label, stamp, content in files:
            name = f"{config}_{label}_{stamp}_{next(self.numbers):03}.csv"
            lines = "".join(f"2026-01-{key:02} 06:00:00+00:00,{raw}\n" for key, raw in CONTENTS[content].items())
            self.here.drop(name, f"at,amount\n{lines}")
            day, stamp = (stamp[:8], stamp) if self.model.dated else ("", "")
            expected[name] = Dataset(
                0, config, label, day, stamp, content, self.model.modes[config], run, step, seen=day
            )
        configs = [configuration.load_import(self.connection, name) for name in sorted({file[0] for file in files})]
        options = run_imports.Options(reload=reload, accept_drop=accept_drop)
        rows = []
        if stopped_after is not None:
            asked = itertools.count()
            stopping = replace(options, should_stop=lambda: next(asked) >= stopped_after)
            rows += run_imports.run_imports(self.connection, configs, self.directories, run, stopping).rows
        summary = run_imports.run_imports(self.connection, configs, self.directories, run, options)
        rows += summary.rows
        assert len(rows) == len(files), summary
        for name in sorted(expected, key=lambda name: (expected[name].config, expected[name].stamp, name)):
            new, row = expected[name], next(row for row in rows if row["file"] == name)
            new.number = len(self.model.datasets) + 1
            assert row["state"] == self.model.load(new, reload, accept_drop), (summary, self.model.datasets)
            new.real = row["dataset"]

    def undo(self, number: int, cascade: bool) -> None:
        if chosen := self.choose(number):
            with self.refused_unless(self.model.undo([chosen], cascade)):
                undo.undo_datasets(self.connection, str(uuid.UUID(int=0)), chosen.real, cascade=cascade)

    def undo_run(self, number: int) -> None:
        if chosen := self.choose(number):
            with self.refused_unless(
                self.model.undo([d for d in self.model.datasets if d.run == chosen.run], False, of_run=True)
            ):
                undo.undo_datasets(self.connection, str(uuid.UUID(int=0)), of_run=chosen.run)

    def accept(self, number: int) -> None:
        if chosen := self.choose(number, "held"):
            was_accepted = bool(chosen.accepted_as)
            new = self.model.accept(chosen)
            with self.refused_unless(new is not None or was_accepted):
                done = accept_held.accept_dataset(self.connection, self.directories, str(uuid.uuid4()), chosen.real)
                if new is not None:
                    new.real = done.rows[0]["dataset"]

    def replay(self, number: int) -> None:
        if chosen := self.choose(number):
            with self.refused_unless(self.model.replay(chosen)):
                replay_rejects.replay_rejects(self.connection, chosen.real, 0, self.directories)

    def fix(self) -> None:
        self.model.is_fixed = True
        self.configure()

    def mode(self, config: str, mode: str) -> None:
        self.model.modes[config] = mode
        self.configure()

    def choose(self, number: int, state: str = "") -> Dataset | None:
        """One of the datasets, of those in a state first."""
        some = [d for d in self.model.datasets if d.state == state] or self.model.datasets
        return some[number % len(some)] if some else None

    @staticmethod
    def refused_unless(allowed: bool) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if allowed else pytest.raises(UsageError)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with db_utils.transaction(self.connection) as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def compare(self) -> None:
        actual = self.ask(
            "select dataset_id, status, rows_loaded, rows_rejected, rows_skipped, rows_held"
            " from dba.tdataset order by 1"
        )
        expected = [(d.real, d.state, d.loaded, d.count_rejected, d.skipped, d.held) for d in self.model.datasets]
        assert actual == expected, self.model.datasets
        if self.model.datasets:
            shown = "select extract(day from at at time zone 'UTC')::integer, amount::text from public.lists_current"
            assert sorted(self.ask(shown), key=str) == self.model.visible()


@pytest.mark.parametrize("modes", MODES)
def test_any_order_ends_as_the_model_says(here: Installation, monkeypatch: pytest.MonkeyPatch, modes: str) -> None:
    monkeypatch.setenv("ETL_NOW", NOW)
    for seed in range(SEEDS):
        print(f"seed {seed}")
        with contextlib.ExitStack() as stack:
            office = Office(here, stack, Model(MODES[modes], dated=seed % 4 > 0))
            for type_name, values in steps_of(random.Random(f"{modes} {seed}"), modes):
                print(type_name, *values)  # pytest shows it where a comparison fails
                getattr(office, type_name)(*values)
                office.compare()
