"""What a job says at its end, and the exit code that follows from it."""

from __future__ import annotations

import json

import pytest

from systemscripts.summary import Counts, Notice, Summary, add_details, limit_per_code

pytestmark = pytest.mark.fast


def test_the_exit_code_is_the_one_that_asks_for_a_person_first() -> None:
    summary = Summary()
    assert summary.exit_code == 0
    for code, expected in ((2, 2), (75, 75), (65, 65), (1, 1), (78, 78), (75, 78)):
        summary.problem(f"problem {code}", code)
        assert summary.exit_code == expected


def test_a_warning_is_shown_once_and_goes_into_text_and_json() -> None:
    summary = Summary(headline="done", rows=[{"file": "a.csv", "rows": 7}, {"file": "b.csv", "rows": None}])
    for _ in range(2):
        summary.warn("rows_rejected", "3 rows were rejected", config_name="orders")
    assert summary.as_text().splitlines() == [
        "done", "file   rows", "-----  ----", "a.csv     7", "b.csv", "warning: 3 rows were rejected",
    ]  # fmt: skip
    shown = json.loads(json.dumps(summary.as_dict()))
    assert shown["warnings"] == ["3 rows were rejected"]
    assert shown["warning_rows"][0]["config_name"] == "orders"


def test_thousands_of_equal_warnings_become_twenty_and_a_count() -> None:
    notices = [Notice("file_unmatched", f"file {number}") for number in range(25)] + [Notice("other", "x")]
    texts = [str(notice) for notice in limit_per_code(notices)]
    assert texts == [*(f"file {number}" for number in range(20)), "and 5 more of this kind, the last: file 24", "x"]


def test_what_a_warning_knew_already_stays() -> None:
    known = add_details([Notice("other", "x", file_id=1), Notice("other", "y")], file_id=2, config_name="orders")
    assert [(notice.file_id, notice.config_name) for notice in known] == [(1, "orders"), (2, "orders")]


def test_counts_of_files_add_up() -> None:
    total = Counts(1, 1)
    total.add(Counts(read=5, loaded=2, rejected=2, skipped=1))
    assert total == Counts(6, 3, 2, 1)
