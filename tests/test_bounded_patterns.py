"""A regular expression of a configuration ends in bounded time, whatever a stranger sends."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemscripts import bounded_patterns
from systemscripts.errors import BadDataError
from systemscripts.imports.values import row_checks, skip_rows

pytestmark = pytest.mark.fast

# Each takes hours or for ever with Python's own module.
EVIL = [
    (r"(a+)+", "a" * 5_000 + "!"),
    (r"(a|aa)+", "a" * 60 + "!"),
    (r"(a?){40}a{40}", "a" * 39),
    (r"(?:a|b|ab)*c", "ab" * 40),
    (r"([a-z]+\s?)*", "word " * 1_000 + "!"),
    (r"(.*a){12}", "a" * 200 + "!"),
    (r"a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?" + "a" * 30, "a" * 29),
    (r"(a+)(\1+)+b", "a" * 300),
]


@pytest.mark.parametrize(("regex", "text"), EVIL)
def test_a_value_that_takes_too_long_has_a_reason_and_a_name_does_not_match(regex: str, text: str) -> None:
    assert not bounded_patterns.is_quick(regex, bounded_patterns.MAX_OPEN_PARTS_OF_NAME)
    begun = time.monotonic()
    try:
        assert not bounded_patterns.match_value(bounded_patterns.compile_value_pattern(regex), text)
    except bounded_patterns.SlowMatchError as error:
        assert "to compare" in str(error)
    assert bounded_patterns.compile_pattern(regex).fullmatch(text[-255:]) is None
    # two comparisons of a second each, by a clock that is looked at now and then, on a busy host
    assert time.monotonic() - begun < 60


def test_a_long_value_is_not_compared() -> None:
    pattern = bounded_patterns.compile_value_pattern("(?:a+)+")
    assert bounded_patterns.match_value(pattern, "a" * 10_000)
    for regex in ("(?:a+)+", "a+"):
        with pytest.raises(bounded_patterns.SlowMatchError, match="more than 10,000 letters"):
            bounded_patterns.match_value(bounded_patterns.compile_value_pattern(regex), "a" * 100_000)


def test_a_file_of_slow_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_patterns, "MATCH_SECONDS", 0.2)
    monkeypatch.setattr(bounded_patterns, "MAX_SLOW_SECONDS", 1.0)
    pattern = bounded_patterns.compile_value_pattern("(a|aa)+")
    reasons = 0
    with pytest.raises(BadDataError, match=r"regular expression \(a\|aa\)\+ took more than 1 s"):
        for number in range(1000):
            try:
                bounded_patterns.match_value(pattern, "a" * (60 + number) + "!")
            except bounded_patterns.SlowMatchError:
                reasons += 1
    assert reasons < 20


@pytest.mark.parametrize(
    "regex",
    [r"orders_(?P<date>\d{8})(_v\d)?\.csv(\.gz)?", r"[A-Z]{2}\d{6}", r"\w+", r"[^@]+@example\.com", r"(?:a|b)c?"],
)
def test_an_ordinary_expression_is_compared_as_before(regex: str) -> None:
    assert isinstance(bounded_patterns.compile_value_pattern(regex), re.Pattern)
    assert isinstance(bounded_patterns.compile_pattern(regex), re.Pattern)
    assert not bounded_patterns.describe_risk(regex)


@given(
    st.sampled_from([r"(\w+)_(?P<n>\d+)*x?", r"(?i)(?:ab|a|b)*", r"(?s)(.+?)+\n?", r"([^,]*,)*\d*", r"(?:é|ß)*\b\w*$"]),
    st.text("aAbB_1,2é\nß x", max_size=12),
)
def test_both_modules_agree(regex: str, text: str) -> None:
    pattern = bounded_patterns.StoppablePattern(regex)
    mine, theirs = pattern.fullmatch(text), re.fullmatch(regex, text)
    assert (mine is None) == (theirs is None)
    if mine is not None and theirs is not None and "n" in pattern.groupindex:
        assert mine["n"] == theirs["n"]


@given(st.text("ab*\\", max_size=8), st.text("ab*\n", max_size=10))
def test_wildcards_of_skip_if_fit_what_they_always_fitted(wildcards: str, text: str) -> None:
    parts = [re.escape(part.replace(r"\*", "*")) for part in re.split(r"(?<!\\)\*", wildcards)]
    pattern = skip_rows.compile_rules([{"x": [wildcards]}], ["x"])[0][0]
    assert bool(pattern.fullmatch(text)) == bool(re.fullmatch(".*".join(parts), text, re.DOTALL))


def test_wildcards_of_skip_if_are_quick_on_a_long_value() -> None:
    rules = skip_rows.compile_rules([{"x": ["*a*a*a*a*a*b"]}], ["x"])
    begun = time.monotonic()
    assert skip_rows.find_rows_to_skip([["a" * 100_000]], rules) == set()
    assert time.monotonic() - begun < 5


def test_an_equation_is_not_computed_with_endless_numbers() -> None:
    equation = row_checks.parse_equation("a = b * b", 0)
    assert "more than 1,000 digits" in equation.find_fault({"a": "1", "b": "9" * 100_000})
    assert equation.find_fault({"a": "4", "b": "2"}) == ""
