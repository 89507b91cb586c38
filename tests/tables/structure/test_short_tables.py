"""Short tables are found below many titles, above a second table, and with rare delimiters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.tables.model import ReadingOptions

pytestmark = pytest.mark.fast

Reader = Callable[..., tuple[list[str], list[list[str]], list[int]]]

TITLES = [
    "Quarterly report",
    "Client: Blue River Ltd, Berlin",
    "All amounts in EUR, net of tax.",
    "Region; North, South",
    "Printed on Monday, 4 March 2024 at 10:15",
    "",
    "Page 1",
]
LAMPS = [["lamp", "831"], ["tent", "12"], ["rod", "7"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("count", [1, 2, 3, 9, 17, 23])
def test_titles_may_be_more_than_the_rows_below(tmp_path: Path, read: Reader, delimiter: str, count: int) -> None:
    for shift in range(len(TITLES)):
        titles = [TITLES[(number + shift) % len(TITLES)] for number in range(count)]
        lines = [*titles, *map(delimiter.join, [["Name", "Amount"], *LAMPS])]
        path = tmp_path / f"{shift}.csv"
        path.write_text("\n".join(lines) + "\n")
        assert read(path)[:2] == (["Name", "Amount"], LAMPS), titles


@pytest.mark.parametrize("delimiter", [" , ", " ; ", " : ", ":", ", ", "; "])
def test_spaces_around_a_delimiter_are_part_of_it(tmp_path: Path, read: Reader, delimiter: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "".join(
            delimiter.join(row) + "\n"
            for row in [["Name", "Count", "Paid"], *([word, number, "12"] for word, number in LAMPS)]
        )
    )
    assert read(path)[:2] == (["Name", "Count", "Paid"], [[*row, "12"] for row in LAMPS])


def test_times_of_day_are_not_cut_at_their_colon(tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Begin\n10:15\n11:30\n12:45\n")
    assert read(path)[:2] == (["Begin"], [["10:15"], ["11:30"], ["12:45"]])


@pytest.mark.parametrize("gap", [0, 1])
@pytest.mark.parametrize(
    "second",
    [
        ["Day,Total,Paid", "2024-03-10,4.50,yes", "2024-03-11,5.25,no", "2024-03-12,1.00,yes"],
        ["Day,Total,Paid,Note", "2024-03-10,4.50,yes,x", "2024-03-11,5.25,no,y", "2024-03-12,1.00,yes,z"],
    ],
)
def test_the_first_of_two_short_tables_is_read(tmp_path: Path, read: Reader, second: list[str], gap: int) -> None:
    first = ["Name,Code,Amount", "lamp,A14,831", "tent,A19,12"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([*first, *[""] * gap, *second]) + "\n")
    assert read(path)[:2] == (["Name", "Code", "Amount"], [["lamp", "A14", "831"], ["tent", "A19", "12"]])


def test_a_second_table_of_two_columns_stands_apart(tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Name,Amount\nlamp,831\ntent,12\nrod,7\n\nPlace,Day\nBerlin,2024-03-10\nParis,2024-03-11\n")
    assert read(path)[:2] == (["Name", "Amount"], LAMPS)


def test_keys_and_values_above_a_longer_table_are_titles(tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "a.csv"
    keys = "Client,Blue River\nFrom,2024-01-01\nTo,2024-03-31\nOn,2024-04-01\n\n"
    rows = [[f"item {number}", str(number)] for number in range(20)]
    path.write_text(keys + "Name,Amount\n" + "".join(",".join(row) + "\n" for row in rows))
    assert read(path, ReadingOptions())[:2] == (["Name", "Amount"], rows)
