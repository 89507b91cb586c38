"""Polluted copies of a clean file are read well. `python bench/pollution.py` scores them all."""

from __future__ import annotations

from bench import pollution

# The file without a header loses 3 points: its columns are named col_0, col_1 ...
MIN_SCORE, MIN_SCORE_WITH_HEADER = 9.66, 9.99


def test_polluted_files_are_read_well() -> None:
    result = pollution.score_samples(step=11)
    for name in result.by_pollution:
        # Every eleventh file has the weight of all of them.
        if name.startswith("row"):
            result.weights[name] *= 11
    assert result.compute_weighted_mean() >= MIN_SCORE
    assert result.compute_weighted_mean(without="no header") >= MIN_SCORE_WITH_HEADER
    lost = {name for name, scores in result.by_pollution.items() if min(scores) < 9.999 and not name.startswith("row")}
    assert lost == {"no header"}


def test_the_score_is_ten_only_for_a_perfect_result() -> None:
    rows = [["a", "b"], ["1", "2"], ["3", "4"]]
    assert pollution.score_rows(rows, rows) == 10
    assert pollution.score_rows(rows, None) == 0
    assert 1 < pollution.score_rows(rows, [["a", "x"], *rows[1:]]) < 10
