"""Each ugly sample gives its `NAME.expected.csv`, or is refused with a part of its `NAME.refusal.txt`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from systemscripts.tables.standard_csv import write_csv

pytestmark = pytest.mark.fast

SAMPLES = Path(__file__).parents[1] / "samples"
EXPECTED = sorted(path.name.removesuffix(".expected.csv") for path in SAMPLES.glob("*.expected.csv"))
REFUSED = sorted(path.name.removesuffix(".refusal.txt") for path in SAMPLES.glob("*.refusal.txt"))


@pytest.mark.parametrize("name", EXPECTED)
def test_an_ugly_file_becomes_the_table_it_means(name: str) -> None:
    output = io.BytesIO()
    with open_table(SAMPLES / name) as table:
        count = write_csv(table, output)
        assert count == sum(len(block.records) for block in table.blocks())
    assert parse_csv(output.getvalue()) == parse_csv((SAMPLES / f"{name}.expected.csv").read_bytes())


def parse_csv(content: bytes) -> list[list[str]]:
    """Return the rows of a standard CSV, in which any field may be quoted."""
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(BadDataError) as caught, open_table(SAMPLES / name) as table:
        list(table.blocks())
    assert (SAMPLES / f"{name}.refusal.txt").read_text().strip() in str(caught.value)
    assert "\n" not in str(caught.value)
