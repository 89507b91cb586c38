"""Small ugly files are read as a careful person would read them, and a doubtful reading is reported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from systemscripts.errors import EtlError
from systemscripts.tables.open_table import open_table
from tests.tables import small_files
from tests.tables.small_files import SmallFile

MIN_RIGHT, MAX_WARNED = 0.99, 0.03


@pytest.mark.parametrize("seed", range(5) if os.environ.get("ETL_TEST_LONG") else [11])
def test_small_ugly_files_are_read_right_and_none_is_silently_wrong(seed: int, tmp_path: Path) -> None:
    count = 1000 if os.environ.get("ETL_TEST_LONG") else 200
    right, warned, quiet, silently_wrong = 0, 0, 0, []
    for file in small_files.generate(seed, count):
        is_right, is_warned = _read_file(tmp_path, file)
        right += is_right
        quiet += is_right and not file.must_warn
        warned += is_right and is_warned and not file.must_warn
        if not is_warned and (not is_right or file.must_warn):
            silently_wrong.append((file.name, file.odd))
    assert silently_wrong == []
    assert right >= MIN_RIGHT * count
    assert warned <= MAX_WARNED * quiet


def _read_file(folder: Path, file: SmallFile) -> tuple[bool, bool]:
    """Return whether the table of a file is read right, and whether there is a warning or a refusal."""
    path = folder / file.name
    path.write_bytes(file.content)
    try:
        with open_table(path) as table:
            rows = [table.parse(record) for block in table.blocks() for record in block.records]
            return (table.columns, rows) == (file.columns, file.rows), bool(table.warnings)
    except EtlError:
        return False, True
