"""Any table that csv.writer writes is read unchanged, without options about its dialect.

Ambiguous tables are left out: those of one column or of less than four records, those whose names look like values,
and those with blank rows at the end or with a space at the beginning of every field (`, ` is a delimiter).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from systemscripts.tables.open_table import open_table

WORDS = st.sampled_from(
    ["Anna", "Bern", "rail, road", 'say "hi"', "isn't", "a; b", "red;blue", "x|y", "two\tparts", "Zürich", "l 1\nl 2"]
)
COLUMNS = {
    "number": st.integers(0, 99999).map(str),
    "amount": st.decimals(0, 9999, places=2).map(str),
    "day": st.dates().map(str),
    "code": st.integers(1000, 9999).map(lambda number: f"AB-{number}"),
    "text": st.lists(WORDS, min_size=1, max_size=4).map(" ".join),
    "sparse": st.one_of(st.just(""), WORDS),
}


@st.composite
def draw_tables(draw: st.DrawFn) -> list[list[str]]:
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=7))
    if not any(name in ("number", "amount", "day", "code") for name in names):
        names.append("number")
    header = [f"{name} {'abcdefgh'[index]}" for index, name in enumerate(names)]
    rows = draw(st.lists(st.tuples(*(COLUMNS[name] for name in names)), min_size=4, max_size=30))
    return [header, *map(list, rows)]


# The delimiter of the texts is in all records, but does not separate the names.
IN_ALL_RECORDS = [["text a", "amount b"], *(["a; b", f"{number}.00"] for number in range(4))]
IN_MOST_RECORDS = [*IN_ALL_RECORDS[:4], ["Anna", "0.00"]]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    draw_tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["doubled", "backslash"]),
)
@example(IN_ALL_RECORDS, ",", "\n", csv.QUOTE_MINIMAL, "doubled")
@example(IN_MOST_RECORDS, ",", "\n", csv.QUOTE_MINIMAL, "doubled")
def test_any_table_comes_back_equal(
    tmp_path: Path, rows: list[list[str]], delimiter: str, line_end: str, quoting: int, escape: str
) -> None:
    stream = io.StringIO(newline="")
    escapes = {"doublequote": False, "escapechar": "\\"} if escape == "backslash" else {}
    csv.writer(stream, delimiter=delimiter, lineterminator=line_end, quoting=quoting, **escapes).writerows(rows)
    path = tmp_path / "x"
    path.write_bytes(stream.getvalue().encode())
    with open_table(path) as table:
        records = [table.parse(record) for block in table.blocks() for record in block.records]
        assert [table.columns, *records] == rows
