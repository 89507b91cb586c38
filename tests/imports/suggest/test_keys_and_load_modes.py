"""Key and load mode of an import are proposed by rows and names of its files, with a reason or a question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from systemscripts.imports.suggest import propose_import, read_file
from systemscripts.imports.suggest.import_proposal import ImportProposal

pytestmark = pytest.mark.fast


def propose(folder: Path, **contents: str) -> ImportProposal:
    files = []
    for name, content in contents.items():
        path = folder / f"{name}.csv"
        path.write_text(content)
        files.append(read_file.read_file(path, lambda done: None))
    return propose_import.propose_import(files, "things")


def write(header: str, row: Callable[[int], str], begin: int = 0, count: int = 40) -> str:
    return f"{header}\n" + "".join(f"{row(n)}\n" for n in range(begin, begin + count))


def test_the_key_is_the_column_with_the_name_of_one_without_the_total(tmp_path: Path) -> None:
    text = write("note,order id,amount", lambda n: f"note {n},{n},{n % 7}") + "Total,,115\n"
    proposal = propose(tmp_path, orders=text)
    assert proposal.key is not None
    assert (proposal.key.columns, proposal.key.is_sure) == (("order_id",), True)
    assert [column.declared.get("required") for column in proposal.columns] == [None, True, None]
    assert list(proposal.filled) == ["note", "amount"]


@pytest.mark.parametrize(
    ("header", "row", "columns"),
    [
        ("order no,line no,amount", lambda n: f"{n // 4},{n % 4},{n % 3}", ("order_no", "line_no")),
        ("shop,day,till,amount", lambda n: f"S{n % 2},2026-01-0{n // 8 + 1},{n // 2 % 4},5", ("shop", "day", "till")),
        ("name,amount", lambda n: f"n{n % 3},{n % 2}", ()),
        ("account number,amount", lambda n: f"{n + 1000},{n % 2}", ("account_number",)),
    ],
)
def test_other_candidates_are_only_comments(
    tmp_path: Path, header: str, row: Callable[[int], str], columns: tuple[str, ...]
) -> None:
    key = propose(tmp_path, orders=write(header, row)).key
    assert (key.columns if key else ()) == columns
    assert key is None or not key.is_sure


def test_names_tell_the_load_mode(tmp_path: Path) -> None:
    text = write("id,name", lambda n: f"{n},x{n}")
    for name, mode in (("orders_20260105", "snapshot"), ("orders_0042", "append"), ("orders", "snapshot")):
        proposed = propose(tmp_path, **{name: text}).load_mode
        assert (proposed.mode, proposed.question) == (mode, ""), name


def test_rows_of_the_period_in_the_name_alone_are_a_question(tmp_path: Path) -> None:
    text = write("id,day", lambda n: f"{n},{date(2026, 9, 1) + timedelta(days=n % 30)}")
    proposed = propose(tmp_path, orders_202609=text).load_mode
    assert (proposed.mode, proposed.reason) == (
        "snapshot",
        "the name has a date, but all rows are of the month in the name",
    )
    assert proposed.question.endswith("For new rows write load_mode: append")
    assert propose(tmp_path, orders_202612=text).load_mode.question == ""
    assert "or only new rows?" in propose(tmp_path, orders_20260905_0001=text).load_mode.question


def test_the_rows_of_two_files_decide(tmp_path: Path) -> None:
    def row(n: int) -> str:
        return f"{n},x{n % 5}"

    first, other, alike = (write("id,name", row, begin) for begin in (0, 100, 1))
    assert propose(tmp_path, orders_20260105=first, orders_20260106=other).load_mode.mode == "append"
    proposed = propose(tmp_path, orders_1=first, orders_2=alike).load_mode
    assert (proposed.mode, proposed.reason) == ("snapshot", "the files have most rows in common")
