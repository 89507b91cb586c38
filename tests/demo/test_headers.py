"""Thirty lists with more than 110 distinct headers come out the same in whatever order they load."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from demo import lists
from tests.demo.conftest import Week

LONG = "Would your management team like to host a small group dinner for selected investors on "
UGLY = (
    "Company/Organization", "Company Ticker", "Market Cap ($MM)", "Mkt Cap (USD$M)", "Available for 1x1s?",
    "Just Hosting 1 on 1's", "Participation Days:", "Virtual 3/11", "", "Format", "Format", LONG + "Monday?",
    LONG + "Tuesday?", "  Sector ", "SECTOR", "% of float", "Größe", "Pays d'origine", "会社名", "dataset_id", "select",
    "1st choice", "Room #", "Tel.\nextension",
)  # fmt: skip
FORMATS = (lists.HTML, lists.XLSX, lists.BIFF)


def columns() -> list[list[str]]:
    """The headers of each list: every ugly one at least twice, the rest as the years bring them."""
    plain = [f"Question {number} of the organiser" for number in range(96)]
    assert len({*UGLY, *plain}) >= 110
    names = []
    for number in range(30):
        own = [UGLY[(number * 3 + step) % len(UGLY)] for step in range(6)]
        names.append(["Company Name", "Ticker", *own, *plain[number * 16 // 5 : number * 16 // 5 + 4]])
    return names


def files() -> list[bytes]:
    paths = []
    for number, headers in enumerate(columns()):
        rows = [
            [f"Company {number}-{row}", f"T{row}", *(f"{number}/{row}/{i}" for i in range(len(headers) - 2))]
            for row in range(3)
        ]
        paths.append(lists.WRITERS[FORMATS[number % 3]](headers, rows, ()))
    return paths


def load_lists(lists: Week, order: list[int]) -> tuple[set[str], list[str]]:
    """Load the lists in this order; the columns, and the rows by list and place with what is in them."""
    content = files()
    for row_number, number in enumerate(order):
        lists.installation.drop(f"20260302T06{row_number:02}00_MeetMax_{700 + number}.xls", content[number])
    done = lists.installation.summary("generic_import", "meetmax_events")
    assert (done["exit_code"], done["files"], done["counts"]["loaded"]) == (0, 30, 90)
    names = lists.installation.sql(
        """select attname from pg_attribute where attrelid = 'dba.tmeetmax'::regclass and attnum > 0
           and not attisdropped"""
    )
    rows = lists.installation.sql(
        """select d.label, t.source_row, to_jsonb(t) - 'dataset_id' from dba.tmeetmax_current t
           join dba.tdataset d using (dataset_id)"""
    )
    return {name for (name,) in names}, sorted(map(repr, rows))


@pytest.mark.timeout(300)
def test_30_lists_with_110_headers_load_in_any_order_into_the_same_columns_and_rows(week: Callable[[], Week]) -> None:
    order = list(range(30))
    shuffled = random.Random(7).sample(order, 30)
    states = [load_lists(week(), one) for one in (order, order[::-1], shuffled)]
    assert len(states[0][0]) >= 110
    assert states[0][0] == states[1][0] == states[2][0]
    assert states[0][1] == states[1][1] == states[2][1]
    every_value = "".join(states[0][1])
    for number, headers in enumerate(columns()):
        assert all(f"'{number}/2/{i}'" in every_value for i in range(len(headers) - 2)), f"list {number} lost a value"
