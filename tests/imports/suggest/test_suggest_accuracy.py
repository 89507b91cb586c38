"""Columns of known values in a hundred spellings: what is proposed is right, and never wrong in silence."""

from __future__ import annotations

import os
import random

from bench import suggest_accuracy
from bench.column_spellings.labels import COUNTRIES
from bench.labelled_files import SPELLINGS

IS_LONG = bool(os.environ.get("ETL_TEST_LONG"))
# a new seed at each long run, which the failure names
SEEDS = range(first := random.randrange(10**6), first + 5) if IS_LONG else [2026]
FILES, MAX_ROWS = (100, 2000) if IS_LONG else (30, 300)
MIN_RIGHT = 0.98


def test_nearly_every_column_is_right_and_none_is_wrong_in_silence() -> None:
    verdicts = suggest_accuracy.measure(SEEDS, FILES, MAX_ROWS)
    for seed, group in verdicts.items():
        wrong = [suggest_accuracy.describe(verdict) for verdict in group if verdict.outcome != "right"]
        silent = [text for text in wrong if text.startswith("silently wrong")]
        assert silent == [], f"seed {seed}"
        assert len(wrong) <= (1 - MIN_RIGHT) * len(group), f"seed {seed}: {wrong}"


def test_the_spellings_are_as_many_as_promised() -> None:
    assert len(SPELLINGS) >= 60
    assert len({country.language for country in COUNTRIES}) >= 10
