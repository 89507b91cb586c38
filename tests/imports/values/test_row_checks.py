"""An equation over the columns of a row: in decimal arithmetic, and only of names, numbers and + - * /."""

from __future__ import annotations

import pytest

from systemscripts.imports.values import row_checks

pytestmark = pytest.mark.fast


def fault(equation: str, tolerance: float = 0, **values: str) -> str:
    return row_checks.parse_equation(equation, tolerance).find_fault(values)


def test_decimals_are_compared_as_written_and_not_as_floats() -> None:
    assert fault("total = a + b", total="0.3", a="0.1", b="0.2") == ""
    assert fault("total = a + b", total="0.4", a="0.1", b="0.2") == "total = a + b does not hold: 0.4 is not 0.3"


def test_a_difference_within_the_tolerance_is_right() -> None:
    assert fault("total = price * 3", 0.01, total="10", price="3.33") == ""
    assert fault("total = price * 3", 0.009, total="10", price="3.33") != ""


def test_a_row_that_lacks_a_value_is_not_judged_and_one_that_cannot_be_computed_is_at_fault() -> None:
    assert fault("total = a / b", total="1", a="1", b="") == ""
    assert "cannot be computed" in fault("total = a / b", total="1", a="1", b="0")
    assert "cannot be computed" in fault("total = a / b", total="1", a="one", b="2")


@pytest.mark.parametrize(
    "text", ["total", "total = a ** b", "total = f(a)", "total = 'a'", "total = a.b", "total = (a", "a = True"]
)
def test_anything_but_names_numbers_and_four_operators_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"equation|only columns"):
        row_checks.parse_equation(text, 0)
