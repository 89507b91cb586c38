"""Write files of labelled columns: each column in one spelling, with some dirt, beside other columns of its country.

The values that are written are known, so that the types that are proposed for a file, and every value that they give,
can be compared with them. Nothing here uses the code that is judged.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log10
from pathlib import Path

from openpyxl import Workbook

from bench.column_spellings import dates, numbers, unusual, words
from bench.column_spellings.labels import COUNTRIES, MISFIT, Column, Country, Spelling

SPELLINGS = [*numbers.SPELLINGS, *dates.SPELLINGS, *words.SPELLINGS, *unusual.SPELLINGS]
NULL_MARKS = ("-", "n/a", "N/A", "NULL", "\\N", "none", ".")
MIN_ROWS, MAX_ROWS = 20, 2000
# of the cells of a column; a column of more misfits than the second is to stay text
DIRT_SHARES = (0, 0, 0.005, 0.01, 0.02)
MAX_MISFIT_SHARE = 0.01
# (decimal comma, decimal point) -> delimiters, the usual one more often
DELIMITERS = {True: ";;;;;;;\t|,", False: ",,,,,,,\t|;"}
WORKBOOK_SHARE = 0.2
FIRST_LINE_SHARE = LAST_LINE_SHARE = 0.05


@dataclass
class LabelledFile:
    """A file whose columns are known; `country`: the country that wrote it."""

    path: Path
    country: Country
    delimiter: str
    columns: list[Column] = field(default_factory=list)


def write_files(folder: Path, seed: int, count: int, max_rows: int = MAX_ROWS) -> Iterator[LabelledFile]:
    """Write `count` files of a seed; all spellings take turns, each in a country where it is usual."""
    draw, waiting = random.Random(seed), list[Spelling]()
    for number in range(count):
        country = draw.choice(COUNTRIES)
        in_workbook = draw.random() < WORKBOOK_SHARE
        rows = round(10 ** draw.uniform(*(log10(limit) for limit in (MIN_ROWS, max_rows))))
        chosen: list[Spelling] = []
        for _ in range(draw.randrange(3, 9)):
            waiting = waiting or draw.sample(SPELLINGS, len(SPELLINGS))
            fitting = [spelling for spelling in waiting if _fits(spelling, country, in_workbook)]
            if fitting:
                waiting.remove(fitting[0])
            chosen += fitting[:1] or draw.choices([s for s in SPELLINGS if _fits(s, country, in_workbook)])
        columns = [make_column(draw, spelling, country, rows) for spelling in chosen]
        yield write_file(draw, folder / f"list_{seed}_{number}", country, columns, in_workbook)


def _fits(spelling: Spelling, country: Country, in_workbook: bool) -> bool:
    return spelling.fits(country) and (in_workbook or not spelling.in_workbook)


def make_column(draw: random.Random, spelling: Spelling, country: Country, rows: int) -> Column:
    """Return a column of a spelling with some dirt."""
    column = spelling.make(draw, country, rows)
    column.spelling, column.family = spelling.name, spelling.family
    _add_dirt(draw, column, spelling, int(draw.choice(DIRT_SHARES) * rows))
    return column


def _add_dirt(draw: random.Random, column: Column, spelling: Spelling, count: int) -> None:
    """Replace some cells by null marks, blanks, and cells that do not fit."""
    rows, mark, misfits = len(column.cells), draw.choice(NULL_MARKS), 0
    is_text = "text" in column.types
    # one spelling of a boolean is the blank
    dirts = ["mark", "blank", "misfit"] if "" not in column.cells else ["mark", "misfit"]
    dirts = draw.sample(dirts, draw.randrange(1, len(dirts) + 1))
    for row in draw.sample(range(2, rows), count):
        dirt = draw.choice(dirts)
        if dirt == "misfit" and spelling.spoil is not None and misfits + 1 <= MAX_MISFIT_SHARE * (rows - count):
            column.cells[row] = spelling.spoil(draw, str(column.cells[row]))
            column.values[row] = MISFIT
            misfits += 1
        elif dirt == "mark" and not is_text:
            column.cells[row], column.values[row] = mark, None
        elif "" not in column.cells or dirt == "blank":
            column.cells[row], column.values[row] = "", None


def write_file(
    draw: random.Random, stem: Path, country: Country, columns: list[Column], in_workbook: bool
) -> LabelledFile:
    """Write columns as a workbook or as delimited text."""
    for number, column in enumerate(columns):
        if column.header in {other.header for other in columns[:number]}:
            column.header = f"{column.header} {number + 1}"
    headers = [column.header for column in columns]
    rows = zip(*(column.cells for column in columns), strict=True)
    if in_workbook:
        path = stem.with_suffix(".xlsx")
        _write_workbook(path, columns)
        return LabelledFile(path, country, "", columns)
    path, delimiter = stem.with_suffix(".csv"), draw.choice(DELIMITERS[country.decimal == ","])
    with path.open("w", encoding=draw.choice(["utf-8", "utf-8-sig"]), newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator=draw.choice(["\n", "\r\n"]))
        if draw.random() < FIRST_LINE_SHARE and len(columns) > 2:
            stream.write("List of this month\n\n")
        writer.writerow(headers)
        writer.writerows(rows)
        if draw.random() < LAST_LINE_SHARE and len(columns) > 2:
            stream.write("\nSource: our accounts\n")
    return LabelledFile(path, country, delimiter, columns)


def _write_workbook(path: Path, columns: list[Column]) -> None:
    book = Workbook(write_only=False)
    sheet = book.active
    assert sheet is not None
    sheet.append([column.header for column in columns])
    for row in zip(*(column.cells for column in columns), strict=True):
        sheet.append([None if value == "" else value for value in row])
    for letters, column in zip(sheet.columns, columns, strict=True):
        for cell in letters[1:]:
            cell.number_format = "@" if isinstance(cell.value, str) else column.number_format
            if isinstance(cell.value, str):
                cell.data_type = "s"
    book.save(path)
