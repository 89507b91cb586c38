"""Whole rows as bytes: only what PostgreSQL reads as the schema wants it is copied unchanged."""

from __future__ import annotations

import re

import pytest

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import row_pattern
from systemscripts.imports.values.row_pattern import RowPattern
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.model import Block, Wire

pytestmark = pytest.mark.fast


def build(null: list[str], encoding: str = "utf-8") -> RowPattern:
    marks = frozenset(["", *null])
    fields = [Field("n", 0, Column(type="integer"), marks), Field("word", 1, Column(), marks)]
    pattern = row_pattern.build_row_pattern(Rules(2, fields, [], {}, "", {}, None, {}), Wire(encoding=encoding))
    assert pattern is not None
    return pattern


def test_a_null_marker_that_the_encoding_of_a_file_lacks_keeps_no_row_from_being_read() -> None:
    for encoding in ("ascii", "latin-1", "cp1252"):
        pattern = build(["\u2212", "n/a"], encoding)
        assert find_misfits(pattern, [b"1,a", b"n/a,a", b"1,n/a", b",", b'"7","x, ""y"""']) == [1, 2]


def find_misfits(pattern: RowPattern, records: list[bytes], matches: bool = False) -> list[int]:
    return list(pattern.find_misfits(Block(records, range(2, len(records) + 2), matches)))


def test_a_block_is_matched_to_its_end_also_in_slices_and_with_a_row_longer_than_one() -> None:
    pattern = build([])
    rows = [b"%d,some words" % number for number in range(50_000)]
    long = b'3,"' + b"x\n" * row_pattern.MATCH_BYTES + b'"'
    assert len(b"".join(rows)) > 2 * row_pattern.MATCH_BYTES
    assert find_misfits(pattern, [*rows, long]) == find_misfits(pattern, [long, *rows]) == []
    assert find_misfits(pattern, [*rows, b"wrong,x", *rows]) == [50_000]


def test_of_rows_that_were_split_by_the_pattern_only_those_with_a_mark_are_looked_at() -> None:
    pattern = build(["-"])
    records = [b"1,a", b"-,a", b"-5,a-", b"2,-", b'3,"x,-,y"', b"6,-", b"-,-", b"-,b", b'4,"b\nc"', b"-,c"]
    assert re.fullmatch(rb"(?:%s\n)+" % pattern.splitting, b"\n".join([*records, b""]))
    assert find_misfits(pattern, records, matches=True) == find_misfits(pattern, records) == [1, 3, 5, 6, 7, 9]


def test_dates_whose_day_comes_first_are_left_to_the_server_unless_others_begin_with_the_month() -> None:
    def find_order(*formats: str) -> str | None:
        fields = [
            Field(f"d{at}", at, Column.model_validate({"type": "date", "formats": form}), frozenset([""]))
            for at, form in enumerate(formats)
        ]
        pattern = row_pattern.build_row_pattern(Rules(len(fields), fields, [], {}, "", [], None, {}), Wire())
        return None if pattern is None else pattern.day_order

    assert find_order("dd/MM/yyyy", "dd.MM.yyyy") == "DMY"
    assert find_order("MM/dd/yyyy") == "MDY"
    assert find_order("dd/MM/yyyy", "MM/dd/yyyy") is find_order("dd.MM/yyyy") is find_order("d.M.yyyy") is None
