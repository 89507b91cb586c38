"""Every table is written as standard CSV: UTF-8, comma, doubled quotes, LF."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.standard_csv import write_csv

pytestmark = pytest.mark.fast


def convert_file(path: Path, content: bytes, options: ReadingOptions = ReadingOptions()) -> bytes:
    path.write_bytes(content)
    stream = io.BytesIO()
    with open_table(path, options) as table:
        write_csv(table, stream)
    return stream.getvalue()


def test_any_dialect_becomes_the_standard(tmp_path: Path) -> None:
    content = 'Näme;Town\r\n"Berg; ""A""";"x\r\ny"\r\nÖ;a,b\r\n'.encode("cp1252")
    assert convert_file(tmp_path / "x", content) == 'Näme,Town\n"Berg; ""A""","x\r\ny"\nÖ,"a,b"\n'.encode()


def test_an_empty_file_becomes_an_empty_file(tmp_path: Path) -> None:
    assert convert_file(tmp_path / "x", b"") == b""


def test_damaged_bytes_are_named_by_row(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="row 3 is not valid utf-8"):
        convert_file(tmp_path / "x", "a;b\né;è\n".encode() + b"\xff;x\n")


FIELDS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters='";,\n\r'), max_size=8)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(FIELDS, FIELDS).map(list), max_size=8), st.sampled_from([",", ";", "\t"]))
def test_what_is_written_reads_the_same(tmp_path: Path, rows: list[list[str]], delimiter: str) -> None:
    source = io.StringIO(newline="")
    csv.writer(source, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    options = ReadingOptions(delimiter=delimiter, quote='"', encoding="utf-8", keep_all_rows=True, header_row=1)
    text = convert_file(tmp_path / "x", source.getvalue().encode(), options).decode()
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [["a", "b"], *rows]
