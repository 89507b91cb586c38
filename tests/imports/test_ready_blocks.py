"""Prepared blocks: how many are put together."""

from __future__ import annotations

import pytest

from systemscripts.imports import ready_blocks
from systemscripts.tables.model import Block


@pytest.mark.parametrize(("size", "together"), [(100, [4, 2]), (3 * 2**20, [2, 2, 2]), (9 * 2**20, [1] * 6)])
def test_long_records_are_hashed_with_few_others(size: int, together: list[int]) -> None:
    blocks = [Block([b"x" * size], [number], matches=True) for number in range(1, 7)]
    merged = list(ready_blocks._merge_blocks(iter(blocks)))
    assert [len(block.records) for block in merged] == together
    assert [row for block in merged for row in block.rows] == [1, 2, 3, 4, 5, 6]
    assert all(block.matches for block in merged)
