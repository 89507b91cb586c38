"""Tables of typical shapes are read below all kinds of titles, above all kinds of notes, in several dialects."""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from systemscripts.tables.open_table import open_table

pytestmark = pytest.mark.fast

Rows = list[list[str]]


def numbers() -> Rows:
    """Return statistics: one label and many numbers."""
    return [
        ["Canton", "Inhabitants", "Share", "Change", "Rank"],
        *([f"Canton {chr(65 + n)}", str(90000 + n * 7919), f"{n * 1.7:.1f}", str(n - 5), str(n)] for n in range(1, 15)),
    ]


def bookings() -> Rows:
    """Return bookings: dates, codes, text with commas, amounts."""
    return [
        ["Date", "Document", "Text", "Amount", "Paid"],
        *(
            [
                f"2024-0{n % 9 + 1}-1{n % 10}",
                f"R-{1000 + n}",
                f"Rent, house {n}" if n % 3 else "Repair",
                f"{n * 13.5:.2f}",
                "yes",
            ]
            for n in range(12)
        ),
    ]


def people() -> Rows:
    """Return people, with hardly any number."""
    names = ["Anna", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hal", "Ida", "Jon"]
    towns = ["Bern", "Genf", "Chur", "Basel"]
    return [
        ["Name", "Town", "E-mail", "Remark"],
        *(
            [name, towns[n % 4], f"{name.lower()}@example.com", "comes later" if n % 4 == 1 else ""]
            for n, name in enumerate(names)
        ),
    ]


def years() -> Rows:
    """Return a table with a column for each year."""
    return [
        ["Country", *map(str, range(2001, 2013))],
        *(
            [f"Land {n}", *(f"{n * 3.1 + year:.2f}" if (n + year) % 7 else "" for year in range(12))]
            for n in range(1, 10)
        ),
    ]


def short() -> Rows:
    """Return a header and three records."""
    return [["Id", "Item", "Price"], ["1", "Pen", "1.20"], ["2", "Ink", "3.40"], ["3", "Pad", "0.95"]]


TABLES = [numbers, bookings, people, years, short]
TITLES: dict[str, list[list[str]]] = {
    "none": [],
    "one line": [["Annual report of the branch"]],
    "line and blank": [["Annual report of the branch"], []],
    "delimited": [["Annual report", "FILL"], ["FILL"]],
    "many lines": [[f"Line {n}: something about the data"] for n in range(12)] + [[]],
    "commas": [["Prepared by Meier, Anna, on 1 May"], ["Branch: Bern, Switzerland"], []],
    "keys": [["Client", "Acme Ltd"], ["Period", "May 2024"], []],
    "comments": [["# made by lab 7"], ["# version 3.1, beta"]],
}
NOTES: dict[str, list[list[str]]] = {
    "none": [],
    "source": [["Source: Office of Statistics"]],
    "apart": [[], ["Figures are rounded, totals may differ."], ["See also our other reports, volume 3."]],
    "stars": [["FILL"], ["* provisional", "FILL"], ["** estimated", "FILL"]],
    "blank rows": [["FILL"], ["FILL"], ["FILL"]],
}
DIALECTS = [
    (",", '"', "\n"),
    (";", '"', "\r\n"),
    ("\t", '"', "\n"),
    (", ", '"', "\n"),
    (",", "'", "\r\n"),
    ("|", '"', "\n"),
]


def text(rows: Rows, titles: Rows, notes: Rows, dialect: tuple[str, str, str]) -> str:
    """Return the text of a file: titles unchanged, records quoted where necessary."""
    delimiter, quote, end = dialect
    stream = io.StringIO(newline="")
    mark = delimiter[0]
    csv.writer(stream, delimiter=mark, quotechar=quote, lineterminator="\n").writerows([])
    width = len(rows[0])

    def plain(line: list[str]) -> str:
        if line and line[-1] == "FILL":
            line = [*line[:-1], *[""] * (width - len(line) + 1)]
        return delimiter.join(line)

    def field(value: str) -> str:
        return quote + value + quote if any(special in value for special in (mark, ",", quote)) else value

    body = [delimiter.join(map(field, row)) for row in rows]
    return "".join(line + end for line in [*map(plain, titles), *body, *map(plain, notes)])


@pytest.mark.parametrize("make", TABLES, ids=lambda make: make.__name__)
def test_titles_and_notes_leave_the_table_as_it_is(make: object, tmp_path: Path) -> None:
    rows = make()  # type: ignore[operator]
    path, missed, count = tmp_path / "x", Counter[str](), 0
    for (title, titles), (note, notes), dialect in product(TITLES.items(), NOTES.items(), DIALECTS):
        path.write_text(text(rows, titles, notes, dialect), newline="")
        with open_table(path) as table:
            read = [table.columns, *(table.parse(record) for block in table.blocks() for record in block.records)]
        count += 1
        if read != rows:
            missed.update([f"title: {title}", f"note: {note}", f"dialect: {dialect}", f"{title} / {note} / {dialect}"])
    total = sum(n for name, n in missed.items() if name.startswith("title"))
    assert total == 0, f"{total} of {count}: {missed.most_common(40)}"
