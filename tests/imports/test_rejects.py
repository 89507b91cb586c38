"""Rows that do not fit are set aside with their line and reason; what only looks odd arrives as it is."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from typing import Any

from tests.conftest import Installation

GOOD = "".join(f"good {n},1\n" for n in range(100))


def load(installation: Installation, content: str | bytes, name: str = "odd.csv", **columns: object) -> dict[str, Any]:
    installation.configure("odd", **({"load_mode": "append"} | columns))
    installation.drop(name, content)
    return installation.summary("generic_import", "odd")


def rejects(installation: Installation) -> list[tuple[Any, ...]]:
    return installation.sql("select source_row, reason, raw_row from dba.trejectedrow order by source_row")


def test_ragged_rows_nul_and_damaged_bytes_by_line_and_reason(installation: Installation) -> None:
    odd = b'short\nlong,1,2,3\nzero\x00,1\ndamaged \xff,1\n"two\nlines",1,1\n'
    summary = load(installation, b"name,amount\n" + GOOD.encode() + "é,1\nü,2\nß,3\n".encode() + odd)
    assert rejects(installation) == [
        (105, "has 1 value, expected 2", "short"),
        (106, "has 4 values, expected 2", "long,1,2,3"),
        (107, "contains a NUL character", "zero\\0,1"),
        (108, "bytes that are not valid utf-8: b'\\xff'", "damaged \ufffd,1"),
        (109, "has 3 values, expected 2", '"two\nlines",1,1'),
    ]
    assert summary["counts"] == {"read": 108, "loaded": 103, "rejected": 5, "skipped": 0, "held": 0}
    assert summary["exit_code"] == 0
    assert any("5 of 108 rows rejected" in text for text in summary["warnings"])
    assert installation.sql("select rows_read, rows_loaded, rows_rejected, rows_skipped from dba.tdataset") == [
        (108, 103, 5, 0)
    ]


def test_stray_quotes_are_characters(installation: Installation) -> None:
    lines = ['5" pipe,1', 'say "hi",2', '"quoted, whole",3', 'end",4', '"doubled ""quotes""",5', 'a""b,6']
    load(installation, "name,amount\n" + GOOD + "\n".join(lines) + "\n")
    assert installation.sql("select source_row, name, amount from public.odd where source_row > 101 order by 1") == [
        (102, '5" pipe', "1"),
        (103, 'say "hi"', "2"),
        (104, "quoted, whole", "3"),
        (105, 'end"', "4"),
        (106, 'doubled "quotes"', "5"),
        (107, 'a""b', "6"),
    ]
    assert rejects(installation) == []


def test_line_numbers_hold_through_quoted_breaks_and_blank_lines(installation: Installation) -> None:
    load(installation, 'name,amount\n"one\ntwo\nthree",1\n\n\nfour,2\n\nbad\n"five\n\nsix",3\n' + GOOD)
    rows = installation.sql("select source_row, name from public.odd where source_row < 14 order by 1")
    assert rows == [(2, "one\ntwo\nthree"), (7, "four"), (10, "five\n\nsix"), (13, "good 0")]
    assert rejects(installation) == [(9, "has 1 value, expected 2", "bad")]


def test_both_limits_must_be_passed(installation: Installation) -> None:
    bad = "bad\n" * 11
    summary = load(installation, "name,amount\n" + GOOD + bad, max_rejects=10, max_reject_rate=0.2)
    assert summary["counts"]["rejected"] == 11  # many, but a small share
    summary = load(installation, "name,amount\n" + GOOD + "bad\n" * 10, name="odd2.csv", max_reject_rate=0.05)
    assert summary["counts"]["rejected"] == 10  # a large share, but few
    summary = load(installation, "name,amount\n" + GOOD + bad + "x,1\n", name="odd3.csv")
    assert summary["exit_code"] == 65
    assert installation.sql("select status from dba.tfile where name = 'odd3.csv'") == [("refused",)]


def test_a_refused_file_is_kept_with_its_reason_and_resolved_by_a_good_one(installation: Installation) -> None:
    content = "name,amount\n" + GOOD + "bad\n" * 11
    summary = load(installation, content)
    assert summary["exit_code"] == 65
    folder = installation.data / "file_watcher" / "refused"
    digest = installation.sql("select file_sha256 from dba.tfile")[0][0]
    assert sorted(path.name for path in folder.iterdir()) == [
        f"odd_{digest[:8]}.csv",
        f"odd_{digest[:8]}.csv.reason.txt",
    ]
    assert (folder / f"odd_{digest[:8]}.csv").read_text() == content
    reason = (folder / f"odd_{digest[:8]}.csv.reason.txt").read_text()
    assert "11 of 111 rows do not fit" in reason
    assert "the first: row 102 has 1 value, expected 2" in reason
    assert installation.sql("select count(*), count(dataset_id), min(source_row) from dba.trejectedrow") == [
        (11, 0, 102)
    ]
    assert installation.sql("select count(*) from public.odd") == [(0,)]
    assert installation.sql("select count(*) from dba.v_waiting") == [(1,)]

    assert load(installation, content)["exit_code"] == 65  # dropped again, tried again
    tickets = installation.sql("select status, resolved_by from dba.tfile order by file_id")
    assert tickets == [("refused", 2), ("refused", None)]  # one file that waits for someone, not two
    assert installation.sql("select count(*) from dba.v_waiting") == [(1,)]

    assert load(installation, "name,amount\n" + GOOD)["exit_code"] == 0
    assert installation.sql("select count(*) from dba.tfile where status = 'refused' and resolved_by = 3") == [(1,)]
    assert installation.sql("select count(*) from dba.v_waiting") == [(0,)]


def test_one_refused_file_does_not_stop_the_others(installation: Installation) -> None:
    installation.drop("odd_1.csv", "name,amount\n" + GOOD + "bad\n" * 30)
    installation.drop("odd_2.xlsx", b"PK\x03\x04 no workbook")
    summary = load(installation, "name,amount\n" + GOOD, name="odd_3.csv")
    assert [row["state"] for row in summary["rows"]] == ["refused", "refused", "loaded"]
    assert summary["exit_code"] == 65
    assert installation.sql("select count(*) from public.odd") == [(100,)]


def test_what_only_the_database_refuses_is_rejected_by_row(installation: Installation) -> None:
    load(installation, "name,amount\nx,1\n", name="odd1.csv")
    installation.sql("alter table public.odd add constraint small check (length(amount) < 3), add unique (name)")
    rows = "".join(f"n {number},{1234 if number % 997 == 0 else 1}\n" for number in range(10_000)) + "n 5,1\n"
    summary = load(installation, "name,amount\n" + rows, name="odd2.csv", max_reject_rate=0.01)
    assert summary["counts"] == {"read": 10_001, "loaded": 9_989, "rejected": 12, "skipped": 0, "held": 0}
    actual = rejects(installation)
    assert [row[0] for row in actual] == [*(2 + 997 * n for n in range(11)), 10_002]
    assert 'violates check constraint "small"' in actual[0][1]
    assert "duplicate key" in actual[-1][1]
    assert actual[-1][2] == "n 5,1"


def test_titles_and_a_second_table_count_as_skipped(installation: Installation) -> None:
    first = "".join(f"{number},{'x' if number == 7 else number * 5},note {number}\n" for number in range(1, 13))
    second = "\nRegion,Manager,Since\nNorth,Anna Keller,2019-01-01\nSouth,Ben Roth,2020-05-01\n"
    titled = "Orders of May\nas of today\nid,amount,note\n" + first + second
    summary = load(installation, titled, schema={"amount": {"type": "integer"}})
    assert summary["counts"] == {"read": 17, "loaded": 11, "rejected": 1, "skipped": 5, "held": 0}
    assert [row for row, _, _ in rejects(installation)] == [10]
    assert installation.sql("select rows_read, rows_skipped from dba.tdataset") == [(17, 5)]
    assert any("a second table begins in row 17" in warning for warning in summary["warnings"]), summary


def test_a_problem_is_said_once_on_a_terminal(installation: Installation) -> None:
    installation.configure("orders", exact_header=["other"])
    installation.drop("orders.csv", "id\n1\n")
    leader, terminal = pty.openpty()
    with os.fdopen(leader, "rb", 0) as screen:
        process = subprocess.Popen(
            installation.command("generic_import", "orders"), env=installation.process_environment(),
            cwd=installation.data, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
        )  # fmt: skip
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the terminal's other end is closed
            while more := screen.read(4096):
                shown += more
    assert process.wait(60) == 65
    assert shown.count(b"unexpected layout") == 1, shown.decode()
