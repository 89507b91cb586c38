"""Objects that are read many at once have the values, rows and errors of those that are decoded one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import json_parser
from systemscripts.tables.parsers.json_pattern import COMMA, ROWS_TO_LEARN, ObjectPattern, PlainObjects
from systemscripts.tables.parsers.json_stream import JsonStream
from tests.tables.parsers import both_readers

VALUES = [
    "1", "-0", "1.10", "1E5", "12345678901234567890.123", "null", "true", "false", "NaN", "-Infinity", '""', '"a"',
    r'"say \"x\", then\ny"', r'"\\n"', r'"\u00e9\u0000"', r'"\ud800"', r'"\ud83d\ude00"', '"a,b"', '"tab\there"',
    '"two\nlines"', '"\x1e"', '"{\\"a\\": 1}"', "[]", '[1, "x]", null]', "[[1]]", '[[[["deep"]]]]',
    '{"c": {"d": [1.0]}}',    '"Zürich"', '"' + "x" * 300 + '"', '"cr\rhere"', r'"\/\b\f\t\r"', '" a "',
]  # fmt: skip
# Some of these are not JSON, or say two things.
UGLY = [*VALUES, "01", "1.", r'"\x"', r'"\u12"', '{"b": 1, "b": 2}', "[1,]", "+1", "'a'", '"a', "", "nul", "[1", "1 2"]
KEYS = ["a", "b", "", "é", r"\u0061", "a b", "null"]
MEMBERS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=5, unique_by=lambda member: member[0]
)
LAST = st.one_of(MEMBERS, st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(UGLY)), max_size=5))
BETWEEN = ["\n", ",\n", "\r\n", " \n", "\n\n", ", ", " "]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MEMBERS, min_size=1, max_size=4), LAST, st.sampled_from(BETWEEN), st.booleans(), st.booleans())
def test_both_readers_return_the_same(
    tmp_path: Path, known: list[object], last: object, between: str, is_array: bool, is_wide: bool
) -> None:
    comma, colon = (" , ", " :\t") if is_wide else (",", ":")

    def write(members: object) -> str:
        return "{" + comma.join(f'"{key}"{colon}{value}' for key, value in members) + "}"  # type: ignore[attr-defined]

    objects = [write(members) for members in known * ROWS_TO_LEARN]
    objects[1:1] = objects[-1:] * 2
    objects += [write(last), *objects[:3]]
    between = ("," + between.replace(",", "")) if is_array else between
    path = tmp_path / "list.json"
    path.write_bytes(f"[{between.join(objects)}]".encode() if is_array else between.join(objects).encode())
    quick, careful = both_readers.read_both(json_parser.open_book, path)
    assert quick == careful


def test_objects_that_are_written_alike_are_read_at_once(tmp_path: Path) -> None:
    objects = [{"id": number, "paid": None, "note": f'"{number}"', "tags": [1]} for number in range(500)]
    objects[200]["late"] = 1
    path = tmp_path / "list.json"
    path.write_text(json.dumps(objects))
    with path.open("rb") as file:
        stream = JsonStream(file)
        entries = [entry for _, entry in stream.read_array(ObjectPattern(COMMA))]
    runs = [entry.count for entry in entries if isinstance(entry, PlainObjects)]
    assert (runs[0], sum(runs)) == (200 - ROWS_TO_LEARN, 448)


@pytest.mark.parametrize("path", sorted(Path("tests/samples").glob("*.json")), ids=lambda path: path.name)
def test_both_readers_return_the_same_of_each_sample(path: Path) -> None:
    try:
        quick, careful = both_readers.read_both(json_parser.open_book, path)
    except BadDataError:
        return
    assert quick == careful
