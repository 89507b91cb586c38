"""Small ugly files of every kind mean what a careful person reads in them; a reading that may be wrong is reported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from systemscripts.errors import EtlError
from systemscripts.tables.open_table import open_table
from tests.tables import small_files
from tests.tables.small_files import SmallFile

LEAST_RIGHT, MOST_WARNED = 0.99, 0.03


@pytest.mark.parametrize("seed", range(5) if os.environ.get("ETL_TEST_LONG") else [11])
def test_small_ugly_files_are_read_right_and_none_is_silently_wrong(seed: int, tmp_path: Path) -> None:
    count = 1000 if os.environ.get("ETL_TEST_LONG") else 200
    right, warned, quiet, silently_wrong = 0, 0, 0, []
    for file in small_files.generate(seed, count):
        is_right, is_warned = _read(tmp_path, file)
        right += is_right
        quiet += is_right and not file.must_warn
        warned += is_right and is_warned and not file.must_warn
        if not is_warned and (not is_right or file.must_warn):
            silently_wrong.append((file.name, file.odd))
    assert silently_wrong == []
    assert right >= LEAST_RIGHT * count
    assert warned <= MOST_WARNED * quiet


def _read(folder: Path, file: SmallFile) -> tuple[bool, bool]:
    """Whether a file is read as what it means, and whether anything was reported; a refusal reports."""
    path = folder / file.name
    path.write_bytes(file.content)
    try:
        with open_table(path) as table:
            rows = [table.parse(record) for block in table.blocks() for record in block.records]
            return (table.columns, rows) == (file.columns, file.rows), bool(table.warnings)
    except EtlError:
        return False, True
