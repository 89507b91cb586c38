"""Numbers in the declared spellings: each converts to the exact value, and nothing undeclared passes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import column_patterns, convert_values

pytestmark = pytest.mark.fast

NULL = frozenset({""})
BLANKS = ["", " ", "\u00a0", "\u202f", "  "]
# declared -> characters that may separate thousands
THOUSANDS = {
    ",": [","], ".": ["."], " ": [" ", "\u00a0", "\u2009", "\u202f", "\u2007"], "'": ["'", "\u2019"], "\u2019": ["'"],
}  # fmt: skip
# declared units, and the texts that may stand before or after
UNITS = [("currency", ["\u20ac", "EUR"]), ("currency", ["kr."]), ("currency", ["US$", "$"]), ("percent", True)]


def group(digits: str, mark: str, is_indian: bool) -> str:
    head, tail = digits[:-3], digits[-3:]
    size = 2 if is_indian else 3
    parts = [head[max(0, end - size) : end] for end in range(len(head), 0, -size)][::-1]
    return mark.join([*parts, tail]) if head else tail


@st.composite
def columns_of_numbers(draw: st.DrawFn) -> tuple[dict[str, Any], list[str], list[str], set[str]]:
    """Return a declaration, texts in its spellings, their exact values, and the keys that every text needs."""
    marks = draw(st.sampled_from([None, *THOUSANDS]))
    decimal = draw(st.sampled_from([mark for mark in ".,\u00b7" if mark != marks]))
    negative = draw(st.sampled_from(["before", "brackets", "after"]))
    unit = draw(st.sampled_from([None, *UNITS]))
    column: dict[str, Any] = {"type": "numeric", "decimal": decimal}
    column |= {"thousands": marks} if marks else {}
    column |= {"negative": negative} if negative != "before" else {}
    column |= {unit[0]: unit[1]} if unit else {}
    texts, values, needed = [], [], {"thousands", "negative", "currency", "percent"}
    for _ in range(draw(st.integers(1, 6))):
        digits = str(draw(st.integers(0, 10**25)))
        fraction = draw(st.text("0123456789", max_size=12))
        is_negative = draw(st.booleans())
        blank = draw(st.sampled_from(BLANKS))
        is_indian = marks == "," and draw(st.booleans())
        mark = draw(st.sampled_from(THOUSANDS[marks])) if marks and draw(st.booleans()) else ""
        text = group(digits, mark, is_indian) if mark else digits
        text += decimal + fraction if fraction else ""
        sign = {"before": ("-" + blank, ""), "brackets": ("(", ")"), "after": ("", blank + "-")}[negative]
        if negative == "before" and draw(st.booleans()):
            sign = ("\u2212", "")
        texts_of_unit = ["%"] if unit and unit[0] == "percent" else unit[1] if unit else [""]
        assert isinstance(texts_of_unit, list)
        shown = draw(st.sampled_from(texts_of_unit))
        is_first = draw(st.booleans())

        def add_unit(text: str, shown: str = shown, blank: str = blank, is_first: bool = is_first) -> str:
            return text if not shown else shown + blank + text if is_first else text + blank + shown

        def add_sign(text: str, is_negative: bool = is_negative, sign: tuple[str, str] = sign) -> str:
            return sign[0] + text + sign[1] if is_negative else text

        both = draw(st.booleans())
        texts.append(add_unit(add_sign(text)) if both else add_sign(add_unit(text)))
        values.append(("-" if is_negative else "") + digits + ("." + fraction if fraction else ""))
        needed -= set() if mark and len(digits) > 3 else {"thousands"}
        needed -= set() if is_negative and negative != "before" else {"negative"}
        needed -= set() if shown else {"currency", "percent"}
    return column, texts, values, needed & set(column)


@settings(max_examples=300, deadline=None)
@given(columns_of_numbers())
def test_a_column_in_its_declared_spelling_becomes_the_exact_values_and_an_undeclared_one_is_refused(
    case: tuple[dict[str, Any], list[str], list[str], set[str]],
) -> None:
    column, texts, values, needed = case
    declared = Column.model_validate(column)
    convert, pattern = convert_values.make_converter(declared, None), column_patterns.build_pattern(declared, NULL)
    assert convert is not None and pattern is not None
    assert [convert(text) for text in texts] == values
    assert pattern.apply([*texts, "", *texts]) == [*values, "", *values]
    for key in needed:
        poorer = Column.model_validate({name: value for name, value in column.items() if name != key})
        convert, pattern = convert_values.make_converter(poorer, None), column_patterns.build_pattern(poorer, NULL)
        assert convert is not None and pattern is not None
        assert pattern.apply(texts) is None
        for text in texts:
            with pytest.raises(ValueError, match=r"is not a number|thousands marks|has a point"):
                convert(text)


@settings(max_examples=300, deadline=None)
@given(columns_of_numbers(), st.integers(0, 40), st.sampled_from("0123456789+-.,'()%$e \u20ac\u2212\u00a0kr"))
def test_a_changed_letter_is_refused_or_read_alike_by_value_and_by_column(
    case: tuple[dict[str, Any], list[str], list[str], set[str]], index: int, letter: str
) -> None:
    declared = Column.model_validate(case[0])
    text = case[1][0]
    text = text[: index % (len(text) + 1)] + letter + text[index % (len(text) + 1) :]
    convert, pattern = convert_values.make_converter(declared, None), column_patterns.build_pattern(declared, NULL)
    assert convert is not None and pattern is not None
    as_column = pattern.apply([text])
    try:
        value = convert(text)
    except ValueError:
        assert as_column is None
        return
    # PostgreSQL reads what both of them write
    assert Decimal(value).is_finite()
    assert as_column in (None, [value])


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("Rs.500", {"currency": "Rs."}, "500"),
        ("$.50", {"currency": "$"}, ".50"),
        ("US $ 5", {"currency": "US $"}, "5"),
        ("$1,234.50 USD", {"currency": ["$", "USD"], "thousands": ","}, "1234.50"),
        ("1.234", {"type": "integer", "thousands": "."}, "1234"),
        ("(1\u202f234\u00a0z\u0142)", {"currency": "Z\u0141", "thousands": " ", "negative": "brackets"}, "-1234"),
        ("1,5E\u22123", {"decimal": ","}, "1.5E-3"),
    ],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it(text: str, column: dict[str, Any], value: str) -> None:
    convert = convert_values.make_converter(Column.model_validate({"type": "numeric"} | column), None)
    assert convert is not None
    assert convert(text) == value


@pytest.mark.parametrize(
    ("text", "column"),
    [
        # the point may belong to the currency
        ("Rs.500", {"currency": "Rs"}),
        ("Rs..500", {"currency": "Rs"}),
        # a price without cents
        ("12,-", {"decimal": ",", "negative": "after"}),
        ("12, -", {"decimal": ",", "negative": "after"}),
        ("1.234.567", {}),
        ("1,234.567,8", {"thousands": ","}),
        ("1 234,5", {"thousands": ".", "decimal": ","}),
        ("12 34 567", {"thousands": " "}),
        ("5%", {"currency": "$"}),
        ("$5$", {"currency": ["$", "USD"]}),
        ("\uff15", {"currency": "$"}),
        ("5 0", {"currency": "$"}),
        ("5\n0", {"thousands": " "}),
    ],
)
def test_a_number_that_may_mean_something_else_is_refused(text: str, column: dict[str, Any]) -> None:
    declared = Column.model_validate({"type": "numeric"} | column)
    convert = convert_values.make_converter(declared, None)
    assert convert is not None
    with pytest.raises(ValueError, match=r"is not a number|thousands marks"):
        convert(text)


def test_a_null_mark_that_is_a_number_means_no_value_with_blanks_around_it_too() -> None:
    column = Column.model_validate({"type": "integer", "thousands": ","})
    pattern = column_patterns.build_pattern(column, frozenset({"", "9999"}))
    assert pattern is not None
    assert pattern.apply(["9999", " 9999 ", "9,999"]) == ["", "", "9999"]
