"""The quick test of a whole column accepts only what the careful conversion of each value would store alike."""

from __future__ import annotations

import pytest

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import column_patterns, convert_values

pytestmark = pytest.mark.fast

NULL = frozenset({"", "NULL"})
VALUES = (
    "1", "-12", "+5", "007", "2147483648", "1.5", "1.", ".5", "1e3", "1_000", "0x1F", "NaN", "infinity", "today",
    "true", "yes", "2026-01-05", "2026-02-30", "0026-01-05", "2026-1-5", "24:00", "06:07", "06:07:60",
    "2026-01-05T06:07", "05/01/2026", "x",
)  # fmt: skip


@pytest.mark.parametrize(
    "column",
    ["integer", "bigint", "numeric", "date", "time", "timestamp", {"type": "date", "formats": ["dd/MM/yyyy"]},
     {"type": "numeric", "scale": 2}],
    ids=str,
)  # fmt: skip
def test_whatever_the_pattern_accepts_the_careful_conversion_stores_alike(column: object) -> None:
    declared = Column.model_validate(column)
    pattern, convert = column_patterns.build_pattern(declared, NULL), convert_values.make_converter(declared, None)
    assert pattern is not None and convert is not None
    accepted = {value: stored[0] for value in VALUES if (stored := pattern.apply([value])) is not None}
    accepted.pop("2026-02-30", None)  # the pattern cannot see it, and PostgreSQL refuses it
    assert accepted
    for value, stored in accepted.items():
        assert convert(value).replace("T", " ") in (stored.replace("T", " "), f"{stored.replace('T', ' ')}:00"), value


def test_one_value_of_another_form_sends_the_whole_column_to_the_careful_conversion() -> None:
    pattern = column_patterns.build_pattern(Column.model_validate({"type": "date", "formats": ["dd/MM/yyyy"]}), NULL)
    assert pattern is not None
    assert pattern.apply(["05/01/2026", "NULL", "", "31/12/2025"]) == ["2026-01-05", "", "", "2025-12-31"]
    assert pattern.apply(["05/01/2026", "soon"]) is None
    assert pattern.apply(["05/01/2026\n06/01/2026"]) is None


def test_a_required_column_has_no_place_for_an_empty_value() -> None:
    pattern = column_patterns.build_pattern(Column(type="integer", required=True), NULL)
    assert pattern is not None
    assert pattern.apply(["1", "2"]) == ["1", "2"]
    assert pattern.apply(["1", ""]) is None
    assert column_patterns.build_pattern(Column(type="integer", required=True), frozenset({"", "9999"})) is None


def test_the_words_of_a_boolean_become_those_that_every_target_reads() -> None:
    pattern = column_patterns.build_pattern(Column(type="boolean"), NULL)
    assert pattern is not None
    assert (pattern.apply(["true", "NULL", "false"]), pattern.apply(["on"])) == (["true", "", "false"], None)


@pytest.mark.parametrize("column", [{"checks": {"regex": "a+"}}, {"default": "x"}, {"type": "boolean", "true": "x"}])
def test_what_needs_a_look_at_each_value_has_no_pattern(column: dict[str, object]) -> None:
    assert column_patterns.build_pattern(Column.model_validate(column), NULL) is None
