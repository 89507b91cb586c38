"""What the sender states in a file, beside it or in its name is compared with its rows."""

from __future__ import annotations

import gzip
import hashlib
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from systemscripts.backups import unknown_files
from systemscripts.configuration.control_total_options import Control
from systemscripts.configuration.sidecar_files import refuse_wrong_checksum
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError
from systemscripts.ingest.control_totals import read_number
from systemscripts.summary import Summary
from tests.ingest.test_identity_rules import Office, states, texts

BY_TRAILER = {"rows": "trailer.2", "sum": {"a": "trailer.3"}}
GERMAN = {"a": {"type": "numeric", "decimal": ",", "thousands": "."}}
ROWS = "id;a\n1;1.200,50\n2;34,00\n3;\n"


def problems(summary: Summary) -> str:
    return "\n".join(map(str, summary.problems))


def configure(office: Office, **columns: Any) -> None:
    office.here.configure("things", **{"schema": GERMAN, "control": BY_TRAILER} | columns)


def count(office: Office) -> list[tuple[Any, ...]]:
    return office.here.sql("select id, a from public.things order by id::text")


@pytest.mark.parametrize("load_mode", ["snapshot", "append", "new_rows", "upsert"])
def test_a_right_trailer_is_no_row_and_a_wrong_one_refuses_the_file_with_both_numbers(
    office: Office, load_mode: str
) -> None:
    configure(office, load_mode=load_mode, key_columns=["id"] if load_mode == "upsert" else [])
    done = office.load("things_1.csv", ROWS + "T;3;1.234,50\n")
    assert (states(done), done.exit_code, texts(done)) == (["loaded"], 0, "")
    assert office.here.sql("select rows_read, rows_loaded, rows_skipped from dba.tfile") == [(4, 3, 1)]
    assert count(office) == [("1", Decimal("1200.50")), ("2", Decimal("34.00")), ("3", None)]
    few = office.load("things_2.csv", ROWS.replace("3;\n", "4;1,00\n5;2,00\n") + "T;3;1.237,50\n")
    assert (states(few), few.exit_code) == (["refused"], 65)
    assert "trailer.2 says 3 rows, the file has 4" in problems(few)
    moved = office.load("things_3.csv", ROWS.replace("34,00", "43,00") + "T;3;1.234,50\n")
    assert "trailer.3 says 1.234,50 for the sum of a, the rows add up to 1243.50" in problems(moved)
    assert len(count(office)) == 3
    assert office.here.sql("select count(*) from dba.tdataset") == [(1,)]
    noted = (
        "select rule, severity, column_name, f.name, n.dataset_id from dba.tfinding n join dba.tfile f using (file_id)"
    )
    assert office.here.sql(f"{noted} where severity = 'refuse' order by finding_id") == [
        ("control_total", "refuse", None, "things_2.csv", None),
        ("control_total", "refuse", "a", "things_3.csv", None),
    ]


def test_a_total_may_be_written_as_its_column_is(office: Office) -> None:
    spelling = {"type": "numeric", "thousands": ".", "currency": "\u20ac", "negative": "brackets"}
    configure(office, schema={"a": spelling})
    rows = "id;a\n1;\u20ac1.200,50\n2;(2.400,00 \u20ac)\n"
    assert states(office.load("things_1.csv", rows + "T;2;(1.199,50) \u20ac\n")) == ["loaded"]
    assert count(office) == [("1", Decimal("1200.50")), ("2", Decimal(-2400))]
    wrong = office.load("things_2.csv", rows.replace("0,50", "0,60") + "T;2;(1.199,50) \u20ac\n")
    assert "says (1.199,50) \u20ac for the sum of a, the rows add up to -1199.40" in problems(wrong)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_first_record_with_totals_leaves_header_and_line_numbers_as_they_are(office: Office, pack: Any) -> None:
    configure(office, control={"rows": "header.3"}, schema={"a": "integer"}, max_rejects=5, max_reject_rate=0.9)
    done = office.load("things_1.csv", pack(b"H|20260105|3\r\nid,a\r\n1,5\r\n2,x\r\n3,7\r\n"))
    assert states(done) == ["loaded"]
    assert office.here.sql("select source_row from dba.trejectedrow") == [(4,)]
    assert office.here.sql("select rows_read, rows_loaded, rows_rejected, rows_skipped from dba.tfile") == [
        (4, 2, 1, 1)
    ]
    assert "header.3 says 4 rows, the file has 3" in problems(
        office.load("things_2.csv", pack(b"H|20260105|4\r\nid,a\r\n1,5\r\n2,6\r\n3,8\r\n"))
    )


def test_first_and_last_record_of_a_large_file_and_of_one_without_header(office: Office) -> None:
    control = {"rows": "header.1", "sum": {"a": "trailer.1"}}
    configure(office, control=control, schema={"a": "integer"})
    many = "".join(f"{number},{'y' * 20},1\n" for number in range(100_000))
    done = office.load("things_1.csv", f"100000\nid,b,a\n{many}100000\n")
    assert (states(done), done.counts.loaded, done.counts.skipped, texts(done)) == (["loaded"], 100_000, 2, "")
    configure(office, control=control, schema={"a": "integer"}, reading={"no_header": True, "names": ["id", "a"]})
    done = office.load("things_2.csv", "2\n1,5\n2,6\n11\n", accept_drop=True)
    assert (states(done), done.counts.read, done.counts.loaded) == (["loaded"], 4, 2)


def test_a_trailer_that_cannot_be_read_refuses_the_file(office: Office) -> None:
    configure(office)
    assert "trailer.2 is 'x', not a number" in problems(office.load("things_1.csv", ROWS + "T;x;1\n"))
    assert "trailer.2 is one of only 1 fields" in problems(office.load("things_2.csv", ROWS + "TRAILER\n"))
    assert "it has no other line" in problems(office.load("things_3.csv", "T;0;0"))
    assert states(office.run("things")) == []


def test_totals_come_from_a_sidecar_which_the_file_waits_for_and_takes_with_it(office: Office) -> None:
    configure(office, control={"rows": "sidecar.2", "sum": {"a": "sidecar.3"}})
    office.here.drop("things_1.csv", ROWS)
    waits = office.run("things")
    assert (states(waits), waits.exit_code) == ([], 0)
    assert "things_1.csv waits for its totals in things_1.csv.ctl" in texts(waits)
    office.here.drop("things_1.csv.ctl", "things_1.csv,3,1234.50\n")
    assert states(office.run("things")) == ["loaded"]
    assert office.here.list_waiting() == []
    assert sorted(office.here.read_archive()) == ["things_1.csv", "things_1.csv.ctl"]
    assert unknown_files.find_unknown_files(Directories(office.here.data)) == []
    office.here.drop("things_2.csv.ctl", "things_2.csv,9,1\n")
    assert states(office.run("things")) == []
    wrong = office.load("things_2.csv", ROWS.replace("34", "35"))
    assert "sidecar.2 says 9 rows, the file has 3" in problems(wrong)
    assert office.here.list_waiting() == []
    office.here.configure("things", control={})
    assert states(office.run("things", retry_refused=True)) == ["loaded"]
    assert "things_2.csv.ctl" in office.here.read_archive()


def test_a_total_in_the_name_and_rows_that_are_not_data(office: Office) -> None:
    configure(office, control={"rows": "name.2"}, reading={"skip_if": {"id": ["Total"]}})
    assert states(office.load("things_1_3.csv", ROWS + "Total;1.234,50\n")) == ["loaded"]
    assert "name.2 says 2 rows, the file has 4" in problems(office.load("things_2_2.csv", ROWS + "4;1\n"))


def test_a_workbook_has_no_trailer(office: Office) -> None:
    configure(office)
    page = "<html><body><table><tr><td>id</td><td>a</td></tr><tr><td>1</td><td>2</td></tr></table></body></html>"
    assert "trailer.2 cannot be read from html" in problems(office.load("things_1.xls", page))


@pytest.mark.parametrize("suffix", ["ctl", "CTL", "Ctl", "cTl"])
def test_a_sidecar_is_recognised_whatever_letters_of_its_ending_are_capitals(office: Office, suffix: str) -> None:
    configure(office, control={"rows": "sidecar.2"})
    office.here.drop(f"things_1.csv.{suffix}", "things_1.csv,3\n")
    assert states(office.load("things_1.csv", ROWS)) == ["loaded"]
    assert sorted(office.here.read_archive()) == ["things_1.csv", f"things_1.csv.{suffix}"]


def test_a_held_file_that_the_archive_gave_another_name_is_accepted_with_its_checksums(office: Office) -> None:
    configure(office, control={}, guards={"min_rows": 3})
    digests = {name: hashlib.md5(content.encode()).hexdigest() for name, content in (("a", ROWS), ("b", ROWS[:-3]))}
    # one list for a whole delivery, by the names that the files came with
    lines = f"{digests['a']}  others.csv\n{{}}  things_1.csv\n"
    office.here.drop("things_1.csv.Md5", lines.format(digests["a"]))
    assert states(office.load("things_1.csv", ROWS)) == ["loaded"]
    office.here.drop("things_1.csv.Md5", lines.format(digests["b"]))
    held = office.load("things_1.csv", ROWS[:-3])
    assert states(held) == ["held"]
    assert len(office.here.read_archive()) == 4
    assert office.accept(held.rows[0]["dataset"]).counts.loaded == 2


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_with_another_checksum_than_beside_it_is_refused_unread(office: Office, algorithm: str) -> None:
    configure(office, control={})
    right = hashlib.new(algorithm, ROWS.encode()).hexdigest()
    office.here.drop(f"things_1.csv.{algorithm}", f"{right}  things_1.csv\n")
    assert states(office.load("things_1.csv", ROWS)) == ["loaded"]
    office.here.drop(f"things_2.csv.{algorithm}", f"{right} *things_2.csv\n")
    cut = office.load("things_2.csv", ROWS[:-4])
    assert (states(cut), cut.exit_code) == (["refused"], 65)
    digest = hashlib.new(algorithm, ROWS[:-4].encode()).hexdigest()
    assert f"says {right}, the file has {digest}" in problems(cut)
    assert office.here.list_waiting() == []


def test_checksums_are_read_as_the_usual_programs_write_them(tmp_path: Any) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x\n")
    right, other = hashlib.md5(b"x\n").hexdigest(), "0" * 32
    for text in (right, f"{right.upper()} *a.csv\r\n", f"MD5 (a.csv) = {right}", f"{other}  b.csv\n{right}  a.csv\n"):
        (tmp_path / "a.csv.MD5").write_text(text)
        refuse_wrong_checksum(file, "a.csv")
    for text in ("", "not here", f"{other}  b.csv\n{other}  c.csv\n", f"{right}  ba.csv\n{other}  a.csv\n"):
        (tmp_path / "a.csv.MD5").write_text(text)
        with pytest.raises(BadDataError):
            refuse_wrong_checksum(file, "a.csv")


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("1.234,50", {"1234.50"}),
        ("1,234.50", {"1234.50"}),
        ("1.234", {"1234", "1.234"}),
        ("1 234,5", {"1234.5"}),
        ("-12", {"-12"}),
        ("12-", {"-12"}),
        ("0003", {"3"}),
        ("1.2.3", set()),
        ("", set()),
        ("abc", set()),
    ],
)
def test_a_total_may_have_other_marks_than_the_rows(text: str, meanings: set[str]) -> None:
    assert read_number(text) == {Decimal(meaning) for meaning in meanings}


@pytest.mark.parametrize("location", ["trailer.0", "header", "footer.2", "name.x"])
def test_a_place_that_does_not_exist_is_named(location: str) -> None:
    with pytest.raises(ValidationError, match=r"such as trailer\.2"):
        Control.model_validate({"rows": location})
