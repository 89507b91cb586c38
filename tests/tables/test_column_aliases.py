"""Headers with the same meaning become one column."""

from __future__ import annotations

import pytest

from systemscripts.tables.column_aliases import apply_aliases
from systemscripts.tables.column_names import make_column_names

pytestmark = pytest.mark.fast

ALIASES = {"ticker": ["Company Ticker", "Ticker Symbol"], "company_name": ["Company/Organization", "Company"]}


def name_headers(*headers: str) -> list[str]:
    return apply_aliases(make_column_names(headers), headers, ALIASES)


def test_a_listed_header_becomes_the_column() -> None:
    assert name_headers("Company/Organization", "Company Ticker", "Sector") == ["company_name", "ticker", "sector"]


def test_case_spaces_and_punctuation_do_not_matter() -> None:
    assert name_headers("  company / ORGANIZATION ", "ticker symbol:") == ["company_name", "ticker"]


def test_of_two_listed_headers_the_first_wins_and_the_other_keeps_its_own_name() -> None:
    assert name_headers("Ticker Symbol", "Company Ticker") == ["ticker", "company_ticker"]


def test_the_column_that_has_the_name_by_itself_wins() -> None:
    assert name_headers("Company", "Company Name") == ["company", "company_name"]


def test_the_same_listed_header_twice() -> None:
    assert name_headers("Company", "Company") == ["company_name", "company_2"]


def test_of_listed_headers_that_differ_in_punctuation_the_plainest_wins_in_any_order() -> None:
    first, second = name_headers("Company:", "Company"), name_headers("Company", "Company:")
    assert first == second[::-1]
    assert second[0] == "company_name"


def test_blank_headers_and_none_listed() -> None:
    assert name_headers("", "Room", "") == ["col_0", "room", "col_2"]
    assert apply_aliases(["a"], ["A"], {}) == ["a"]
