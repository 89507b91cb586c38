"""JSON: numbers as written, keys in order of appearance, flat memory, refusals in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables import open_table
from systemscripts.tables.parsers import json_parser
from tests.tables.conftest import Read

Reader = Callable[..., Read]


def file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_lines_keep_their_line_numbers(tmp_path: Path, read: Reader) -> None:
    content = '{"a": 1}\n\n{"a": 2,\n "b": "x"}\n{"a": 3}\n'
    assert read(file(tmp_path, content)) == (["a", "b"], [["1", ""], ["2", "x"], ["3", ""]], [1, 3, 5])


def test_a_key_that_appears_late_becomes_a_column(tmp_path: Path, read: Reader) -> None:
    lines = [json.dumps({"n": number}) for number in range(json_parser.AHEAD + 10)] + ['{"late": true, "n": 0}']
    columns, records, _ = read(file(tmp_path, "\n".join(lines)))
    assert (columns, records[0], records[-1]) == (["n", "late"], ["0", ""], ["0", "true"])


def test_a_large_array_is_read_piece_by_piece(tmp_path: Path, read: Reader) -> None:
    rows = [{"id": number, "text": "é" * 50} for number in range(60_000)]
    _, records, places = read(file(tmp_path, json.dumps(rows, ensure_ascii=False, indent=1)))
    assert (len(records), records[-1], places[-1]) == (60_000, ["59999", "é" * 50], 60_000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_json(tmp_path: Path, read: Reader, encoding: str) -> None:
    assert read(file(tmp_path, '[{"town": "Zürich"}]'.encode(encoding)))[1] == [["Zürich"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a": 1}, {"a"', "breaks off or is no JSON"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        (b'[{"a": "Z\xfcrich"}]', "is not UTF-8"),
        ('[{"a": {"b": 1, "b": 2}}]', "gives the key 'b' twice with different values"),
        ('{"errors": ["no access"]}', "an error message of a server"),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        open_table(file(tmp_path, content))


def test_a_key_that_comes_twice_with_the_same_value_loses_nothing(tmp_path: Path, read: Reader) -> None:
    assert read(file(tmp_path, '{"a": 1, "a": 1}\n{"a": 2}\n'))[:2] == (["a"], [["1"], ["2"]])


def test_what_is_named_json_is_read_as_json_or_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "list.JSON"
    path.write_text("[1, 2, 3]\n[4, 5, 6]\n")
    with pytest.raises(BadDataError, match="entry 1 is no object"):
        open_table(path)
