"""Each waiting name is compared with few patterns, and a start reads few configurations: both find what all would."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemscripts import db_utils
from systemscripts.configuration import import_rows, near_names
from systemscripts.configuration.waiting_names import KnownImport, KnownImports, WaitingNames
from systemscripts.directory_management import Directories, compute_sha256
from tests.conftest import Installation

PATTERNS = [
    r"orders_\d{8}\.csv", r"orders.*", r"orders?_1.csv", r"orde+rs_1.csv", r"orders{0,1}_1.csv", r"or.*|let.*",
    r"(let|or).*", r"let(?:a|b)?.*", r"(?i)ORDERS.*", r"[|]x.*", r"\|.*", r".*", r"", r"letters-[(]1[)]\.csv",
    r"(?P<day>\d+)_.*", r"Kurse.*", r"(?x) ord ers .*", r"skonto_i\.csv",
]  # fmt: skip
NAMES = st.one_of(
    st.sampled_from([
        "orders_20260105.csv", "order_1.csv", "orderrs_1.csv", "|x", "Orders 1.csv.gz", "let", "letters-(1).csv",
        "12_x", "\u212aurse.csv", "\u017fKONTO_\u0131.csv", "ORDERS%2020260105.csv", "orders+20260105 (1).csv", "",
    ]),
    st.text("orderslta_|12 .csvK\u212aı+%(-)", max_size=20),
)  # fmt: skip


@given(name=NAMES, patterns=st.lists(st.sampled_from(PATTERNS), unique=True))
def test_the_imports_of_a_name_are_those_whose_patterns_match_it(name: str, patterns: list[str]) -> None:
    known = KnownImports()
    for number, pattern in enumerate(patterns):
        known.add(KnownImport(f"import_{number:02}", pattern, is_active=number % 3 > 0))
    expected = [f"import_{number:02}" for number, pattern in enumerate(patterns) if re.fullmatch(pattern, name)]
    assert [one.name for one in known.match(name)] == expected
    near = [pattern for number, pattern in enumerate(patterns) if number % 3 and near_names.is_near(name, pattern)]
    found = known.find_near(name)
    assert (found and found.file_pattern) == (near[0] if near else None)


def test_a_folder_is_listed_once_for_all_imports_and_an_invalid_pattern_matches_nothing(here: Installation) -> None:
    for name in ("orders", "letters"):
        here.configure(name)
    here.configure("or", file_pattern="or.*", is_active=False)
    here.configure("broken", file_pattern="orders(")
    here.configure("all_orders", file_pattern=".*[1-9].csv")
    for name in ("orders_1.csv", "letters.csv", "invoice.csv", "orders_2.csv.part"):
        here.drop(name, "id\n1\n")
    folder = here.data / "file_watcher"
    with contextlib.closing(db_utils.connect("etl", "test")) as connection:
        waiting = WaitingNames(connection, Directories(here.data))
    found = {name: waiting.list_names(folder, name) for name in ("orders", "letters", "or", "broken")}
    assert found == {
        "orders": ["orders_1.csv", "orders_2.csv.part"], "letters": ["letters.csv"],
        "or": ["orders_1.csv", "orders_2.csv.part"], "broken": [],
    }  # fmt: skip
    assert waiting.list_ambiguous(folder) == {"orders_1.csv": ["all_orders", "orders"]}
    here.drop("invoice_of_later.csv", "id\n1\n")
    assert [name for name in waiting.list_unmatched(folder) if "." in name] == ["invoice.csv"]


def test_a_start_reads_its_own_configuration_and_those_that_changed(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(name: str, table: str) -> None:
        (folder / f"{name}.yaml").write_text(f"file_pattern: {name}.*\ntarget_table: public.{table}\n")

    def apply(needed: str | None) -> list[str]:
        read.clear()
        with contextlib.closing(db_utils.connect("etl", "test")) as connection:
            return import_rows.apply_valid_files(connection, folder, needed)[0]

    def note(path: Path) -> str:
        read.append(path.stem)
        return compute_sha256(path)

    read: list[str] = []
    folder = tmp_path / "imports"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write(name, name)
    monkeypatch.setattr("systemscripts.configuration.import_rows.compute_sha256", note)
    monkeypatch.setattr(import_rows, "CLOCK_SECONDS", -0.01)
    assert (apply("b"), read) == (["a", "b", "c"], ["a", "b", "c"])
    monkeypatch.setattr(import_rows, "CLOCK_SECONDS", 0)
    assert (apply("b"), read) == ([], ["b"])
    assert (apply(None), read) == ([], ["a", "b", "c"])
    write("c", "other")
    write("d", "d")
    assert (apply("b"), read) == (["c", "d"], ["b", "c", "d"])
    assert here.sql("select target_table from dba.timportconfig where config_name = 'c'") == [("public.other",)]
    # a row that was edited and then deleted comes back from its file
    here.sql("update dba.timportconfig set target_table = 'public.edited' where config_name = 'a'")
    here.sql("delete from dba.timportconfig where config_name = 'a'")
    assert apply("b") == ["a"]
