"""Blocks of JSON that DuckDB reads have the values, rows and errors of objects that are decoded one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.tables.parsers import json_blocks, json_parser, json_pattern, json_stream
from systemscripts.tables.parsers.json_pattern import ROWS_TO_LEARN
from systemscripts.tables.workbooks import sheet_writer
from tests.tables.parsers import both_readers
from tests.tables.parsers.test_json_pattern import UGLY, VALUES

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["-0", "0.0", "-0.0", "1.50", "0.00001", "0.000123", "1e22", "123456789.123456"]),
    st.decimals(-(10**9), 10**9, places=3).map(str), st.integers(-99, 99).map(str),
)  # fmt: skip
LETTERS = st.sampled_from(
    ['"', "\\", ",", "\n", "\r", "}", "{", ":", "a", "ü", "😀", " ", "\x1e", "\x7f", "\x00", "/", "null"]
)
TEXTS = st.lists(LETTERS, max_size=8).map("".join)
STYLES = [
    (", ", ": ", "\n"),
    (",", ":", ",\n"),
    (" , ", ":\t", "\r\n"),
    (",", ":", ","),
    (", ", ": ", ", "),
    (",\n ", ": ", ",\n"),
]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Let DuckDB read blocks of a few objects; count what it answers."""
    for module, name, value in [
        (json_pattern, "ROWS_BEFORE_BLOCKS", ROWS_TO_LEARN + 5), (json_parser, "MAX_ROWS_AHEAD", ROWS_TO_LEARN + 5),
        (json_pattern, "MIN_BLOCKS_BYTES", 1), (json_pattern, "ROWS_BETWEEN_TRIES", 3), (json_pattern, "MAX_TRIES", 6),
        (sheet_writer, "MAX_CHUNK_ROWS", 20),
        (json_blocks, "BLOCK_BYTES", 500), (json_blocks, "MAX_UNCUT_BYTES", 2000), (json_stream, "CHUNK_LETTERS", 700),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, value)
    answers = Counter[str]()
    convert = json_blocks.BlockReader._convert

    def count(reader: json_blocks.BlockReader, block: bytes) -> tuple[int, bytes] | None:
        converted = convert(reader, block)
        answers["refused" if converted is None else "read"] += 1
        return converted

    monkeypatch.setattr(json_blocks.BlockReader, "_convert", count)
    yield answers


def write_object(values: list[str], comma: str, colon: str) -> str:
    """Return an object of the keys id, Grösse and "na me"; the last one is left out where there is no value."""
    keys = ["id", "Grösse", "na me"]
    return "{" + comma.join(f'"{key}"{colon}{value}' for key, value in zip(keys, values, strict=False)) + "}"


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(NUMBERS, TEXTS, st.sampled_from(["true", "null", "false", ""])), min_size=1, max_size=30),
    st.sampled_from(STYLES), st.booleans(), st.booleans(),
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([*VALUES, *UGLY])), max_size=2),
)  # fmt: skip
def test_blocks_have_the_values_of_single_objects(
    tmp_path: Path,
    rows: list[tuple[str, str, str]],
    style: tuple[str, str, str],
    is_array: bool,
    is_ascii: bool,
    odd: list[tuple[int, str]],
) -> None:
    comma, colon, between = style
    if is_array:
        between = between if "," in between else "," + between
    elif "\n" not in between or "\n" in comma:
        comma, between = comma.replace("\n", ""), "\n"
    plain = [["1", '"a"', "null"], ["25", "null", "true"], ["3", '"c"']]
    values = plain * 40 + [
        [number, json.dumps(text, ensure_ascii=is_ascii), *([last] if last else [])] for number, text, last in rows * 5
    ]
    objects = [write_object(row, comma, colon) for row in values]
    for position, value in odd:
        objects.insert(position, write_object(["7", value, "null"], comma, colon))
    path = tmp_path / "list.json"
    content = between.join(objects)
    path.write_bytes((f"[{content}]" if is_array else content + "\n").encode())
    quick, careful = both_readers.read_both(json_parser.open_book, path)
    assert quick == careful


def test_duckdb_reads_plain_blocks(tmp_path: Path, small_blocks: Counter[str]) -> None:
    path = tmp_path / "list.json"
    rows = [{"id": number, "text": f'says "x",\n{number}', "part": number / 4} for number in range(2000)]
    path.write_text(json.dumps(rows))
    quick, careful = both_readers.read_both(json_parser.open_book, path)
    assert quick == careful
    assert small_blocks["read"] > 100
    assert not small_blocks["refused"]


@pytest.mark.parametrize(
    "odd",
    [
        '{"id": 7, "id": 8, "text": "x"}', '{"id": 7, "text": {"a": 1.50}}', '{"id": NaN, "text": "x"}', "{}",
        '{"id": 12345678901234567890.5, "text": "\\u0000"}', '{"text": "x", "id": 7}', '{"text": "x"}',
        '{"id": 7, "text": "x", "late": "y"}', '{"id": 7, "text": "x"', '{"id": 7.10, "text": "x"}',
    ],
)  # fmt: skip
def test_an_odd_object_is_read_alone_and_blocks_go_on(tmp_path: Path, small_blocks: Counter[str], odd: str) -> None:
    path = tmp_path / "list.jsonl"
    lines = [json.dumps({"id": number, "text": f"text {number}"}) for number in range(2000)]
    lines[1000] = odd
    path.write_text("\n".join(lines))
    quick, careful = both_readers.read_both(json_parser.open_book, path)
    assert quick == careful
    assert small_blocks["refused"]
    assert small_blocks["read"] > 50


def test_json_in_texts_of_letters_beyond_ascii_is_read(tmp_path: Path, small_blocks: Counter[str]) -> None:
    path = tmp_path / "list.json"
    # what separates two objects is within a text, and a message of DuckDB about such a block ends within a letter
    items = ["[]"] * 900 + ['[{"a":1},{"a":2}]'] * 1100
    rows = [
        {"id": number, "city": "a" * (number % 7) + "Нижний Новгород", "street": "улица Ленина", "items": text}
        for number, text in enumerate(items)
    ]
    path.write_text(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
    quick, careful = both_readers.read_both(json_parser.open_book, path)
    assert quick == careful
    assert small_blocks["read"] and small_blocks["refused"]


@pytest.mark.parametrize("value", [r'"\u12"', "[1,]"])
def test_a_value_that_is_not_json_is_named_by_its_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "list.jsonl"
    good = '"a"' if value.startswith('"') else "[1]"
    values = [good] * 70 + [value] + [good] * 10
    path.write_text("".join(f'{{"id": 1, "text": {written}}}\n' for written in values))
    quick, careful = both_readers.read_both(json_parser.open_book, path)
    assert quick == careful
    assert "line 71" in str(quick)


@pytest.mark.parametrize("keys", [["id"], ["id", "ID"], ["id", ""], ["id", 'a"b']])
def test_keys_that_no_structure_can_have_are_read_as_before(
    tmp_path: Path, small_blocks: Counter[str], keys: list[str]
) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text("\n".join(json.dumps(dict.fromkeys(keys, number)) for number in range(500)))
    quick, careful = both_readers.read_both(json_parser.open_book, path)
    assert quick == careful
    assert not small_blocks["read"]
