"""For any quotes, COPY reads the same fields as Table.parse, and no character is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.text import text_file

pytestmark = pytest.mark.fast

GARBAGE = st.text(st.sampled_from('ab",,"\n\n\r" '), max_size=60)


def split_as_copy_does(record: str) -> list[str]:
    """Return the fields as COPY splits them: every quote opens or closes (CopyReadAttributesCSV)."""
    fields, field, quoted, position = [], "", False, 0
    while position < len(record):
        letter = record[position]
        position += 1
        if letter == '"' and quoted and record[position : position + 1] == '"':
            field += '"'
            position += 1
        elif letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            fields.append(field)
            field = ""
        else:
            assert quoted or letter not in "\r\n", "a line break outside quotes"
            field += letter
    assert not quoted, "COPY would read on"
    return [*fields, field]


@pytest.fixture
def any_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore CHUNK_BYTES after a test that sets it."""
    monkeypatch.setattr(text_file, "CHUNK_BYTES", text_file.CHUNK_BYTES)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(GARBAGE, st.integers(1, 80))
def test_copy_reads_what_parse_reads_and_no_letter_is_lost(
    tmp_path: Path, any_chunk: None, text: str, chunk: int
) -> None:
    text_file.CHUNK_BYTES = chunk
    path = tmp_path / "x"
    path.write_bytes(b"a,b\n" + text.encode())
    options = ReadingOptions(delimiter=",", quote='"', encoding="utf-8", header_row=1, keep_all_rows=True)
    with open_table(path, options) as table:
        blocks = list(table.blocks())
        records = [record for block in blocks for record in block.records]
        rows = [row for block in blocks for row in block.rows]
        parsed = [table.parse(record) for record in records]
        text_file.CHUNK_BYTES = 2**20
        assert [record for block in table.blocks() for record in block.records] == records
    assert parsed == [split_as_copy_does(record.decode()) for record in records]
    letters = "".join(letter for fields in parsed for field in fields for letter in field if letter in "ab")
    # Blanks around a quoted field are not part of it.
    assert letters == "".join(letter for letter in text if letter in "ab")
    assert rows == sorted(set(rows))
    lines = ("a,b\n" + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for record, row in zip(records, rows, strict=True):
        first = record.decode().replace('"', "").replace(" ", "").replace("\r", "\n").split("\n")[0]
        assert lines[row - 1].replace('"', "").replace(" ", "").startswith(first)
