"""Which loads are suspicious: too few rows beside the last good loads, none at all, or a day that is still to come."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.datasets import states
from systemscripts.datasets.label_and_date import Identity
from systemscripts.findings import row_guards
from systemscripts.summary import Counts
from tests.conftest import Installation

pytestmark = pytest.mark.fast

DATED = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd"}


@pytest.fixture
def cursor(here: Installation) -> Iterator[Any]:
    """A cursor where the last loads of the import had 90, 100 and 110 rows."""
    here.configure("things")
    with contextlib.closing(psycopg2.connect(here.url)) as connection, connection.cursor() as opened:
        for number, rows in enumerate((90, 100, 110)):
            new = states.NewDataset(
                "things",
                Identity(),
                "append",
                "public.things",
                str(number),
                ["a"],
                "00000000-0000-0000-0000-000000000000",
            )
            dataset_id = states.create_dataset(opened, new)
            states.record_counts(opened, dataset_id, Counts(read=rows, loaded=rows))
            states.activate_dataset(opened, dataset_id, None)
        yield opened


def judge(cursor: Any, rows: int, days_ahead: int = 0, accept_drop: bool = False, **columns: Any) -> str:
    """Return the rule that holds a load of so many rows, "" where none does."""
    values = {"config_name": "things", "file_pattern": "things_.*", "target_table": "public.things", **columns}
    config = ImportConfig.model_validate(values)
    identity = Identity(date=settings.now().date() + timedelta(days=days_ahead) if days_ahead else None)
    finding = row_guards.judge_guards(cursor, config, identity, Counts(read=rows, loaded=rows), 0, accept_drop)
    return finding.rule if finding else ""


def test_half_of_the_usual_rows_is_accepted_and_fewer_are_held(cursor: Any) -> None:
    assert [judge(cursor, rows) for rows in (100, 50, 49, 0)] == ["", "", "rows_dropped", "no_rows"]
    assert judge(cursor, 89, guards={"max_drop_percent": 10}) == "rows_dropped"
    assert judge(cursor, 99, guards={"min_rows": 100}) == "min_rows"


def test_what_the_operator_accepts_or_allows_is_not_held(cursor: Any) -> None:
    assert judge(cursor, 1, accept_drop=True) == judge(cursor, 0, accept_drop=True) == ""
    assert judge(cursor, 0, guards={"allow_empty": True}) == ""


def test_where_files_add_up_few_rows_are_held_only_where_a_guard_is_set(cursor: Any) -> None:
    assert [judge(cursor, rows, load_mode="append") for rows in (1, 0)] == ["", "no_rows"]
    assert judge(cursor, 1, load_mode="append", guards={"max_drop_percent": 10}) == "rows_dropped"


def test_a_day_after_tomorrow_is_held_where_later_days_win(cursor: Any) -> None:
    assert [judge(cursor, 100, days, **DATED) for days in (1, 3)] == ["", "date_in_future"]
    assert judge(cursor, 100, 3, load_mode="append", **DATED) == ""
    assert judge(cursor, 100, 3, guards={"allow_future": True}, **DATED) == ""
