"""Polluted copies of a clean file are read as well as ever; `python bench/pollution.py` scores them all."""

from __future__ import annotations

from bench import pollution

FLOOR, FLOOR_WITH_HEADER = 9.66, 9.99  # the file of no header loses 3: its columns are named col_0, col_1 ...


def test_polluted_files_are_read_well() -> None:
    result = pollution.run(step=11)
    for kind in result.by_kind:  # a subset of the kinds that come for each cell, with the weight of them all
        if kind.startswith("row"):
            result.weights[kind] *= 11
    assert result.weighted() >= FLOOR
    assert result.weighted(without="no header") >= FLOOR_WITH_HEADER
    lost = {kind for kind, scores in result.by_kind.items() if min(scores) < 9.999 and not kind.startswith("row")}
    assert lost == {"no header"}


def test_the_score_is_ten_only_for_a_perfect_result() -> None:
    rows = [["a", "b"], ["1", "2"], ["3", "4"]]
    assert pollution.score(rows, rows) == 10
    assert pollution.score(rows, None) == 0
    assert 1 < pollution.score(rows, [["a", "x"], *rows[1:]]) < 10
