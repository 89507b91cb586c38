"""Each sample is read as expected, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from tests.tables.conftest import Read

pytestmark = pytest.mark.fast

SAMPLES = Path(__file__).parents[1] / "samples"

# file: number of records, encoding, delimiter, and the last record
TABLES = {
    "plain.csv": (2, "utf-8", ",", ["008", "NA", "2024-05-02", "9.50"]),
    "semicolon_decimal_comma.csv": (2, "utf-8", ";", ["Tisch", "2,50", "0,20"]),
    "windows_1252.csv": (2, "cp1252", ",", ["Chloé", "Genève"]),
    "utf16.txt": (2, "utf-16-le", "\t", ["Chloé", "Genève"]),
    "byte_order_mark.csv": (1, "utf-8", ",", ["Jürg", "Zürich"]),
    "quoted_line_breaks.csv": (2, "utf-8", ",", ["Ben", 'the "Old Mill"']),
    "stray_quotes.csv": (4, "utf-8", ",", ["bolt", "M8, steel", "0.10"]),
    "carriage_returns.csv": (2, "utf-8", ",", ["Ben", "Genf"]),
    "titles_above.csv": (2, "utf-8", ",", ["Ben", "Genf", "14"]),
    "ragged_rows.csv": (4, "utf-8", ",", ["1", "2", "3"]),
    "one_column.csv": (4, "utf-8", ";", ["Lang"]),
    "html_table.xls": (1, "utf-8", "", ["Müller, Anna", "007"]),
    "header_only.csv": (0, "utf-8", ",", []),
    "empty.csv": (0, "utf-8", ",", []),
}
REFUSED = {
    "login_page.csv": 'a login page "Sign in"',
    "error_page.csv": 'an HTML page "503 Service Unavailable" without a table',
    "document.csv": "a PDF document",
    "truncated.xlsx": "truncated or damaged",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read(name: str, read: Callable[..., Read]) -> None:
    count, encoding, delimiter, last = TABLES[name]
    _, records, _ = read(SAMPLES / name)
    assert (len(records), records[-1:]) == (count, [last][:count])
    with open_table(SAMPLES / name) as table:
        assert (table.detected.encoding, table.detected.delimiter) == (encoding, delimiter)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_named(name: str) -> None:
    with pytest.raises(BadDataError) as caught:
        open_table(SAMPLES / name)
    assert f"{name} is {REFUSED[name]}" in str(caught.value)


def test_every_sample_is_listed() -> None:
    described = {path.name for path in SAMPLES.iterdir() if path.name.endswith((".expected.csv", ".refusal.txt"))}
    names = {name.removesuffix(".expected.csv").removesuffix(".refusal.txt") for name in described}
    assert {path.name for path in SAMPLES.iterdir()} - {"README.md", "layouts"} - described == {
        *TABLES,
        *REFUSED,
    } | names
