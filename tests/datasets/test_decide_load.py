"""What a content means beside the datasets that are there: one line for each case."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg2
import pytest

from systemscripts.datasets import states
from systemscripts.datasets.label_and_date import Identity
from systemscripts.datasets.load_decision import decide_load
from tests.conftest import Installation

pytestmark = pytest.mark.fast

RUN = "00000000-0000-0000-0000-000000000000"
MONDAY, TUESDAY = (Identity("a", date(2026, 1, day), f"2026-01-0{day}") for day in (5, 6))
OTHER = Identity("b", MONDAY.date, MONDAY.stamp)
# load mode; what happened before: (identity, content, end); what comes now; what is done with which of the earlier ones
CASES: dict[str, tuple[str, list[tuple[Identity, str, str]], tuple[Identity, str], tuple[str, int | None]]] = {
    "nothing is there": ("snapshot", [], (MONDAY, "x"), ("load", None)),
    "the current content again": ("snapshot", [(MONDAY, "x", "active")], (TUESDAY, "x"), ("unchanged", 0)),
    "another content of its day": ("snapshot", [(MONDAY, "x", "active")], (MONDAY, "y"), ("load", 0)),
    "another day": ("snapshot", [(MONDAY, "x", "active")], (TUESDAY, "y"), ("load", None)),
    "another label": ("snapshot", [(MONDAY, "x", "active")], (OTHER, "x"), ("load", None)),
    "an earlier content of its day": (
        "snapshot", [(MONDAY, "x", "active"), (TUESDAY, "y", "active")], (MONDAY, "x"), ("duplicate", 0)),
    "a state that comes back": (
        "snapshot", [(MONDAY, "x", "active"), (TUESDAY, "y", "active")], (TUESDAY, "x"), ("load", 1)),
    "a held content": ("snapshot", [(MONDAY, "x", "held")], (MONDAY, "x"), ("duplicate", 0)),
    "an undone content": ("snapshot", [(MONDAY, "x", "undone")], (MONDAY, "x"), ("duplicate", 0)),
    "append: a content that is there": ("append", [(MONDAY, "x", "active")], (MONDAY, "x"), ("duplicate", 0)),
    "append: another content": ("append", [(MONDAY, "x", "active")], (MONDAY, "y"), ("load", None)),
    "upsert: the newest content": ("upsert", [(MONDAY, "x", "active")], (TUESDAY, "x"), ("unchanged", 0)),
    "upsert: an earlier content": (
        "upsert", [(MONDAY, "x", "active"), (TUESDAY, "y", "active")], (TUESDAY, "x"), ("load", None)),
    "upsert: an undone content": ("upsert", [(MONDAY, "x", "undone")], (TUESDAY, "x"), ("duplicate", 0)),
}  # fmt: skip


@pytest.fixture
def cursor(here: Installation) -> Iterator[Any]:
    here.configure("things")
    with contextlib.closing(psycopg2.connect(here.url)) as connection, connection.cursor() as opened:
        yield opened


def record(cursor: Any, load_mode: str, identity: Identity, content: str, end: str) -> int:
    new = states.NewDataset("things", identity, load_mode, "public.things", content, ["a"], RUN)
    number = states.create_dataset(cursor, new)
    if end == "active":
        states.activate_dataset(cursor, number, None)
    elif end == "undone":
        states.undo_dataset(cursor, number, RUN)
    return number


def test_every_content_is_judged_by_what_is_there(cursor: Any) -> None:
    for name, (load_mode, history, (identity, content), (action, index)) in CASES.items():
        cursor.execute("savepoint before_case")
        numbers = [record(cursor, load_mode, *earlier) for earlier in history]
        decision = decide_load(cursor, "things", load_mode, identity, content, reload=False)
        named = decision.supersedes if decision.action == "load" else decision.dataset_id
        assert (decision.action, named) == (action, None if index is None else numbers[index]), name
        if history and history[-1][2] == "undone":
            assert decide_load(cursor, "things", load_mode, identity, content, reload=True).action == "load", name
        cursor.execute("rollback to before_case")
