"""DuckDB hashes raw records of load mode new_rows as Python does, or leaves them to it."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import pytest

from systemscripts.configuration import ImportConfig
from systemscripts.imports import column_layout
from systemscripts.imports.values import row_hashes
from systemscripts.imports.values.row_hashes import RowHasher
from systemscripts.imports.values.validate_rows import RowChecker, Rules
from systemscripts.tables.model import ReadingOptions, Wire
from systemscripts.tables.open_table import open_table

TEXTS = ["", "x", "it's", 'say "so"', "two\r\nlines", "two\nlines", " ", "a,b;c\td", "\\N", "null", "é ß Ž", "0" * 3000]


def build_rules(names: list[str]) -> Rules:
    config = ImportConfig.model_validate(
        {"config_name": "hashed", "file_pattern": ".*", "target_table": "pg.hashed", "load_mode": "new_rows"}
    )
    return column_layout.build_layout(config, names, names).rules(None, {})


def create_hasher(names: list[str]) -> RowHasher:
    return RowHasher(build_rules(names), Wire(",", '"'))


def hash_both(
    folder: Path, names: list[str], rows: list[list[str]], encoding: str = "utf-8", delimiter: str = ",",
    quoting: int = csv.QUOTE_MINIMAL,
) -> tuple[list[bytes] | None, list[bytes]]:  # fmt: skip
    """Return the hashes of the rows of a file, by DuckDB and by Python."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator="\n", quoting=quoting).writerows([names, *rows])  # type: ignore[arg-type]
    path = folder / "hashed.csv"
    path.write_text(stream.getvalue(), encoding=encoding, newline="")
    rules = build_rules(names)
    options = ReadingOptions(header_row=1, delimiter=delimiter, quote='"', encoding=encoding)
    with open_table(path, options) as table:
        (block,) = table.blocks()
        checked = RowChecker(rules).check(block, table)
        hasher = RowHasher(rules, table.wire)
        return hasher.hash_records(block.records), [text.encode() for text in checked.columns[-1]]


@pytest.fixture(autouse=True)
def any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_hashes, "MIN_RECORDS", 1)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8", ","), ("cp1252", ";"), ("utf-8", "\t")])
def test_both_hash_alike_whatever_the_texts_contain(
    tmp_path: Path, encoding: str, delimiter: str, quoting: int
) -> None:
    rows = [[first, second, "1"] for first in TEXTS for second in TEXTS]
    of_duckdb, of_python = hash_both(tmp_path, ["z", "o'clock", "a=1:"], rows, encoding, delimiter, quoting)
    assert of_duckdb == of_python
    assert len(set(of_python)) == len(rows)


def test_both_hash_alike_with_letters_beyond_the_first_plane_one_column_or_very_many(tmp_path: Path) -> None:
    of_duckdb, of_python = hash_both(tmp_path, ["a"], [["𝄞é"], ["e\u0301"], ["👨‍👩‍👧"]])
    assert of_duckdb == of_python
    names = [f"c{number}" for number in range(1200)]
    of_duckdb, of_python = hash_both(tmp_path, names, [names, [*names[:1199], ""]])
    assert of_duckdb == of_python


def test_what_duckdb_would_read_in_another_way_is_left_to_python(tmp_path: Path) -> None:
    # it refuses so long a row
    assert hash_both(tmp_path, ["a", "b"], [["x" * 5_000_000, "y"]])[0] is None


def test_a_row_that_begins_with_a_byte_order_mark_has_one_hash_wherever_its_block_begins() -> None:
    hasher = create_hasher(["a", "b"])
    records = {
        "\ufeffx,y": "a=2:\ufeffxb=1:y",
        "\ufeff\ufeff,": "a=2:\ufeff\ufeff",
        '"\ufeffx","z"': "a=2:\ufeffxb=1:z",
    }
    for record, text in records.items():
        expected = hashlib.sha256(text.encode()).hexdigest()[:32].encode()
        for count_before in range(2):
            hashes = hasher.hash_records([b"p,q"] * count_before + [record.encode()])
            assert hashes is not None and hashes[-1] == expected, (record, count_before)


def test_a_file_of_many_small_blocks_is_hashed_by_duckdb_from_some_thousand_rows_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row_hashes, "MIN_RECORDS", 3)
    hasher = create_hasher(["a"])
    hashed = [hasher.hash_records([b"x"]) for _ in range(4)]
    assert hashed == [None, None, *[[hashlib.sha256(b"a=1:x").hexdigest()[:32].encode()]] * 2]
