"""Every numbered line of the specification has a test or benchmark that shows it (docs/developers/requirements.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

PROJECT = Path(__file__).resolve().parents[1]
DOCUMENT = PROJECT / "docs" / "developers" / "requirements.md"


@dataclass(frozen=True)
class Section:
    """One part of the specification: the lines it has, and what is said of each."""

    title: str
    expected: list[str]
    shown: dict[str, list[str]]
    repeated: list[str]


def sections() -> list[Section]:
    """The sections of the document: a heading, `Lines: 2.1.1-2.1.8, ...`, and a table."""
    actual = []
    for text in re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]:
        lines = re.search(r"^Lines: (.+)$", text, re.MULTILINE)
        assert lines, f"{text.splitlines()[0]}: a section begins with `Lines: ...`"
        rows = re.findall(r"^\| ([A-F\d][\d.]*) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
        numbers = [number for number, _, _ in rows]
        shown = {number: re.findall(r"`([^`]+)`", tests) for number, _, tests in rows}
        repeated = sorted({number for number in numbers if numbers.count(number) > 1})
        actual.append(Section(text.splitlines()[0], list(_expanded(lines[1])), shown, repeated))
    return actual


def _expanded(text: str) -> Iterator[str]:
    """4.1-4.3, 4.5 -> 4.1, 4.2, 4.3, 4.5: the last part of a number counts."""
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        head, _, begin = first.rpartition(".")
        end = last.rpartition(".")[2] or begin
        yield from (f"{head}.{number}" for number in range(int(begin), int(end) + 1))


@cache
def names_in(path: Path) -> set[str]:
    """The names of the tests in a Python or bats file."""
    if path.suffix == ".bats":
        return set(re.findall(r'^@test "(.+)" \{', path.read_text(), re.MULTILINE))
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_no_line_is_missing_and_none_is_invented(section: Section) -> None:
    assert list(section.shown) == section.expected
    assert section.repeated == []


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_what_shows_a_line_exists(section: Section) -> None:
    for number, names in section.shown.items():
        assert names, f"{number} is shown by nothing"
        for name in names:
            path, _, test = name.partition("::")
            assert (PROJECT / path).is_file(), f"{number}: there is no {path}"
            if path.startswith("bench/"):
                assert not test, f"{number}: {name}: a benchmark is named by its file"
            else:
                assert test in names_in(PROJECT / path), f"{number}: {path} has no {test or 'test named'}"


def test_a_range_of_lines_is_read() -> None:
    assert list(_expanded("4.1-4.3, 2.10.9-2.10.10, 7.5")) == ["4.1", "4.2", "4.3", "2.10.9", "2.10.10", "7.5"]
