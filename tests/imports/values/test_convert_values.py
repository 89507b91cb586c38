"""Each value as its declared type, or a reason that a client understands."""

from __future__ import annotations

from typing import Any

import pytest

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import convert_values

pytestmark = pytest.mark.fast


def convert(text: str, column: dict[str, Any]) -> str:
    converter = convert_values.make_converter(Column.model_validate(column), None)
    assert converter is not None
    return converter(text)


@pytest.mark.parametrize(
    ("text", "column", "stored"),
    [
        (" 2147483647 ", {"type": "integer"}, "2147483647"),
        ("1,234,567", {"type": "integer", "thousands": ","}, "1234567"),
        ("1.234,50", {"type": "numeric", "thousands": ".", "decimal": ","}, "1234.50"),
        ("1\u202f234", {"type": "integer", "thousands": " "}, "1234"),
        (" $-   ", {"type": "numeric", "currency": "$", "values": {"$-": 0}}, "0"),
        (" x ", {"values": {"x": "y"}}, " x "),
        ("1.500", {"type": "numeric", "scale": 1}, "1.500"),
        ("Yes", {"type": "boolean"}, "true"),
        ("a, b\"c,,d", {"type": "text[]"}, '{"a","b\\"c","d"}'),
    ],
)  # fmt: skip
def test_a_value_is_stored_in_the_spelling_of_postgresql(text: str, column: dict[str, Any], stored: str) -> None:
    assert convert(text, column) == stored


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("2147483648", {"type": "integer"}, "is too large for integer"),
        ("9" * 5000, {"type": "bigint"}, "is too large for bigint"),
        ("1_000", {"type": "integer"}, "is not a whole number"),
        ("NaN", {"type": "numeric"}, "is not a number"),
        ("1,23,45", {"type": "integer", "thousands": ","}, "thousands marks in the wrong places"),
        ("1.5", {"type": "numeric", "decimal": ","}, "has a point where the decimal mark is ','"),
        ("1.55", {"type": "numeric", "scale": 1}, "more than 1 digits after the point"),
        ("maybe", {"type": "boolean"}, "neither true nor false"),
    ],
)
def test_what_does_not_fit_its_type_is_refused_in_words(text: str, column: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        convert(text, column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jo.doe+list@mail.example.com", True),
        ("jo@example", False),
        ("jo..doe@example.com", False),
        ("a b@example.com", False),
        ("x" * 65 + "@example.com", False),
    ],
)
def test_an_address_is_one_that_mail_servers_deliver_to(text: str, expected: bool) -> None:
    assert convert_values.is_email(text) is expected


def test_blanks_are_a_value_only_of_text_that_is_not_required() -> None:
    null = frozenset({""})
    assert convert_values.is_empty("  ", Column(type="integer"), null)
    assert not convert_values.is_empty("  ", Column(), null)
    assert convert_values.is_empty("  ", Column(required=True), null)
