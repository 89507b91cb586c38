"""Names that others chose: what must not become a file here, what is shortened, what is still being written."""

from __future__ import annotations

import os

import pytest

from systemscripts import directory_management

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("orders 2026.csv", ""), ("Bestellungen_für_Zoë.csv", ""), ("..orders", ""), ("n" * 200, ""),
        ("", "path"), ("..", "path"), ("../etc/passwd", "path"), ("a\\b.csv", "path"), ("a\nb.csv", "control"),
        ("a\u202ecsv.exe", "control"), ("a\udcff.csv", "UTF-8"), ("é" * 101, "longer than 200 bytes"),
    ],
)  # fmt: skip
def test_a_name_must_stay_in_its_folder_and_show_what_it_is(name: str, reason: str) -> None:
    answer = directory_management.explain_unsafe_name(name)
    assert reason in answer if reason else answer == ""


def test_a_long_name_keeps_its_beginning_and_its_ending_and_differs_from_other_long_names() -> None:
    names = ["é" * 120 + f"{letter}.csv" for letter in "ab"]
    short = [directory_management.shorten_name(name) for name in names]
    assert len(set(short)) == 2
    for name in short:
        assert len(os.fsencode(name)) <= 200 and name.startswith("é" * 80) and name.endswith(".csv")
        assert directory_management.explain_unsafe_name(name) == ""
    assert [directory_management.explain_unsafe_arrival(name) for name in names] == ["", ""]
    assert directory_management.explain_unsafe_arrival("n" * 256 + ".csv") != ""
    assert directory_management.shorten_name("orders.csv") == "orders.csv"


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv.part", True), ("A.TMP", True), ("~$a.xlsx", True), (".a", True), ("a.csv", False)]
)
def test_what_a_program_is_still_writing_is_seen_by_its_name(name: str, expected: bool) -> None:
    assert directory_management.is_in_progress(name) is expected


def test_a_name_that_is_not_utf_8_is_shown_as_windows_would() -> None:
    assert directory_management.decode_name(os.fsdecode("für.csv".encode("cp1252"))) == "für.csv"
    assert directory_management.decode_name("für.csv") == "für.csv"
