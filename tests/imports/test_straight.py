"""The straight path takes whichever of PostgreSQL's formats is quicker for a block, and no reader can tell which."""

from __future__ import annotations

import pytest

from tests.conftest import Installation


@pytest.mark.parametrize("delimiter", [",", "\t", "|"])
def test_backslashes_are_characters_also_where_no_field_is_quoted(installation: Installation, delimiter: str) -> None:
    installation.configure("things", load_mode="append")
    odd = ["C:\\new\\table", "\\N", "\\x41", "\\.", "\\"]  # each in a block of its own
    for value in odd:
        installation.drop(f"things_{len(value)}.csv", f"Word{delimiter}N\nplain{delimiter}1\n{value}{delimiter}2\n")
        assert installation.summary("generic_import", "things")["counts"]["loaded"] == 2
    rows = installation.sql("select word from public.things where n = '2' order by dataset_id")
    assert [row[0] for row in rows] == odd


def test_blocks_with_and_without_quotes_load_alike(installation: Installation) -> None:
    installation.configure("things", load_mode="append")
    plain = "".join(f"{n},word {n},\n" for n in range(200_000))  # more than one block
    quoted = '"7","a ""b"", c",""\n'
    installation.drop("things_1.csv", "N,Word,Empty\n" + plain + quoted + plain)
    assert installation.summary("generic_import", "things")["counts"]["loaded"] == 400_001
    rows = installation.sql(
        "select count(*), count(empty), sum(n::int), min(source_row), max(source_row), count(distinct source_row)"
        " from public.things"
    )
    assert rows == [(400_001, 0, 199_999 * 200_000 + 7, 2, 400_002, 400_001)]
    assert installation.sql("select word from public.things where source_row = 200002") == [('a "b", c',)]
