"""A declared column: its short form, and what does not go together is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from systemscripts.configuration.column_schema import Column, RowCheck
from systemscripts.configuration.import_parts import Reading

pytestmark = pytest.mark.fast


def test_short_forms_mean_what_the_long_ones_do() -> None:
    assert Column.model_validate("integer") == Column(type="integer")
    assert Column.model_validate({"type": "date", "formats": "dd/MM/yyyy"}).formats == ["dd/MM/yyyy"]
    assert Column.model_validate({"values": {1: True}}).values == {"1": "True"}
    assert Column.model_validate({"checks": {"one_of": [1, "a"]}}).checks.one_of == ["1", "a"]
    assert RowCheck.model_validate("a = b").equation == "a = b"


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("money", "Input should be"),
        ({"typ": "text"}, "Extra inputs"),
        ({"formats": "dd/MM/yyyy"}, "formats are for dates and times, not for text"),
        ({"type": "date", "formats": "dd/mm/yyyy"}, "write dd/MM/yyyy"),
        ({"type": "time", "formats": "yyyy"}, "is not a date format"),
        ({"decimal": ","}, "marks are for numbers"),
        ({"type": "numeric", "decimal": ",", "thousands": ","}, "are the same"),
        ({"type": "integer", "scale": 2}, "scale is for numeric"),
        ({"type": "numeric", "decimal": "e"}, "expected a mark"),
        ({"type": "numeric", "decimal": " "}, "expected a mark"),
        ({"type": "numeric", "thousands": "-"}, "expected a mark"),
        ({"type": "numeric", "currency": ["$", "5"]}, "signs or codes of currencies such as EUR or \\$, not '5'"),
        ({"type": "numeric", "currency": "e"}, "expected signs or codes"),
        ({"type": "numeric", "currency": "."}, "expected signs or codes"),
        ({"type": "numeric", "currency": "$", "percent": True}, "not for the same number"),
        ({"type": "date", "percent": True}, "currency, percent and negative are for numbers"),
        ({"type": "numeric", "negative": "red"}, "Input should be"),
        ({"type": "date", "formats": "d MMM yyyy", "language": "xx"}, "code of a language such as en, de or pt_BR"),
        ({"type": "date", "formats": "d MMM yyyy", "language": "../de"}, "code of a language"),
        ({"type": "date", "formats": "dd/MM/yyyy", "language": "de"}, "language is for formats with names"),
        ({"type": "date", "formats": "dd/MM/yyyy", "pivot": 30}, "pivot is for formats with two-digit years"),
        ({"type": "date", "formats": "dd/MM/yy", "pivot": 101}, "less than or equal to 100"),
        ({"type": "timestamp", "formats": "dd/MM/yyyy HH:mm XXX"}, "an offset needs the type timestamptz"),
        ({"type": "text", "true": "x"}, "true and false are for boolean"),
        ({"type": "boolean", "true": ["x", "Ja"], "false": "ja "}, "'ja' cannot be both true and false"),
        ({"type": "boolean", "true": "x", "null": ["x"]}, "'x' cannot be no value and true or false"),
        ({"fill": "load_time"}, "fill is for a timestamp"),
        ({"checks": {"regex": "(a"}}, "expected a regular expression"),
        ({"checks": {"lookup": "clients"}}, "should match pattern"),
        ({"rename": "Total Cost"}, "should match pattern"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(column: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Column.model_validate(column)


def test_a_column_has_the_spellings_of_its_import_that_contradict_none_of_its_own() -> None:
    reading = Reading.model_validate(
        {
            "decimal": ",",
            "thousands": ".",
            "currency": "EUR",
            "language": "de",
            "pivot": 30,
            "true": True,
            "false": ["Nein", 0],
        }
    )
    assert Column(type="numeric").with_defaults(reading) == Column(
        type="numeric", decimal=",", thousands=".", currency=["EUR"]
    )
    american = Column(type="numeric", thousands=",", currency=["$"])
    assert american.with_defaults(reading) == american
    assert Column(type="integer", percent=True, decimal=".").with_defaults(reading) == Column(
        type="integer", percent=True, decimal="."
    )
    named = Column(type="date", formats=["d MMM yy"], pivot=0).with_defaults(reading)
    assert (named.language, named.pivot) == ("de", 0)
    words = Column(type="boolean").with_defaults(reading)
    assert (words.true_words, words.false_words) == (["true"], ["Nein", "0"])
    assert Column().with_defaults(reading) == Column()


@pytest.mark.parametrize(("scale", "width"), [(None, 38), (2, 18), (9, 18), (10, 38)])
def test_a_number_with_a_scale_fits_64_bits_where_it_can(scale: int | None, width: int) -> None:
    assert Column(type="numeric", scale=scale).max_digits == width
