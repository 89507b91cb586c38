"""What a second, an older, a future or an undone file means, and what an undo leaves, in every load mode."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from systemscripts import configuration, db_utils, settings
from systemscripts.datasets import changes, load_decision
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.imports import column_layout
from systemscripts.ingest import accept_held, run_imports, undo
from systemscripts.summary import Summary
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"
DATED = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd"}
UPSERT: dict[str, Any] = {"load_mode": "upsert", "key_columns": ["id"], "target_table": "public.things"}


@dataclass
class Office:
    """An installation whose imports are run in this process."""

    here: Installation
    stack: contextlib.ExitStack
    connection: Any = field(init=False)

    def __post_init__(self) -> None:
        self.use_zone("UTC")

    def use_zone(self, zone: str) -> None:
        """Go on as an installation whose TIME_ZONE was changed."""
        self.here.write_settings(TIME_ZONE=zone)
        settings.reset()
        self.connection = self.stack.enter_context(contextlib.closing(db_utils.connect("etl", "test")))

    def run(self, config_name: str, **options: Any) -> Summary:
        """Load what waits."""
        config = configuration.load_import(self.connection, config_name)
        directories = Directories(self.here.data).create()
        return run_imports.run_imports(self.connection, [config], directories, RUN, run_imports.Options(**options))

    def run_until(self, files: int, config_name: str) -> Summary:
        """Load some of what waits, as a run that is stopped then."""
        asked = itertools.count()
        return self.run(config_name, should_stop=lambda: next(asked) >= files)

    def load(self, name: str, content: str, **options: Any) -> Summary:
        """Load one file of the import that its name begins with."""
        self.here.drop(name, content)
        return self.run(name.partition("_")[0].partition(".")[0], **options)

    def undo(self, dataset_id: int, **options: Any) -> Summary:
        return undo.undo_datasets(self.connection, RUN, dataset_id, **options)

    def accept(self, dataset_id: int) -> Summary:
        return accept_held.accept_dataset(self.connection, Directories(self.here.data), RUN, dataset_id)

    def rows(self, columns: str = "id, a") -> list[tuple[Any, ...]]:
        return self.here.sql(f"select {columns} from public.things_current order by 1, 2")


@pytest.fixture
def office(here: Installation) -> Iterator[Office]:
    with contextlib.ExitStack() as stack:
        yield Office(here, stack)


def states(summary: Summary) -> list[str]:
    return [row["state"] for row in summary.rows]


def texts(summary: Summary) -> str:
    return "\n".join(map(str, summary.warnings))


def names(count: int) -> str:
    return "id,a\n" + "".join(f"{number},x\n" for number in range(count))


def day(ahead: int) -> str:
    return f"{settings.now() + timedelta(days=ahead):%Y%m%d}"


# Held and undone ------------------------------------------------------------------------------------------------------


def test_a_held_content_delivered_again_is_a_warning_and_an_undone_accept_leaves_the_guard_on(office: Office) -> None:
    office.here.configure("things")
    office.load("things_1.csv", names(100))
    held = office.load("things_2.csv", names(40)).rows[0]["dataset"]
    again = office.load("things_3.csv", names(40))
    assert states(again) == ["duplicate"]
    assert f"duplicate of held {held}, undecided" in texts(again)
    assert office.accept(held).exit_code == 0
    loaded = held + 1
    assert "accepted already, as dataset 3" in office.accept(held).headline  # a killed run is repeated
    office.undo(loaded)
    with pytest.raises(UsageError, match="dataset 1 is active, not held"):  # the number is mistyped
        office.accept(1)
    assert states(office.load("things_4.csv", names(10))) == ["held"]  # 100 rows are the measure again
    assert len(office.rows()) == 100


@pytest.mark.parametrize("load_mode", ["snapshot", "upsert"])
def test_an_undone_content_is_known_only_as_long_as_it_was_not_loaded_since(office: Office, load_mode: str) -> None:
    office.here.configure("things", **UPSERT | {"load_mode": load_mode})
    a, b = "id,a\n1,x\n", "id,a\n1,y\n"
    first, *_, last = [office.load(f"things_{n}.csv", text).rows[0]["dataset"] for n, text in enumerate((a, b, a, b))]
    office.undo(first if load_mode == "snapshot" else last)
    if load_mode == "snapshot":
        assert states(office.load("things_5.csv", a)) == ["loaded"]
        assert office.rows() == [("1", "x")]
    else:  # b was undone as the newest: it does not come back unasked, although an older b stands
        again = office.load("things_5.csv", b)
        assert (states(again), "--reload" in texts(again), office.rows()) == (["duplicate"], True, [("1", "x")])


def test_an_undo_that_was_committed_may_be_repeated(office: Office) -> None:
    office.here.configure("things")
    dataset = office.load("things.csv", names(2)).rows[0]["dataset"]
    office.undo(dataset)
    again = office.undo(dataset)
    assert (again.exit_code, "undone already: nothing to do" in again.headline) == (0, True)
    assert undo.undo_datasets(office.connection, RUN, of_run=RUN).exit_code == 0


# Dates ----------------------------------------------------------------------------------------------------------------


def test_a_file_dated_after_tomorrow_does_not_hide_what_comes_until_then(office: Office) -> None:
    office.here.configure("things", **DATED)
    early = office.load(f"things_{day(400)}.csv", "id,a\n1,early\n")
    assert (states(early), "after tomorrow" in early.problems[0], early.exit_code) == (["held"], True, 65)
    assert early.problems[0].endswith(load_decision.describe_held_steps(1))
    assert states(office.load(f"things_{day(1)}.csv", "id,a\n1,tomorrow\n")) == ["loaded"]
    # the current content once more, under a wrong date: nothing to load, and nothing that hides the next file
    wrong = office.load(f"things_{day(30)}.csv", "id,a\n1,tomorrow\n")
    assert (states(wrong), "after tomorrow" in texts(wrong)) == (["unchanged"], True)
    assert office.here.sql("select max(last_seen) <= current_date + 1 from dba.tdataset where status = 'active'")[0][0]
    office.accept(early.rows[0]["dataset"])
    assert office.rows() == [("1", "early")]


def test_an_upsert_of_the_future_is_held_and_both_ways_out_are_named(office: Office) -> None:
    office.here.configure("things", **DATED, **UPSERT)
    held = office.load(f"things_{day(2)}.csv", "id,a\n1,x\n")
    assert (states(held), office.rows()) == (["held"], [])
    assert "guards.allow_future" in held.problems[0]
    assert held.problems[0].endswith(load_decision.describe_held_steps(1))
    assert office.accept(1).counts.loaded == 1
    assert office.rows() == [("1", "x")]


@pytest.mark.parametrize("load_mode", ["append", "new_rows"])
def test_where_a_later_date_hides_nothing_a_file_of_the_future_is_loaded_with_a_warning(
    office: Office, load_mode: str
) -> None:
    office.here.configure("things", **DATED, load_mode=load_mode)
    plan = office.load(f"things_{day(30)}.csv", "id,a\n1,x\n")
    assert (states(plan), plan.exit_code, office.rows()) == (["loaded"], 0, [("1", "x")])
    assert [(notice.code, notice.dataset_id) for notice in plan.warnings] == [("date_after_tomorrow", 1)]
    office.here.configure("things", guards={"allow_future": True})
    assert texts(office.load(f"things_{day(31)}.csv", "id,a\n2,x\n")) == ""


def test_today_is_what_the_clock_and_the_zone_of_the_installation_say(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.here.configure("things", **DATED)
    monkeypatch.setenv("ETL_NOW", "2031-03-01T23:30:00+00:00")
    settings.reset()
    assert states(office.load("things_20310303.csv", "id,a\n1,x\n")) == ["held"]
    office.use_zone("Pacific/Auckland")  # it is the second of March there
    assert states(office.load("things_20310303.csv", "id,a\n2,x\n")) == ["loaded"]


def test_the_second_of_two_waiting_files_of_one_label_and_day_is_held_and_both_are_named(office: Office) -> None:
    label = {"metadata_label_source": "filename", "metadata_label_location": "2"}
    office.here.configure("things", **DATED, **label)
    office.here.drop("things_20260105_a_1.csv", "id,a\n1,first\n")
    office.here.drop("things_20260105_a_2.csv", "id,a\n1,second\n")
    office.here.drop("things_20260105_a_3.csv", "id,a\n1,first\n")  # the first one's content once more
    office.here.drop("things_20260105_b.csv", "id,a\n1,other label\n")
    office.here.drop("things_20260112_a.csv", "id,a\n2,other day\n")
    summary = office.run("things")
    assert states(summary) == ["loaded", "held", "unchanged", "loaded", "loaded"]
    assert "things_20260105_a_1.csv and things_20260105_a_2.csv are two files of one day" in summary.problems[0]
    # a correction that comes by itself, in a run of its own, is taken as ever
    assert states(office.load("things_20260105_b.csv", "id,a\n1,corrected\n")) == ["loaded"]


@pytest.mark.parametrize("stopped", [False, True])
def test_two_waiting_files_of_one_day_end_alike_whether_or_not_a_run_stops_between(
    office: Office, stopped: bool
) -> None:
    office.here.configure("things", **DATED)
    office.here.drop("things_20260105_1.csv", "id,a\n1,first\n")
    office.here.drop("things_20260105_2.csv", "id,a\n1,second\n")
    actual = states(office.run_until(1, "things")) if stopped else []
    actual += states(last := office.run("things"))
    assert (actual, office.rows()) == (["loaded", "held"], [("1", "first")])
    assert last.problems[0].endswith(f"the first one counts; {load_decision.describe_held_steps(2)}")
    # a third one that comes when the other two are through is a correction
    correction = office.load("things_20260105_3.csv", "id,a\n1,third\n")
    assert (states(correction), texts(correction), office.rows()) == (["loaded"], "", [("1", "third")])


def test_files_of_one_day_count_by_their_time_of_day_and_one_that_comes_late_is_held(office: Office) -> None:
    office.here.configure("things", **DATED | {"dateformat": "yyyyMMddTHHmm"})
    for hour in ("10", "08", "09"):
        office.here.drop(f"things_20260105T{hour}00.csv", f"id,a\n1,{hour}\n")
    summary = office.run("things")
    assert (states(summary), summary.exit_code, office.rows()) == (["loaded"] * 3, 0, [("1", "10")])
    assert [notice.text.partition(",")[0] for notice in summary.warnings] == [
        "things_20260105T0900.csv: replaced things_20260105T0800.csv",
        "things_20260105T1000.csv: replaced things_20260105T0900.csv",
    ]
    late = office.load("things_20260105T0930.csv", "id,a\n1,late\n")
    assert (states(late), office.rows()) == (["held"], [("1", "10")])
    assert "things_20260105T1000.csv (dataset 3) of 2026-01-05T10:00:00 counts" in late.problems[0]
    next_one = office.load("things_20260105T1100.csv", "id,a\n1,11\n")
    assert (states(next_one), texts(next_one), office.rows()) == (["loaded"], "", [("1", "11")])


@pytest.mark.parametrize("stopped", [False, True])
def test_files_without_a_date_replace_each_other_and_each_time_that_is_said(office: Office, stopped: bool) -> None:
    office.here.configure("things")
    for number in range(3):
        office.here.drop(f"things_{number}.csv", f"id,a\n1,{number}\n")
    first = office.run_until(2, "things") if stopped else Summary()
    last = office.run("things")
    assert (states(first) + states(last), office.rows()) == (["loaded"] * 3, [("1", "2")])
    assert [(notice.code, notice.text.partition(",")[0]) for notice in (*first.warnings, *last.warnings)] == [
        ("files_replaced", "things_1.csv: replaced things_0.csv"),
        ("files_replaced", "things_2.csv: replaced things_1.csv"),
    ]
    kept = office.here.sql("select warnings is not null from dba.tfile order by file_id")
    assert kept == [(False,), (True,), (True,)]  # for the next run, where this one is killed before it says them
    office.here.drop("things_3.csv", "id,a\n1,3\n")
    office.here.drop("things_4.csv", "id,a\n1,3\n")
    assert texts(office.run("things")) == ""  # one content twice replaces nothing


# Upserts --------------------------------------------------------------------------------------------------------------


def test_undo_asks_for_the_newest_of_the_target_whatever_import_loaded_it(office: Office) -> None:
    office.here.configure("things", **UPSERT)
    office.here.configure("others", **UPSERT)
    first = office.load("things.csv", "id,a\n1,x\n").rows[0]["dataset"]
    second = office.load("others.csv", "id,a\n1,y\n").rows[0]["dataset"]
    with pytest.raises(UsageError, match="not the newest") as refused:
        office.undo(first)
    assert f"Undo first: {second}" in str(refused.value)
    assert [row["dataset"] for row in office.undo(first, cascade=True).rows] == [second, first]
    assert office.here.sql("select count(*) from public.things") == [(0,)]
    office.load("others.csv", "id,a\n1,z\n")
    assert office.rows() == [("1", "z")]


def test_an_append_whose_rows_an_upsert_took_is_undone_after_it(office: Office) -> None:
    office.here.configure("things", load_mode="append")
    office.here.configure("others", **UPSERT)
    appended = office.load("things.csv", "id,a\n1,x\n").rows[0]["dataset"]
    untouched = office.load("things.csv", "id,a\n7,x\n").rows[0]["dataset"]
    office.load("others.csv", "id,a\n1,y\n")
    office.undo(untouched)
    with pytest.raises(UsageError, match="Undo first"):
        office.undo(appended)
    office.undo(appended, cascade=True)
    assert office.rows() == []


@pytest.mark.parametrize("begins_as", ["timestamptz", "text"])
def test_undo_and_changes_find_their_rows_whatever_the_time_zone_is_now(office: Office, begins_as: str) -> None:
    office.here.configure("things", **UPSERT, schema={"id": {"type": begins_as}})
    line = "id,a\n2026-01-05 06:00:00+00:00,"
    office.load("things.csv", f"{line}x\n")
    office.use_zone("Asia/Kolkata")
    second = office.load("things.csv", f"{line}y\n").rows[0]["dataset"]
    office.here.configure("things", schema={"id": {"type": "timestamptz"}})
    applied = office.here.run("apply_config", "things")
    assert applied.returncode == 0, applied.stderr
    office.use_zone("America/New_York")
    office.load("things.csv", f"{line}z\n")
    with db_utils.transaction(office.connection) as cursor:
        compared = changes.compare_consecutive(cursor, "things", ["id"])[1:]
    actual = [
        [(value.header, value.before, value.after) for row in item.changed for value in row.values] for item in compared
    ]
    assert actual == [[("a", "x", "y")], [("a", "y", "z")]]
    office.undo(second, cascade=True)
    assert office.here.sql("select a from public.things") == [("x",)]
    office.load("things.csv", f"{line}w\n")
    assert office.here.sql("select a from public.things") == [("w",)]


def test_after_appends_an_upsert_leaves_one_row_of_each_key_and_its_undo_brings_all_back(office: Office) -> None:
    office.here.configure("things", load_mode="append")
    office.load("things.csv", "id,a\n1,x\n1,y\n2,x\n")
    taken_back = office.load("things.csv", "id,a\n3,z\n").rows[0]["dataset"]
    office.undo(taken_back)
    office.here.configure("things", **UPSERT)
    office.here.drop("things.csv", "id,a\n1,z\n2,x\n3,z\n")
    shown = office.run("things", dry_run=True)
    summary = office.run("things")
    for item in (shown, summary):  # row 3 stands in the table, but was taken back: it comes in
        assert (item.counts.loaded, item.counts.skipped, item.problems) == (2, 1, [])
    assert office.rows() == [("1", "z"), ("2", "x"), ("3", "z")]
    office.undo(summary.rows[0]["dataset"])
    assert office.rows() == [("1", "x"), ("1", "y"), ("2", "x")]


def test_an_older_file_leaves_what_a_later_dated_one_wrote(office: Office) -> None:
    office.here.configure("things", **DATED, **UPSERT)
    office.load("things_20260112.csv", "id,a\n1,new\n2,new\n3,new\n")
    office.here.drop("things_20260105.csv", "id,a\n1,old\n2,old\n3,new\n4,old\n")
    shown, summary = office.run("things", dry_run=True), office.run("things")
    for item in (shown, summary):
        assert (item.counts.loaded, item.counts.skipped) == (1, 3)
        assert "not changed, because the file is dated 2026-01-05: 2 rows that later-dated files wrote" in texts(item)
    assert office.rows() == [("1", "new"), ("2", "new"), ("3", "new"), ("4", "old")]
    later = office.load("things_20260119.csv", "id,a\n1,newest\n")
    assert (texts(later), office.rows()[0]) == ("", ("1", "newest"))


def test_a_later_date_counts_for_another_import_and_for_a_content_seen_again(office: Office) -> None:
    office.here.configure("things", **DATED, **UPSERT)
    office.here.configure("others", **DATED | {"dateformat": "yyyyMMddTHHmm"}, **UPSERT)
    office.load("things_20260112.csv", "id,a\n1,first\n")
    assert states(office.load("things_20260119.csv", "id,a\n1,first\n")) == ["unchanged"]
    office.load("others_20260116T1200.csv", "id,a\n1,old\n")
    assert office.rows() == [("1", "first")]
    office.load("others_20260119T0000.csv", "id,a\n1,same day\n")  # of two imports the day counts, not the hour
    office.load("things_20260119.csv", "id,a\n1,again\n")
    assert office.rows() == [("1", "again")]
    office.load("others_20260120T1200.csv", "id,a\n1,noon\n")
    office.load("others_20260120T0600.csv", "id,a\n1,morning\n")
    assert office.rows() == [("1", "noon")]


# Changes of the configuration -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("load_mode", ["append", "upsert"])
def test_a_snapshot_is_the_whole_state_also_after_another_load_mode(office: Office, load_mode: str) -> None:
    office.here.configure("things", **UPSERT | {"load_mode": load_mode}, guards={"max_drop_percent": 100})
    office.load("things_1.csv", "id,a\n1,old\n")
    office.load("things_2.csv", "id,a\n2,old\n")
    office.here.configure("things", load_mode="snapshot")
    summary = office.load("things_3.csv", "id,a\n3,new\n")
    assert office.rows() == [("3", "new")]
    assert "it supersedes 2 datasets of the import's earlier load mode" in texts(summary)
    second = office.load("things_4.csv", "id,a\n4,new\n")
    office.undo(second.rows[0]["dataset"])
    assert office.rows() == [("3", "new")]
    office.undo(summary.rows[0]["dataset"])
    assert office.rows() == [("1", "old"), ("2", "old")]


STRICT = {"importstrategyid": 3, "max_reject_rate": 1}


@pytest.mark.parametrize("target", [{"target_table": "public.things"}, {"target": {"parquet": "var/lake/things"}}])
def test_strategy_3_asks_for_the_declared_columns_at_the_first_load_too(office: Office, target: dict[str, Any]) -> None:
    schema = {
        "id": "text",
        "a": "text",
        "b": {"default": "none"},
        "loaded_at": {"type": "timestamptz", "fill": "load_time"},
    }
    office.here.configure("things", **STRICT, **target, schema=schema, load_mode="append")
    refused = office.load("things_1.csv", "id\n1\n")
    assert (states(refused), "declared columns are missing: a" in refused.problems[0]) == (["refused"], True)
    assert states(office.load("things_2.csv", "id,a\n1,x\n")) == ["loaded"]  # what has a default may be absent
    assert states(office.load("things_3.csv", "id,a\n2,x\n")) == ["loaded"]


def test_strategy_3_knows_the_column_of_undeclared_ones_from_a_missing_one(office: Office) -> None:
    office.here.configure("things", **STRICT, extras_json="more", schema={"id": "text"}, load_mode="append")
    assert states(office.load("things_1.csv", "id,x\n1,2\n")) == ["loaded"]
    assert states(office.load("things_2.csv", "id\n2\n")) == ["loaded"]
    assert office.rows("id, more") == [("1", {"x": "2"}), ("2", None)]


# What is said of a file until it is known ----------------------------------------------------------------------------


def weekly(week: int, notes: int = 1, town: bytes = b"x\xf0z") -> bytes:
    rows = b"".join(b"%d,%s,%d\n" % (number, town, week) for number in range(1, 30))
    return b"List of the week,,\nid,a,week\n" + rows + b"\n" + b"Source: the register of members,,\n" * notes


def test_a_normal_file_is_doubted_once_and_green_then_also_where_each_has_a_label_of_its_own(office: Office) -> None:
    label = {"metadata_label_source": "filename", "metadata_label_location": "1"}
    office.here.configure("things", **label)
    actual = []
    for week in range(7):
        office.here.drop(f"things_event{week}.csv", weekly(week))
        actual.append(sorted(notice.code for notice in office.run("things").warnings))
    assert actual == [["encoding_guessed", "rows_left_out", "titles_left_out"], *([[]] * 6)]
    office.here.drop("things_event8.csv", weekly(8, notes=9))  # many more than last time
    assert "9 rows are not read" in texts(office.run("things"))
    second_table = weekly(9).partition(b"\n\n")[0] + b"\n\nid,city\n" + b"".join(b"%d,x\n" % n for n in range(1, 9))
    for name in ("things_event9.csv", "things_event10.csv"):
        office.here.drop(name, second_table.replace(b",9\n", b",%d\n" % len(name)))
        assert "a second table begins" in texts(office.run("things"))
    office.here.drop("things_event11.csv", weekly(11).decode("cp1252").encode("utf-8"))
    assert texts(office.run("things")) == ""
    office.here.drop("things_event12.csv", weekly(12, town=b"M\x8anchen"))  # another guess
    assert "encoding was guessed" in texts(office.run("things"))


# Errors that are ours ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "actual", "left"),
    [
        (TypeError("a release that does not fit"), (1, ["refused"]), 2),
        (RuntimeError("can't start new thread"), (75, []), 3),  # this host's: nothing is refused
    ],
)
def test_an_error_of_ours_does_not_refuse_all_that_waits(
    office: Office, monkeypatch: pytest.MonkeyPatch, fault: Exception, actual: tuple[int, list[str]], left: int
) -> None:
    def broken(*_: object) -> None:
        raise fault

    office.here.configure("things", load_mode="append")
    for number in range(3):
        office.here.drop(f"things_{number}.csv", f"id,a\n{number},x\n")
    with monkeypatch.context() as patch:
        patch.setattr(column_layout, "build_layout", broken)
        summary = office.run("things")
    assert ((summary.exit_code, states(summary)), len(office.here.list_waiting())) == (actual, left)
    assert states(office.run("things", retry_refused=True)) == ["loaded"] * 3
