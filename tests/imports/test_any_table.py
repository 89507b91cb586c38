"""Any table of text, in any usual dialect, arrives cell by cell, and its rows add up."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from tests.conftest import Installation

ODD = st.sampled_from(
    ['"', '""', '5" pipe', 'say "hi"', ",", ";", "\t", "\\", "\\.", "\\N", "NULL", "NA", "None", " x ", " ", "'", "''",
     "two\nlines", "\n", "\r\n", "a\rb", "ä€𝄞", "\u2028", "\x0b", "\x1f", "\x1e", "007", "1e5", "today", "#N/A", "|"]
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a\ufeff"), max_size=12)
CELLS = st.one_of(st.just(""), ODD, TEXT)
TABLES = st.integers(2, 5).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=12))
RUN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def write_csv(rows: list[list[str]], delimiter: str, line_end: str, quoting: Any) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    return stream.getvalue().encode()


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=TABLES,
    delimiter=st.sampled_from([",", ";", "\t"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    declared=st.booleans(),
)
def test_any_table_arrives_as_it_is(
    here: Installation, connection: Any, rows: list[list[str]], delimiter: str, line_end: str, quoting: Any,
    declared: bool,
) -> None:  # fmt: skip
    # a first and a last column that always hold something: what blank and half-filled rows mean is another question
    rows = [[f"key {number}", *cells, "end"] for number, cells in enumerate(rows)]
    if (line_end, quoting) == ("\n", csv.QUOTE_MINIMAL):  # csv.writer leaves a return without quotes then: a line end
        rows = [[cell.replace("\r", " ") for cell in row] for row in rows]
    width = len(rows[0]) if rows else 2
    names = [f"column_{number}" for number in range(width)]
    here.sql("drop table if exists public.any_table cascade")
    schema = {"column_0": {"type": "text", "checks": {"regex": "(?s).*"}}} if declared else {}  # the checked path
    reading = {"header_row": 1, "delimiter": delimiter, "quote": '"', "encoding": "utf-8"}
    here.configure("any_table", load_mode="append", reading=reading, schema=schema, guards={"allow_empty": True})
    path = here.drop("any_table.csv", write_csv([names, *rows], delimiter, line_end, quoting))
    os.utime(path, (time.time() - 60,) * 2)
    summary = run_imports.run_imports(
        connection, [configuration.load_import(connection, "any_table")], Directories(here.data).create(), RUN,
        run_imports.Options(reload=True),
    )  # fmt: skip
    assert summary.problems == []
    counts = summary.counts
    assert counts.read == counts.loaded + counts.rejected + counts.skipped
    assert (counts.read, counts.loaded) == (len(rows), len(rows))
    records = here.sql(f"select {', '.join(names)} from public.any_table order by source_row")
    assert [list(row) for row in records] == [[cell or None for cell in row] for row in rows]
    here.sql(
        "delete from dba.tschemachange; delete from dba.trejectedrow; delete from dba.tfinding;"
        "delete from dba.tcolumnprofile; delete from dba.tfile; delete from dba.tdataset"
    )
