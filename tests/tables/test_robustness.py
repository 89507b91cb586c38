"""`python -m bench.robustness` makes the tables of docs/robustness.md."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bench import robustness, workbook_cells

PAGE = Path(__file__).parents[2] / "docs" / "robustness.md"
TINY = ["--seeds", "1", "--files", "12", "--draws", "1", "--samples", "[ab]*.csv", "--soffice", ""]


def test_one_command_writes_every_table_of_the_page_again(tmp_path: Path) -> None:
    page = tmp_path / "robustness.md"
    shutil.copy(PAGE, page)
    emptied = robustness.MARKERS.sub(r"\1\4", page.read_text())
    page.write_text(emptied)
    robustness.main([*TINY, "--write", str(page)])
    text = page.read_text()
    assert robustness.MARKERS.sub(r"\1\4", text) == emptied, "the text between the tables is unchanged"
    names = [match.group(2) for match in robustness.MARKERS.finditer(text)]
    assert len(names) == len(re.findall("<!-- made by", text)) == 10
    empty = {match[2] for match in robustness.MARKERS.finditer(text) if not match[3]}
    assert empty == {"suggest-seeds", "suggest-confusion"}, "those of another benchmark are left alone"
    assert "12 generated files" in text
    assert "Not installed: " in text
    all_files = re.search(r"\| all \| 12 \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", text)
    assert all_files is not None
    assert sum(map(int, all_files.groups())) == 12
    assert "| `binary.csv` | binary.csv is not a table" in text


def test_every_cell_of_a_workbook_is_read_as_what_it_holds(tmp_path: Path) -> None:
    for is_1904, cells in ((False, workbook_cells.CELLS), (True, workbook_cells.CELLS_1904)):
        path = tmp_path / "cells.xlsx"
        workbook_cells.write_workbook(path, cells, is_1904)
        cells_read = robustness.read_cells(path)
        expected = {str(number): cell.expected for number, cell in enumerate(cells, 1)}
        assert cells_read == expected | {"sheet": "Cells"}


def test_another_value_than_the_stored_one_is_marked() -> None:
    percent = next(cell for cell in workbook_cells.CELLS if cell.what == "percent")
    assert percent.is_right("0.125")
    assert percent.is_right("12.50%")
    assert not percent.is_right("0.13")
    rounded = next(cell for cell in workbook_cells.CELLS if cell.what == "decimals that are not shown")
    assert not rounded.is_right(rounded.shown)
