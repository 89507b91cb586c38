"""Whatever the pattern of a proposed spelling matches, its declaration converts: no proposal rejects good values."""

from __future__ import annotations

import os
import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.suggest.list_spellings import list_spellings
from systemscripts.imports.values.convert_values import make_converter

pytestmark = pytest.mark.fast

EXAMPLES = 500 if os.environ.get("ETL_TEST_LONG") else 8
SAMPLES = [
    ["1"], ["1,234.56"], ["1.234,5"], ["1 234,5"], ["1'234.5"], ["$5", "-$1,234.50", "($3)"], ["5 €", "-5,50 €"],
    ["5-", "6.25"], ["5 €-", "3,00 €"], ["USD 5", "6 USD"], ["$5 USD"], ["5%", "(6.5 %)"], ["1.5e3"], ["12,34,567"],
    [" 5", "6 "], ["$ (5.00)", "(6) USD"], ["13/01/2026"], ["1/13/26"], ["2026-01-13"], ["20260113"],
    ["20260113T101112Z"], ["13.1.2026 5:30"], ["1/13/2026 5:30 PM"], ["13 Jan 2026"], ["13. März 2026"],
    ["13-janv.-26"], ["29 lutego 2024"], ["2026-01-13T10:00:00.123Z"], ["13/01/2026 10:00:00.5 +0100"],
    ["20260113101112"], ["5:30 pm"], ["10:11:12"],
    ["January 13, 2026"], ["13 de enero de 2026"], ["Ja", "Nein"], ["x"], ["Y", "N"], ["sí", "no"], ["hayır", "evet"],
]  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_a_pattern_matches_is_converted(sample: list[str]) -> None:
    spellings = [one for one in list_spellings(sample, "value") if not one.is_text]
    assert spellings
    for spelling in spellings:
        check_spelling(spelling.pattern, spelling.declared)


def check_spelling(pattern: str, declared: dict[str, object]) -> None:
    convert = make_converter(Column.model_validate(declared), ZoneInfo("UTC"))
    assert convert is not None
    # DuckDB tests large files by the same patterns, and cannot look around
    assert not re.search(r"\(\?<?[=!]", pattern)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(pattern, fullmatch=True))
    def check(value: str) -> None:
        assert convert(value) or value == "x"

    check()
