"""Column names are valid, unique, stable and independent of other columns."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemscripts.tables.column_names import (
    SYSTEM_COLUMNS,
    find_similar_headers,
    make_column_names,
    map_spellings,
)
from systemscripts.tables.lineage import RESERVED_NAMES

pytestmark = pytest.mark.fast

HEADERS = st.lists(st.text(max_size=90), max_size=12)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Event Name", "event_name"),
        ("  Total   Revenue ", "total_revenue"),
        ("Growth %", "growth_percent"),
        ("# of days", "number_of_days"),
        ("Price ($)", "price_dollar"),
        ("A & B", "a_and_b"),
        ("50+", "_50_plus"),
        ("2024", "_2024"),
        ("Café crème", "cafe_creme"),
        ("Straße", "strasse"),
        ("Ørsted", "orsted"),
        ("İl", "il"),
        ("名前", "名前"),
        ("ガス", "ガス"),
        ("xmin", "xmin_column"),
        ("OID", "oid_column"),
        ("dataset_id", "dataset_id_column"),
        ("Line\nbreak", "line_break"),
        ("", "col_0"),
        ("***", "col_0"),
    ],
)
def test_a_header_becomes_a_name(header: str, name: str) -> None:
    assert make_column_names([header]) == [name]


def test_duplicates_are_numbered_and_blanks_take_their_position() -> None:
    assert make_column_names(["Name", "name", "", "NAME", ""]) == ["name", "name_2", "col_2", "name_3", "col_4"]


def test_a_header_keeps_its_name_when_a_duplicate_stands_beside_it() -> None:
    assert make_column_names(["a", "a", "a_2"]) == ["a", "a_3", "a_2"]


@pytest.mark.parametrize(
    ("headers", "plain"),
    [
        (["E-Mail", "E Mail"], "E Mail"),
        (["Room", "Room:"], "Room"),
        (["Tel.", "(Tel)", "Tel"], "Tel"),
        (["Größe (cm)", "Größe cm", "Groesse"], "Größe cm"),
        (["Would you like to host a dinner on the evening of the second day?", ("Would you like to host a dinner, on "
          "the evening of the second day?")], "Would you like to host a dinner on the evening of the second day?"),
    ],
)  # fmt: skip
def test_headers_that_differ_in_punctuation_have_columns_of_their_own_in_any_order(
    headers: list[str], plain: str
) -> None:
    named = dict(zip(headers, make_column_names(headers), strict=True))
    assert len(set(named.values())) == len(headers)
    assert named[plain] == make_column_names([plain])[0]
    for order in itertools.permutations(headers):
        assert dict(zip(order, make_column_names(order), strict=True)) == named
    # If other headers are missing, the data of one never get into the column with the hash of another.
    for header in headers:
        assert make_column_names([header, "x"])[0] in (named[header], make_column_names([header])[0])


def test_a_table_where_such_headers_were_numbered_goes_on() -> None:
    known = map_spellings({"e_mail": "E-Mail", "e_mail_2": "E Mail"})
    assert make_column_names(["E Mail", "Room", "E-Mail"], known) == ["e_mail_2", "room", "e_mail"]


def test_a_long_header_ends_in_a_hash_and_differs_from_its_twin() -> None:
    long = "The answer to the question how satisfied the guests were with"
    first, second = make_column_names([f"{long} the room", f"{long} the food"])
    assert first != second
    assert first[:54] == second[:54]
    assert len(first) == len(second) == 63
    assert make_column_names([f"{long} the food"]) == [second]


@given(HEADERS)
def test_names_are_valid_and_unique(headers: list[str]) -> None:
    names = make_column_names(headers)
    assert len(names) == len(headers) == len(set(names))
    for name in names:
        assert 0 < len(name.encode()) <= 63
        assert not name[0].isdigit()
        assert name == name.lower()
        assert name not in SYSTEM_COLUMNS | RESERVED_NAMES
        assert not any(letter.isspace() or letter in "\"'%#$&+-." for letter in name)


@given(HEADERS)
def test_a_name_given_again_stays(headers: list[str]) -> None:
    names = make_column_names(headers)
    assert make_column_names(names) == names


@given(HEADERS, st.text(max_size=90))
def test_a_name_does_not_depend_on_other_columns(headers: list[str], header: str) -> None:
    """Except for those that differ from it only in punctuation: then the plainest keeps the name."""
    alone = make_column_names([header])[0]
    if not alone.startswith("col_") and header not in find_similar_headers([header, *headers]):
        assert make_column_names([header, *headers])[0] == alone
