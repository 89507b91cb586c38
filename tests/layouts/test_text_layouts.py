"""Files whose layout is declared: columns of fixed width, types of records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from systemscripts.configuration.column_schema import Column
from systemscripts.configuration.import_parts import Reading
from systemscripts.imports.suggest import propose_import, read_file, render_yaml
from systemscripts.summary import Summary
from tests.ingest.test_identity_rules import Office, states, texts

FIXED: dict[str, Any] = {
    "schema": {"id": "integer", "amount": "numeric"},
    "reading": {"fixed_width": {"code": "1-3", "id": "4-9", "name": "10-19", "amount": "20-"}},
}
TYPES: dict[str, Any] = {"header": "HDR", "rows": "DTL", "skip": ["ADR"], "trailer": "TRL"}
# no blank between columns, a quote, a letter of two bytes, a separator of lines in a text, a line without its blanks
LINES = 'DTL000001Chloé "B" 12.50\r\nDTL0000021234567890-3\r\nDTL000003a\u2028b\r\n'
ROWS = [("DTL", 1, 'Chloé "B"', "12.50", 1), ("DTL", 2, "1234567890", "-3", 2), ("DTL", 3, "a\u2028b", None, 3)]


def read_rows(office: Office) -> list[tuple[Any, ...]]:
    return office.here.sql("select code, id, name, amount::text, source_row from public.things order by id")


def explain(summary: Summary) -> str:
    return "\n".join(map(str, summary.problems))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_declared_columns_are_read_where_no_blank_separates_them(office: Office, encoding: str) -> None:
    office.here.configure("things", **FIXED)
    office.here.drop("things_1.txt", LINES.encode(encoding))
    done = office.run("things")
    assert (states(done), texts(done)) == (["loaded"], "")
    assert read_rows(office) == ROWS


def test_a_header_above_declared_columns_is_no_row_and_does_not_name_them(office: Office) -> None:
    office.here.configure("things", **FIXED | {"reading": FIXED["reading"] | {"header_row": 2}})
    header = "Orders of Monday\r\nTypNo    Client    Money\r\n--- ----- -------- -----\r\n"
    assert states(office.load("things_1.txt", header + LINES)) == ["loaded"]
    assert [row[:4] for row in read_rows(office)] == [row[:4] for row in ROWS]


def test_header_and_trailer_are_apart_and_totals_at_fixed_positions_are_compared(office: Office) -> None:
    control = {"rows": "trailer.4-9", "sum": {"amount": "trailer.10-16"}}
    reading = FIXED["reading"] | {"record_types": TYPES}
    office.here.configure("things", **FIXED | {"reading": reading, "control": control})
    good = f"HDR20260105\r\n{LINES}ADR some street\r\nTRL000003   9.50\r\n"
    assert states(office.load("things_1.txt", good)) == ["loaded"]
    assert [row[:4] for row in read_rows(office)] == [row[:4] for row in ROWS]
    assert office.here.sql("select rows_read, rows_loaded, rows_skipped from dba.tfile") == [(6, 3, 3)]
    few = office.load("things_2.txt", good.replace("TRL000003", "TRL000004"))
    assert states(few) == ["refused"]
    assert "trailer.4-9 says 000004 rows, the file has 3" in explain(few)
    moved = office.load("things_3.txt", good.replace("   9.50", "   9.60"))
    assert "trailer.10-16 says 9.60 for the sum of amount, the rows add up to 9.50" in explain(moved)
    assert len(read_rows(office)) == 3


def test_records_of_delimited_text_have_types_too_and_a_truncated_file_is_refused(office: Office) -> None:
    reading = {"record_types": TYPES, "no_header": True, "names": ["type", "id", "a"], "delimiter": "|"}
    office.here.configure("things", reading=reading, control={"rows": "trailer.2"})
    good = 'HDR|shop|20260105\n"DTL"|1|x\nADR|street\nDTL|2|y\nTRL|2\n'
    assert states(office.load("things_1.txt", good)) == ["loaded"]
    assert office.rows("id, a") == [("1", "x"), ("2", "y")]
    cut = office.load("things_2.txt", good.removesuffix("TRL|2\n"))
    assert "the last record begins with 'DTL|2|y', not with TRL; it may be truncated" in explain(cut)
    odd = office.load("things_3.txt", good.replace("ADR", "XYZ"))
    assert "line 3 begins with 'XYZ street', which is not one of the types of rows: DTL, ADR" in explain(odd)
    assert office.rows("id, a") == [("1", "x"), ("2", "y")]


def test_decimals_may_be_implied_in_values_and_totals(office: Office) -> None:
    schema = {"id": "integer", "amount": {"type": "numeric", "scale": 3, "implied_decimals": 2}}
    reading = {"fixed_width": {"code": "1-3", "id": "4-6", "amount": "7-16"}, "record_types": {"trailer": "TRL"}}
    control = {"sum": {"amount": "trailer.4-16"}}
    office.here.configure("things", schema=schema, reading=reading, control=control)
    good = "DTL0010000012345\nDTL002-000000005\nDTL003          \nDTL0040000000007\nTRL0000000012347\n"
    assert states(office.load("things_1.txt", good)) == ["loaded"]
    amounts = "select amount::text from public.things order by id"
    assert office.here.sql(amounts) == [("123.45",), ("-0.05",), (None,), ("0.07",)]
    # 12347.00 is not what the digits mean
    other = "DTL0010001234700\nTRL0000000012347\n"
    assert "says 0000000012347 for the sum of amount, the rows add up to 12347.00" in explain(
        office.load("things_2.txt", other)
    )
    marked = office.load("things_3.txt", "DTL001      1.50\nDTL0020000000150\nTRL0000000000150\n")
    assert "has a point" in str(marked.problems) + str(office.here.sql("select * from dba.trejectedrow"))


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"type": "integer", "implied_decimals": 2}, "is for numeric, not for integer"),
        ({"type": "numeric", "implied_decimals": 2, "decimal": ","}, "numbers without marks"),
        ({"type": "numeric", "implied_decimals": 3, "scale": 2}, "scale must be at least"),
    ],
)
def test_implied_decimals_that_contradict_are_refused(declared: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Column.model_validate(declared)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        ({"fixed_width": {"a": "1-8", "b": "8-9"}}, "a and b overlap"),
        ({"fixed_width": {"a": "8-1"}}, "8-1 ends before it begins"),
        ({"fixed_width": {"a": "from 1 to 8"}}, "such as 1-8, 9 or 29-"),
        ({"fixed_width": {"a": "2-8"}, "record_types": {"rows": "DTL"}}, "begins with letter 1"),
        ({"record_types": {"skip": ["ADR"]}}, "skip needs rows"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_in_the_configuration(reading: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Reading.model_validate(reading)


@pytest.mark.parametrize("ruler", ["", "----- ---------- ------\n"])
def test_suggest_proposes_columns_of_fixed_width_that_next_months_values_may_fill(
    office: Office, tmp_path: Path, ruler: str
) -> None:
    lines = [f"{number:<5} {name:<10} {number * 1.5:6.2f}\n" for number, name in enumerate(["Ann", "Ben", "Chloé"] * 3)]
    path = tmp_path / "things_1.txt"
    path.write_text(f"{'id':<5} {'name':<10} {'amount':<6}\n{ruler}{''.join(lines)}")
    proposal = propose_import.propose_import([read_file.read_file(path, lambda done: None)], "things")
    proposed = yaml.safe_load(render_yaml.render_import(proposal))
    assert proposed["reading"]["fixed_width"] == {"id": "1-6", "name": "7-17", "amount": "18-"}
    office.here.configure("things", reading=proposed["reading"], schema=proposed["schema"])
    done = office.load("things_2.txt", path.read_text() + "123456Bartholomew  7.50\n")
    assert states(done) == ["loaded"]
    last = "select name, amount::text from public.things where id::text = '123456'"
    assert office.here.sql(last) == [("Bartholomew", "7.50")]
    assert office.here.sql("select count(*) from public.things") == [(10,)]
