"""Company lists as organisers make them: alike to the byte, alike in their headers, with titles above."""

from __future__ import annotations

from demo import lists
from tests.conftest import Installation

LONG = "Would your management team like to host a small group dinner on "
assert len(LONG) >= 60
TITLES = ("Industrials Week", "Presenting companies, as of today", "")


def drop(here: Installation, day: int, event: int, headers: list[str], rows: list[list[str]], file_type: str) -> None:
    content = lists.WRITERS[file_type](headers, rows, TITLES if event == 3 else ())
    here.drop(f"202603{day:02}T063000_MeetMax_{event}.xls", content)


def test_twins_of_every_kind_load_whole_and_change_nothing(installation: Installation) -> None:
    same = (["Company Name", "Ticker"], [["Alpha", "A"], ["Beta", "B"]])
    dinners = ["Company Name", "Ticker", LONG + "Monday?", LONG + "Tuesday?"]
    drop(installation, 2, 1, *same, "biff")
    drop(installation, 2, 2, *same, "biff")
    drop(installation, 2, 3, dinners, [["Alpha", "A", "yes", "no"], ["Beta", "B", "", "yes"]], "xlsx")
    drop(installation, 2, 4, ["Ticker", "E-Mail", "E Mail"], [["A", "dash", "plain"]], "html")
    first = installation.summary("generic_import", "meetmax_events")
    assert [row["state"] for row in first["rows"]] == ["loaded"] * 4
    drop(installation, 9, 1, *same, "biff")
    drop(
        installation,
        9,
        3,
        dinners[:2] + dinners[:1:-1],
        [["Alpha", "A", "no", "yes"], ["Beta", "B", "yes", ""]],
        "xlsx",
    )
    drop(installation, 9, 4, ["Ticker", "E Mail", "E-Mail"], [["A", "plain", "dash"]], "html")
    second = installation.summary("generic_import", "meetmax_events")
    assert [row["state"] for row in second["rows"]] == ["unchanged", "loaded", "loaded"]
    rows = installation.sql(
        """select d.label, t.source_row, t.company_name, t.ticker, t.e_mail, to_jsonb(t) from dba.tmeetmax_current t
           join dba.tdataset d using (dataset_id) order by 1, 2"""
    )
    assert [row[0] for row in rows] == ["1", "1", "2", "2", "3", "3", "4"]
    assert [row[2:4] for row in rows[:2]] == [row[2:4] for row in rows[2:4]] == [("Alpha", "A"), ("Beta", "B")]
    hosts = [sorted(value for key, value in row[5].items() if key.startswith("would") and value) for row in rows[4:6]]
    assert hosts == [["no", "yes"], ["yes"]]
    assert rows[6][4] == "plain"
    assert [value for key, value in rows[6][5].items() if key.startswith("e_mail_")] == ["dash"]
    changes = installation.summary("dataset_changes", "dba.tmeetmax")["rows"]
    assert {row["change"] for row in changes} == {"first"}
