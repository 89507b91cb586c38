"""A declared column: its short form, and what does not go together is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from systemscripts.configuration.column_schema import Column, RowCheck

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
        ({"fill": "load_time"}, "fill is for a timestamp"),
        ({"checks": {"regex": "(a"}}, "expected a regular expression"),
        ({"checks": {"lookup": "clients"}}, "should match pattern"),
        ({"rename": "Total Cost"}, "should match pattern"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(column: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Column.model_validate(column)


@pytest.mark.parametrize(("scale", "width"), [(None, 38), (2, 18), (9, 18), (10, 38)])
def test_a_number_with_a_scale_fits_64_bits_where_it_can(scale: int | None, width: int) -> None:
    assert Column(type="numeric", scale=scale).max_digits == width
