"""Records that match a pattern are split at once, with the same result as with a closer look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.text import text_file
from systemscripts.tables.text.record_splitter import RecordSplitter

FIELD = rb'(?:"(?:[^"]++|""|(?!))*+"|[^,"\r\n]*+)'
ROW = rb"%s,%s" % (FIELD, FIELD)
# what fields are made of, with quotes that may be odd ones
PIECES = ["a", "bc", '"', '""', '"x,y"', '"1\n2"', '"1\r\n2"', '"\r"', "\n", "\r\n", "\r", ",", "é", ""]
FIELDS = st.lists(st.sampled_from(PIECES), max_size=3).map("".join) | st.sampled_from(PIECES[:2])
SOUND = st.sampled_from(["a,b", 'a,"b"', '"a\nb",c', 'a,"b\n\nc"', '"x,""y""",z', ",", '"",1'])


def split(text: bytes, line_end: bytes, sizes: list[int], expected: bytes = b"") -> tuple[list[tuple[int, bytes]], int]:
    """Return the records with their lines, and how many came from blocks that match."""
    splitter = RecordSplitter(b",", b'"', line_end, 2)
    if expected:
        splitter.expect(expected)
    found: list[tuple[int, bytes]] = []
    matching = 0
    for block in splitter.blocks(cut(text, sizes)):
        assert len(block.records) == len(block.rows)
        found += zip(block.rows, block.records, strict=True)
        matching += len(block.records) * block.matches
    return found, matching


def cut(text: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Yield a text in chunks of some sizes, in turns."""
    start = 0
    while start < len(text):
        for size in sizes:
            if chunk := text[start : start + size]:
                yield chunk
            start += size


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    rows=st.lists(SOUND | st.tuples(FIELDS, FIELDS).map(",".join), max_size=12),
    line_end=st.sampled_from(["\n", "\r\n"]),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
@example(rows=['"a,b', 'c",d', "e,f"], line_end="\n", sizes=[100])
@example(rows=["a,b", "", "c,d"], line_end="\n", sizes=[100])
def test_any_text_gives_the_same_records_on_the_same_lines(rows: list[str], line_end: str, sizes: list[int]) -> None:
    text = "".join(row + line_end for row in rows).encode()
    pure = {("\n" in text.decode().replace("\r\n", ""), "\r" in text.decode().replace("\r\n", ""))}
    actual_end = b"\r\n" if pure == {(False, False)} and line_end == "\r\n" else b"\n" if b"\r" not in text else b""
    assert split(text, actual_end, sizes, ROW)[0] == split(text, actual_end, sizes)[0]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_quoted_line_breaks_are_split_at_once_whatever_ends_the_lines(line_end: bytes) -> None:
    rows = [b'%d,"first\nsecond, ""quoted"""' % number for number in range(30_000)]
    text = line_end.join([*rows, b""])
    found, matching = split(text, b"" if line_end != b"\n" else b"\n", [2**20], ROW)
    assert found == [(1 + 2 * number, row) for number, row in enumerate(rows)]
    assert matching == len(rows)


def test_a_quote_that_is_never_closed_leaves_the_pattern_and_swallows_no_rows() -> None:
    rows = [b"%d,x" % number for number in range(60_000)]
    rows[100] = b'100,"x'
    found, matching = split(b"\n".join([*rows, b""]), b"\n", [2**18], ROW)
    assert [row for row, _ in found] == list(range(1, 60_001))
    assert 0 < matching < len(rows)


def test_a_field_of_very_many_lines_is_read_as_stray_quotes_on_both_ways() -> None:
    text = b'a,"' + b"x,y\n" * 1500 + b'"\n' + b"a,b\n" * 10
    assert split(text, b"\n", [2**20], ROW)[0] == split(text, b"\n", [2**20])[0]


def test_only_blocks_behind_the_header_match_and_have_its_line_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_file, "FIRST_CHUNK_BYTES", 2**10)
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,note\n" + b"".join(b'%d,"a\nb"\n' % number for number in range(5000)))
    with open_table(path, ReadingOptions()) as table:
        usual = [pair for block in table.blocks() for pair in zip(block.rows, block.records, strict=True)]
        blocks = list(table.blocks_matching(rb'[0-9]++,"a\nb"'))
    assert [pair for block in blocks for pair in zip(block.rows, block.records, strict=True)] == usual
    assert [block.matches for block in blocks][:2] == [False, True]
    assert usual[-1] == (2 + 2 * 4999, b'4999,"a\nb"')
