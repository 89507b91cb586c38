"""What `suggest` proposes for files whose layout they do not tell: the table that results is the one they mean."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from systemscripts.configuration.import_parts import Reading
from systemscripts.errors import EtlError
from systemscripts.imports.reading_options import convert_given
from systemscripts.imports.suggest import find_layout, propose_import, read_file, render_yaml
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from tests.layouts.generated_layouts import Layout, make_layouts

# the rules were written with the first one; the others have never been looked at one by one
SEEDS = (1, 20_261_130, 7_654_321)
LEAST, COUNT = 45, 50


def propose(path: Path) -> dict[str, Any]:
    facts = read_file.read_file(path, lambda done: None)
    proposal = propose_import.propose_import([facts], "things")
    reading = yaml.safe_load(render_yaml.render_import(proposal)).get("reading", {})
    Reading.model_validate(reading)
    return dict(reading)


def read_rows(path: Path, reading: dict[str, Any]) -> list[list[str]]:
    keys = ("header_row", "fixed_width", "record_types", "records", "fields", "no_header", "delimiter")
    options = ReadingOptions(**convert_given({key: value for key, value in reading.items() if key in keys}))
    with open_table(path, options) as table:
        return [table.parse(record) for block in table.blocks() for record in block.records]


def is_recognised(layout: Layout, folder: Path) -> bool:
    path = folder / f"things_20260105{layout.suffix}"
    path.write_bytes(layout.content.encode())
    try:
        reading = propose(path)
        rows = read_rows(path, reading)
    except EtlError:
        return False
    width = len(layout.rows[0])
    is_same = [[cell.strip() for cell in row[:width]] for row in rows] == layout.rows
    return is_same and all(reading.get(key) == value for key, value in layout.expected.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_of_fifty_generated_layouts_at_least_45_are_recognised(seed: int, tmp_path: Path) -> None:
    layouts = make_layouts(seed, COUNT)
    missed = Counter(layout.family for layout in layouts if not is_recognised(layout, tmp_path))
    assert COUNT - missed.total() >= LEAST, missed


ORDINARY = [
    "id;name\n1;a\n2;b\n3;c\n", "TYPE;AMOUNT\nA;1\nA;2\nA;4\nB;5\n", "id,day,amount\n1,20260105,5\n2,20260106,7\n",
    "KIND|N|AMOUNT\nAB|1|5\nAB|2|6\nCD|3|7\nTotal|18\n", "a b c\n1 2 3\n4 5 6\n7 8 9\n",
    "name\nAnn\nBen\nCarl\nDora\n", "12,50\n13,50\n14,50\n15,00\n", "[1, 2]\n", '[{"a": 1}, {"a": 2}]\n',
    '{"value": [{"a": 1}]}\n', '{"a": 1}\n{"a": 2}\n',
    "<html><body><form><input/><input/></form></body></html>",
]  # fmt: skip


@pytest.mark.parametrize("content", ORDINARY)
def test_ordinary_files_get_no_layout(content: str, tmp_path: Path) -> None:
    path = tmp_path / "things.txt"
    path.write_text(content)
    assert find_layout.find_layout(path) == {}


def test_nested_json_gets_the_path_of_its_records(tmp_path: Path) -> None:
    path = tmp_path / "things.json"
    path.write_text(
        '{"meta": {"page": 1}, "data": {"orders": [{"id": 1, "lines": [{"n": 1}]}, {"id": 2, "lines": []}]}}'
    )
    reading = propose(path)
    assert reading == {"records": "data/orders"}
    assert [row[0] for row in read_rows(path, reading)] == ["1", "2"]


def test_groups_around_records_are_fields(tmp_path: Path) -> None:
    path = tmp_path / "things.xml"
    path.write_text("<r><g c='A'><i a='1' b='2'/><i a='3' b='4'/></g><g c='B'><i a='5' b='6'/></g></r>")
    reading = propose(path)
    assert reading == {"records": "r/g/i", "fields": {"g_c": "../c"}}
    assert read_rows(path, reading) == [["1", "2", "A"], ["3", "4", "A"], ["5", "6", "B"]]
