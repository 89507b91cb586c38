"""Each sample of a declared layout gives the table that stands beside it, read as its `reading` says."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import yaml

from systemscripts.imports.reading_options import convert_given
from systemscripts.sources.types.archive import unpack_members
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.standard_csv import write_csv

SAMPLES = Path(__file__).parents[1] / "samples" / "layouts"
NAMES = sorted(path.name.removesuffix(".expected.csv") for path in SAMPLES.glob("*.expected.csv"))
ARCHIVES = (".zip", ".tar", ".tar.gz")


def read_table(path: Path, options: ReadingOptions) -> list[list[str]]:
    output = io.BytesIO()
    with open_table(path, options) as table:
        write_csv(table, output)
    return parse_csv(output.getvalue())


def parse_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def read_members(path: Path, folder: Path) -> list[list[str]]:
    """Return the rows of the CSV files of an archive, each with the name of its file."""
    members = [name for name in unpack_members.list_members(path, ReadingOptions()) if name.endswith(".csv")]
    parts = {name: folder / f"{index}.csv" for index, name in enumerate(members)}
    unpack_members.unpack_members(path, parts, ReadingOptions())
    rows: list[list[str]] = []
    for name in members:
        header, *records = read_table(parts[name], ReadingOptions())
        rows = rows or [["member", *header]]
        rows += [[name, *record] for record in records]
    return rows


def test_there_are_forty_samples() -> None:
    assert len(NAMES) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_a_declared_layout_becomes_the_table_it_means(name: str, tmp_path: Path) -> None:
    reading = yaml.safe_load((SAMPLES / f"{name}.reading.yaml").read_text())
    expected = parse_csv((SAMPLES / f"{name}.expected.csv").read_bytes())
    if name.endswith(ARCHIVES):
        assert read_members(SAMPLES / name, tmp_path) == expected
    else:
        assert read_table(SAMPLES / name, ReadingOptions(**convert_given(reading))) == expected
