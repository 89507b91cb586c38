"""Kill -9 at each step of a load, an undo or an acceptance of rows elsewhere: the next start ends as it would have."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.target_database.conftest import Warehouse

BOTH = "systemscripts.ingest.both_databases"
HEAL = "systemscripts.ingest.heal_target"
LEDGER = "systemscripts.target_database.target_ledger"
# The steps of a load: the function, when, and whether the rows are there afterwards. Each start heals what the one
# before left, and is itself killed.
LOAD = [
    (f"{LEDGER}:install", "before", False),
    (f"{LEDGER}:claim", "after", False),
    ("systemscripts.imports.target_plan:extend_table", "after", False),
    (f"{BOTH}:record_intent", "before", False),
    (f"{BOTH}:record_intent", "after", False),
    (f"{LEDGER}:add_dataset", "after", False),
    (f"{BOTH}:commit_home", "before", True),
    (f"{HEAL}:_take_load_back", "before", True),
    (f"{HEAL}:_take_load_back", "after", True),
    (f"{BOTH}:forget_intent", "before", False),
    (f"{BOTH}:commit_home", "before", True),
    (f"{BOTH}:commit_home", "after", True),
]
# of an undo, and of the starts that finish it; whether the rows still count
UNDO = [
    ("systemscripts.datasets.states:undo_dataset", "after", True),
    (f"{BOTH}:commit_target", "before", True),
    (f"{BOTH}:commit_target", "before", True),
    (f"{BOTH}:commit_target", "after", False),
]
MODES = ("new_rows", "upsert", "snapshot")


def kill_at(step: str, when: str, work: Callable[[], object]) -> None:
    """Do something in a child that kills itself at a function."""
    if (child := os.fork()) == 0:
        module_name, _, name = step.partition(":")
        owner = importlib.import_module(module_name)
        function = getattr(owner, name)

        def killer(*arguments: Any, **named: Any) -> None:
            if when == "after":
                function(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, killer)
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"{step} was not reached"


def begin(warehouse: Warehouse, mode: str) -> None:
    """Load a first file; a second one waits, which changes, repeats and adds rows."""
    more = {"key_columns": "[order_id]"} if mode == "upsert" else {}
    warehouse.write_job(load_mode=mode, max_rejects="9", **more)
    warehouse.put("a.csv", "1,1\n2,2\n3,3\n")
    warehouse.load()
    warehouse.put("b.csv", "2,2\n3,30\n4,4\nx,0\n")


AFTER_BOTH = {
    "new_rows": [(1, 1), (2, 2), (3, 3), (3, 30), (4, 4)],
    "upsert": [(1, 1), (2, 2), (3, 30), (4, 4)],
    "snapshot": [(2, 2), (3, 30), (4, 4)],
}
BEFORE = [(1, 1), (2, 2), (3, 3)]


def check(warehouse: Warehouse, rows: list[tuple[int, int]], rejects: int = 1) -> None:
    warehouse.check()
    assert warehouse.current() == rows
    rejected = (
        "select count(*) from dba.trejectedrow r join dba.tdataset d using (dataset_id) where d.status = 'active'"
    )
    assert warehouse.installation.sql(rejected) == [(rejects,)]


@pytest.mark.parametrize("mode", MODES)
def test_a_load_that_is_killed_at_each_step_is_done_once(warehouse: Warehouse, mode: str) -> None:
    begin(warehouse, mode)
    for step, when, are_there in LOAD:
        kill_at(step, when, warehouse.load)
        assert warehouse.current() == (AFTER_BOTH[mode] if are_there else BEFORE), (step, when)
    warehouse.load()
    check(warehouse, AFTER_BOTH[mode])
    assert [row[1] for row in warehouse.datasets()] == ["superseded" if mode == "snapshot" else "active", "active"]
    warehouse.undo(max(row[0] for row in warehouse.datasets()))
    check(warehouse, BEFORE, rejects=0)


@pytest.mark.parametrize("mode", MODES)
def test_an_undo_that_is_killed_at_each_step_is_finished(warehouse: Warehouse, mode: str) -> None:
    begin(warehouse, mode)
    warehouse.load()
    undone = 1 if mode == "new_rows" else 2
    expected = [(2, 2), (3, 30), (4, 4)] if mode == "new_rows" else BEFORE
    for step, when, count_still in UNDO:
        kill_at(step, when, lambda: warehouse.undo(undone))
        assert warehouse.current() == (AFTER_BOTH[mode] if count_still else expected), (step, when)
    warehouse.undo(undone)
    check(warehouse, expected, rejects=1 if mode == "new_rows" else 0)


def test_an_undo_that_was_killed_is_finished_by_the_next_load(warehouse: Warehouse) -> None:
    begin(warehouse, "new_rows")
    warehouse.load()
    kill_at(f"{BOTH}:commit_target", "before", lambda: warehouse.undo(1))
    warehouse.installation.sql("update dba.timportconfig set is_active = true")
    warehouse.load()
    check(warehouse, [(2, 2), (3, 30), (4, 4)])
    assert warehouse.installation.sql("select rows_loaded from dba.tdataset where dataset_id = 2") == [(3,)]


def test_an_acceptance_that_is_killed_is_made_once(warehouse: Warehouse) -> None:
    warehouse.write_job(load_mode="snapshot", guards="{min_rows: 2}")
    warehouse.put("a.csv", "1,1\n2,2\n")
    warehouse.load()
    warehouse.put("b.csv", "9,9\n")
    warehouse.load_here()
    for when in ("before", "after"):
        kill_at(f"{BOTH}:commit_home", when, lambda: warehouse.accept(2))
        assert warehouse.current() == [(9, 9)]
    warehouse.accept(2)
    check(warehouse, [(9, 9)], rejects=0)
