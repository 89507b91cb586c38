"""Text files in the dialects of clients are read as a careful person would, and a doubtful reading is reported."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from systemscripts.errors import EtlError
from systemscripts.tables.model import Block, ReadingOptions
from systemscripts.tables.open_table import open_table
from tests.tables import dialect_files
from tests.tables.dialect_files import DialectFile

IS_LONG = bool(os.environ.get("ETL_TEST_LONG"))
MIN_RIGHT = 0.97
# Quotes against the rules are reported, even if they are read right.
ALWAYS_REPORTED = {"apostrophes as quotes", "both escapes"}


@pytest.mark.parametrize("seed", range(5) if IS_LONG else [3])
def test_no_dialect_is_read_wrong_in_silence(seed: int, tmp_path: Path) -> None:
    count = 1100 if IS_LONG else 154
    right, silently_wrong, needless = 0, [], []
    for file in dialect_files.generate(seed, count):
        is_right, warnings = _read_file(tmp_path, file)
        right += is_right
        if not is_right and not warnings:
            silently_wrong.append((file.name, file.content[:200]))
        if is_right and warnings and not ALWAYS_REPORTED & set(file.odd):
            needless.append((file.name, warnings))
    assert silently_wrong == []
    assert needless == []
    assert right >= MIN_RIGHT * count


def _read_file(folder: Path, file: DialectFile) -> tuple[bool, list[str]]:
    """Return whether the table of a file is read right, and what is reported by warnings or a refusal."""
    path = folder / file.name
    path.write_bytes(file.content)
    try:
        with open_table(path) as table:
            rows = [table.parse(record) for block in table.blocks() for record in block.records]
            return (table.columns, rows) == (file.columns, file.rows), [str(text) for text in table.warnings]
    except EtlError as error:
        return False, [str(error)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_ruler_of_dashes_tells_the_columns(tmp_path: Path, end: str) -> None:
    lines = [
        "Report of May",
        "",
        "Nr Customer       Amount",
        "-- ------------ --------",
        " 1 Anna Berg       12.50",
        " 2               1100.00",
        '12 5" pipe, red',
    ]
    path = tmp_path / "list.txt"
    path.write_text(end.join(lines) + end, newline="")
    with open_table(path) as table:
        assert table.columns == ["Nr", "Customer", "Amount"]
        rows = [(row, table.parse(record)) for block in table.blocks() for record, row in _pair_rows(block)]
    assert rows == [(5, ["1", "Anna Berg", "12.50"]), (6, ["2", "", "1100.00"]), (7, ["12", '5" pipe, red', ""])]


def _pair_rows(block: Block) -> Iterable[tuple[bytes, int]]:
    return zip(block.records, block.rows, strict=True)


def test_a_blank_at_a_fixed_place_stays_a_blank(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("id   name      qty\n1    Zoë         7\n2             1200\n3    Li Wei\n", encoding="latin-1")
    with open_table(path) as table:
        rows = [table.parse(record) for block in table.blocks() for record in block.records]
    assert (table.columns, rows) == (["id", "name", "qty"], [["1", "Zoë", "7"], ["2", "", "1200"], ["3", "Li Wei", ""]])


def test_a_value_over_the_edge_of_its_column_is_not_cut(tmp_path: Path) -> None:
    lines = ["id   name       qty", "---- ---------- ---", *(f"{n:4} {'Anna':10} {n:3}" for n in range(30))]
    path = tmp_path / "list.txt"
    path.write_text("\n".join([*lines, "  31 Bartholomew 31"]) + "\n")
    with open_table(path) as table:
        rows = [table.parse(record) for block in table.blocks() for record in block.records]
    # One field, which a load rejects.
    assert rows[-1] == ["31 Bartholomew 31"]


def test_a_declared_delimiter_wins_over_columns_at_fixed_places(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("id  name,qty\n1   Anna,7\n2   Hugo,8\n3   Olga,9\n")
    with open_table(path, ReadingOptions(delimiter=",")) as table:
        assert table.columns == ["id  name", "qty"]


def test_one_column_of_lines_that_hold_delimiters_is_reported(tmp_path: Path) -> None:
    formats = (
        "H,{},Berg {},2026-01-02",
        "L,{},red,{},7.50",
        "L,{},blue,{},1.50",
        "N,{},text {}",
        "T,{},7.50,EUR,open,{}",
    )
    path = tmp_path / "list.txt"
    path.write_text("\n".join(text.format(number, number) for number in range(50) for text in formats))
    with open_table(path) as table:
        assert len(table.columns) == 1
        assert [warning.code for warning in table.warnings] == ["one_column"]


@pytest.mark.parametrize("mark", [";", "|"])
def test_blanks_of_dates_with_time_below_a_title_are_no_columns(tmp_path: Path, mark: str) -> None:
    dates = [f"2026.05.{n % 28 + 1:02};{n % 28 + 1:02}.02.2026 {n % 24:02}:32" for n in range(40)]
    rows = [f"{moment};2015-01-{n % 28 + 1:02};- {n}06,92" for n, moment in enumerate(dates)]
    path = tmp_path / "list.csv"
    text = "\n".join(["List of this month", "", "Data do pedido;Criado em;Data 4;Valor", *rows, ""])
    path.write_text(text.replace(";", mark))
    with open_table(path) as table:
        assert table.columns == ["Data do pedido", "Criado em", "Data 4", "Valor"]
        assert sum(len(block.records) for block in table.blocks()) == len(rows)


@pytest.mark.parametrize("title", ["", "Report of July\n\n"])
@pytest.mark.parametrize(
    ("mark", "delimiter"), [("; ", ","), (";", ","), (" | ", ","), ("|", ";"), ("; ", "\t"), (";", "|")]
)
@pytest.mark.parametrize("other", [["Anna", "0.50"], ["Anna"], ["2026-05-01"]])
def test_a_delimiter_within_the_texts_of_each_record_does_not_separate_fields(
    tmp_path: Path, other: list[str], mark: str, delimiter: str, title: str
) -> None:
    names = ["tags", *(f"name {number}" for number in range(len(other)))]
    records = [[f"{color}{mark}blue", *other] for color in ("red", "green", "grey", "black") * 5]
    text = "".join(delimiter.join(fields) + "\n" for fields in [names, *records])
    assert _read_rows(tmp_path, title + text) == [names, *records]


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        (["List, customers", "Name;Price, EUR", "Bread;3,50", "Milk;2,10", "Wine;12,40"], ["Wine", "12,40"]),
        (["List,customers", "Name;Place", *["Anna;Bern,CH", "Ben;Chur,CH"] * 6], ["Ben", "Chur,CH"]),
        (["name,place", "Anna;Bern, CH", "Ben;Chur, CH", "Carla;Olten, CH"], ["Carla", "Olten, CH"]),
    ],
)
def test_commas_of_titles_names_and_values_leave_the_semicolons_to_separate(
    tmp_path: Path, lines: list[str], last: list[str]
) -> None:
    assert _read_rows(tmp_path, "\n".join([*lines, ""]))[-1] == last


def _read_rows(folder: Path, text: str) -> list[list[str]]:
    path = folder / "list.csv"
    path.write_text(text)
    with open_table(path) as table:
        return [table.columns, *(table.parse(record) for block in table.blocks() for record in block.records)]
