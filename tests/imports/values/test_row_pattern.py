"""Whole rows as bytes: only what PostgreSQL reads as the schema wants it is copied unchanged."""

from __future__ import annotations

import pytest

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import row_pattern
from systemscripts.imports.values.row_pattern import RowPattern
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.model import Wire

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
        assert pattern.match_records([b"1,a", b"n/a,a", b"1,n/a", b",", b'"7","x, ""y"""']) == [
            True, False, False, True, True,
        ]  # fmt: skip


def test_a_block_is_matched_to_its_end_also_in_slices_and_with_a_row_longer_than_one() -> None:
    pattern = build([])
    rows = b"".join(b"1,%d,%d,some words\n" % (number, number) for number in range(50_000))
    long = b'1,2,3,"' + b"x\n" * row_pattern.MATCH_BYTES + b'"\n'
    assert len(rows) > 2 * row_pattern.MATCH_BYTES
    assert pattern.match_block(rows) and pattern.match_block(rows + long) and pattern.match_block(long + rows)
    assert not pattern.match_block(rows + b"1,2,wrong,x\n") and not pattern.match_block(rows[:-1])
