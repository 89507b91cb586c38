"""The table of docs/performance.md comes from raw figures, and never from a busy machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import measurement, performance_page
from bench.measurement import Run
from bench.performance_page import Benchmark

BENCHMARK = Benchmark("bench.example", {"reading": 1.5, "writing": 1.0})


def record(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setenv(measurement.RAW_VARIABLE, str(path))
    measurement.run_command(["true"])
    base = [Run(1.0, 0.5, 10, ""), Run(2.0, 0.6, 11, ""), Run(1.0, 0.7, 12, "")]
    ours = [Run(1.2, 0.8, 20, ""), Run(2.6, 0.9, 21, ""), Run(1.1, 0.7, 22, "")]
    for _ in range(2):
        measurement.format_table([("theirs", base), ("ours", ours)], base)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_row_has_the_median_of_the_pairs_and_says_which_limit_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = record(tmp_path / "raw.jsonl", monkeypatch)
    assert performance_page.format_rows(BENCHMARK, raw) == [
        "| reading | `bench.example` | 1.20 | 1.5 | 1.20 2.60 1.10 | 0.70 | 22 |",
        "| writing | `bench.example` | 1.20 | 1.0, missed | 1.20 2.60 1.10 | 0.70 | 22 |",
    ]
    assert 0 <= raw[0]["others"] <= 1 and raw[0]["command"] == "true"


def test_a_command_beside_which_others_worked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = record(tmp_path / "raw.jsonl", monkeypatch)
    raw[0]["others"] = 0.1
    assert performance_page.list_busy(raw) == []
    raw[0] |= {"others": 0.3, "seconds": 0.1}
    assert performance_page.list_busy(raw) == []
    raw[0]["seconds"] = 1.2
    assert performance_page.list_busy(raw) == ["others used 30% of the processors during true"]


def test_the_table_takes_the_place_of_the_one_before_and_leaves_the_other_text(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Speed\n\nwords\n")
    for rows in (["| a |"], ["| b |", "| c |"]):
        performance_page.write_page("roads", rows, page)
    performance_page.write_page("loaders", ["| d |"], page)
    assert page.read_text() == (
        "# Speed\n\nwords\n\n<!-- measured: roads -->\n| b |\n| c |\n<!-- end of roads -->\n"
        "\n<!-- measured: loaders -->\n| d |\n<!-- end of loaders -->\n"
    )


def test_of_each_loader_the_largest_file_counts_and_the_quickest_comes_first() -> None:
    def row(name: str, ratio: float) -> dict[str, Any]:
        return {"program": name, "ratio": ratio, "processor": 2 * ratio, "megabytes": 10.2, "seconds": [ratio]}

    raw = [{"table": [row("psql", 1), row("slow", 80)]}, {"table": [row("slow", 90), row("psql", 1), row("ours", 2)]}]
    assert performance_page.format_peers(raw)[2:] == [
        "| psql | 10 MB | 1.0 | 2.0 | 10 |",
        "| ours | 10 MB | 2.0 | 4.0 | 10 |",
        "| slow | 10 MB | 90.0 | 180.0 | 10 |",
    ]
