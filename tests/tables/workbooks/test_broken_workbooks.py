"""Garbage of every kind ends in one line: cut off, with turned bytes, without parts, exploding."""

from __future__ import annotations

import datetime as dt
import io
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from tests.tables.conftest import Read

Reader = Callable[..., Read]


def xlsx_bytes() -> bytes:
    book, output = openpyxl.Workbook(), io.BytesIO()
    for number in range(200):
        book.worksheets[0].append([number, f"text {number}", dt.datetime(2024, 5, 1), number / 7])
    book.save(output)
    return output.getvalue()


def xls_bytes() -> bytes:
    book, output = xlwt.Workbook(), io.BytesIO()
    sheet = book.add_sheet("List")
    for number in range(200):
        sheet.write(number, 0, number)
        sheet.write(number, 1, f"text {number}")
    book.save(output)
    return output.getvalue()


def outcome(path: Path, content: bytes) -> str:
    """Read to the end, or the one line that says why not; nothing else may happen, and not for long."""
    path.write_bytes(content)
    began = time.monotonic()
    try:
        with open_table(path) as table:
            records = sum(len(block.records) for block in table.blocks())
            return f"{records} records"
    except BadDataError as error:
        assert "\n" not in str(error)
        assert "Traceback" not in str(error)
        return str(error)
    finally:
        assert time.monotonic() - began < 60


@pytest.mark.parametrize("make", [xlsx_bytes, xls_bytes])
@pytest.mark.parametrize("percent", range(5, 100, 19))
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, make: Callable[[], bytes], percent: int) -> None:
    content = make()
    assert "damaged" in outcome(tmp_path / "list.bin", content[: len(content) * percent // 100])


@pytest.mark.parametrize("make", [xlsx_bytes, xls_bytes])
@pytest.mark.parametrize("seed", range(6))
def test_turned_bytes_end_in_a_table_or_one_line(tmp_path: Path, make: Callable[[], bytes], seed: int) -> None:
    content, chance = bytearray(make()), random.Random(seed)
    for _ in range(chance.randint(1, 40)):
        content[chance.randrange(8, len(content))] = chance.randrange(256)
    outcome(tmp_path / "list.bin", bytes(content))


@pytest.mark.parametrize(
    "missing", ["xl/styles.xml", "xl/sharedStrings.xml", "_rels/.rels", "xl/_rels/workbook.xml.rels"]
)
def test_a_missing_part_is_done_without(tmp_path: Path, missing: str) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes())) as source, zipfile.ZipFile(output, "w") as target:
        for name in source.namelist():
            if name != missing:
                target.writestr(name, source.read(name))
    assert outcome(tmp_path / "list.xlsx", output.getvalue()) == "200 records"


def test_a_zip_bomb_is_refused_at_once(tmp_path: Path) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as bomb, bomb.open("list.csv", "w") as member:
        for _ in range(600):
            member.write(b"\0" * 2**20)
    began = time.monotonic()
    assert "zip bomb" in outcome(tmp_path / "list.zip", output.getvalue())
    assert time.monotonic() - began < 20


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n"), min_size=1, max_size=9)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e12, 1e12).map(lambda number: round(number, 4) + 0.0),
    st.dates(dt.date(1901, 1, 1), dt.date(2199, 1, 1)),
    st.datetimes(dt.datetime(1901, 1, 1), dt.datetime(2199, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    TEXTS.filter(lambda text: text[0] not in "=#" and "_x" not in text and text.strip()),
)


def format_value(value: object) -> str:
    """A value by the rules of spec 2.1.5, written here once more."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else repr(value)
    return str(value)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=6))
def test_any_table_that_openpyxl_writes_comes_back(tmp_path: Path, read: Reader, rows: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in [["alpha", "beta", "gamma"], ["x", "y", "z"], *rows]:
        sheet.append(row)
    path = tmp_path / "list.xlsx"
    book.save(path)
    columns, records, _ = read(path, ReadingOptions(header_row=1, keep_all_rows=True))
    expected = [["x", "y", "z"], *([format_value(value) for value in row] for row in rows)]
    assert columns == ["alpha", "beta", "gamma"]
    assert records == [row for row in expected if any(row)]
