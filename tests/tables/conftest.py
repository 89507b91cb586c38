"""Fixtures of the tests of tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table

Read = tuple[list[str], list[list[str]], list[int]]


@pytest.fixture
def read() -> Callable[..., Read]:
    """Return a function that reads a file: columns, records as text, and the source row of each."""

    def read_whole(path: Path, options: ReadingOptions = ReadingOptions()) -> Read:
        with open_table(path, options) as table:
            blocks = list(table.blocks())
            records = [table.parse(record) for block in blocks for record in block.records]
            return table.columns, records, [row for block in blocks for row in block.rows]

    return read_whole
