"""Cutting at once gives what cutting field by field gives, or leaves the work to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemscripts.imports.values import split_fields

pytestmark = pytest.mark.fast

FIELD = st.text(alphabet='ab,"\n \x1a', max_size=4)


def by_field(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def at_once(text: str, width: int, records: int) -> Sequence[Sequence[str]] | None:
    without = split_fields._remove_quotes(text, '"', ",") if '"' in text else text
    if without is None or text.count("\n") != records - 1:
        return None
    columns = None if "\x1a" in text else split_fields._split_plain(without, ",", width, records)
    return columns and [split_fields._restore_delimiters(column, ",") for column in columns]


@given(st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=5), st.booleans())
def test_written_by_a_csv_writer(rows: list[list[str]], all_quoted: bool) -> None:
    written = io.StringIO()
    quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    csv.writer(written, lineterminator="\n", quoting=quoting).writerows(rows)
    found = at_once(written.getvalue().removesuffix("\n"), 3, len(rows))
    assert found is None or list(zip(*found, strict=True)) == [tuple(row) for row in rows]


@given(st.text(alphabet='a,"\n', max_size=12))
def test_any_text_at_all(text: str) -> None:
    found = at_once(text, 2, text.count("\n") + 1)
    if found is not None:
        assert [list(row) for row in zip(*found, strict=True)] == by_field(text)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ('1,"a,b"\n"2",c', [["1", "2"], ["a,b", "c"]]),
        ('"1","a,b"\n"2","c,"', [["1", "2"], ["a,b", "c,"]]),
        ('1,""\n2,"x"', [["1", "2"], ["", "x"]]),
        ('1,"a""b"\n2,c', None),
        ('1,a"b"\n2,c', None),
    ],
)
def test_quoted_fields_are_cut_at_once(text: str, cut: list[list[str]] | None) -> None:
    assert at_once(text, 2, 2) == cut
