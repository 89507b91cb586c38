"""JSON: numbers as written, keys in order of appearance, flat memory, refusals in one line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from systemscripts.tables.parsers import json_parser
from systemscripts.tables.standard_csv import write_csv
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
    lines = [json.dumps({"n": number}) for number in range(json_parser.MAX_ROWS_AHEAD + 10)] + [
        '{"late": true, "n": 0}'
    ]
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
        ('[{"a": 1}, {"a"', "is truncated or not JSON"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        (b'[{"a": "Z\xfcrich"}]', "is not UTF-8"),
        ('[{"a": {"b": 1, "b": 2}}]', "contains the key 'b' twice with different values"),
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
    with pytest.raises(BadDataError, match="entry 1 is not an object"):
        open_table(path)


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ('[{"val":0},{"val":null},{"val":null},{"val":1}]', ["val"], [["0"], [""], [""], ["1"]]),
        ('{"a":1,"b":2}\n{"a":null,"b":null}\n{}\n', ["a", "b"], [["1", "2"], ["", ""], ["", ""]]),
        ('[{"a":null,"b":null},{"a":null,"b":1}]', ["a", "b"], [["", ""], ["", "1"]]),
        ('{"":0}', [""], [["0"]]),
        ('[{"":0,"b":1},{"":null,"b":null}]', ["", "b"], [["0", "1"], ["", ""]]),
        ('[{"a":[NaN],"b":NaN},{"a":[],"b":1}]', ["a", "b"], [["[null]", ""], ["[]", "1"]]),
    ],
)  # fmt: skip
def test_every_object_is_a_row_also_without_values(
    content: str, columns: list[str], rows: list[list[str]], tmp_path: Path, read: Reader
) -> None:
    path = file(tmp_path, content)
    assert read(path)[:2] == (columns, rows)
    output = io.BytesIO()
    with open_table(path) as table:
        assert write_csv(table, output) == len(rows)
    assert list(csv.reader(io.StringIO(output.getvalue().decode()))) == [columns, *rows]


@pytest.mark.parametrize(
    "content",
    [
        '{"message": "Not Found", "documentation_url": "https://docs.example/"}',
        '{"detail": "Authentication credentials were not provided."}',
        '{"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "no"}',
        '{"status": "500", "message": "Internal"}',
        '{"errorCode": "INVALID_SESSION_ID"}',
    ],
)
def test_an_error_document_of_a_server_is_refused_with_its_words(content: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="an error message of a server: "):
        open_table(file(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        '{"id": 1, "msg": "hi"}',
        '{"error": null, "id": 1}',
        '{"code": 200, "title": "x"}',
        '{"title": "x"}',
    ],
)
def test_one_object_that_is_a_record_is_read(content: str, tmp_path: Path, read: Reader) -> None:
    assert len(read(file(tmp_path, content))[1]) == 1
