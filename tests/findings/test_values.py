"""Values beside the good files before: what holds a file, what warns, and what an acceptance teaches."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from systemscripts.configuration.expectation_options import RuleSettings
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.file_ledger import register_file
from systemscripts.findings.values import history, sample
from systemscripts.findings.values.judge import list_rules
from systemscripts.findings.values.show_profile import show_profile
from tests.conftest import Installation
from tests.findings.planted_faults import list_faults, list_harmless, make_faulty
from tests.findings.spoiled_files import list_spoiled, name_file, write_workbook
from tests.findings.weekly_series import Series, write_csv
from tests.ingest.test_identity_rules import RUN, Office, states, texts

SCHEMA = {"id": "text", "town": "text", "amount": "numeric", "day": "date", "paid": "boolean"}
TOWNS = ("Bonn", "Köln", "Jena", "Ulm")


def rows(week: int, count: int = 220, times: float = 1, **columns: str) -> str:
    """One weekly file; `columns`: values that stand in every row instead."""
    chance = random.Random(week)
    lines = ["id,town,amount,day,paid"]
    for number in range(count):
        row = {
            "id": f"{week:03d}{number:05d}",
            "town": chance.choice(TOWNS),
            "amount": f"{chance.lognormvariate(4, 1) * times:.2f}",
            "day": f"2025-{1 + week // 4:02d}-{1 + 7 * (week % 4) + chance.randrange(7):02d}",
            "paid": "true" if chance.random() < 0.9 else "false",
        } | columns
        lines.append(",".join(row.values()))
    return "\n".join(lines) + "\n"


def prepare(office: Office, **more: Any) -> None:
    office.here.configure("things", schema=SCHEMA, key_columns=["id"], **more)
    for week in range(3):
        assert texts(office.load(f"things_{week}.csv", rows(week))) == ""


def test_an_emptied_column_holds_and_its_acceptance_teaches(office: Office) -> None:
    prepare(office)
    held = office.load("things_3.csv", rows(3, town=""))
    assert states(held) == ["held"]
    assert "town: 0 of 220 rows have a value, usually 100 %" in str(held.problems)
    assert office.here.sql("select count(*) from public.things where dataset_id = 4") == [(0,)]
    kept = office.here.sql("select column_name, filled from dba.v_column_profile where dataset_id = 4")
    assert ("town", 0) in kept
    assert office.accept(4).exit_code == 0
    assert states(office.load("things_4.csv", rows(4, town=""))) == ["loaded"]
    assert states(office.load("things_5.csv", rows(5))) == ["loaded"]
    assert states(office.load("things_6.csv", rows(6, day=""))) == ["held"]


def test_an_undone_acceptance_teaches_nothing(office: Office) -> None:
    prepare(office)
    assert states(office.load("things_3.csv", rows(3, times=100))) == ["held"]
    office.accept(4)
    again = office.load("things_4.csv", rows(4, times=100))
    assert (states(again), texts(again)) == (["loaded"], "")
    assert "as accepted with dataset 5" in " ".join(again.details)
    office.undo(6)
    office.undo(5)
    assert states(office.load("things_5.csv", rows(5, times=100))) == ["held"]


def test_an_undecided_warning_is_told_once_then_continues_and_is_usual_after_three_files(office: Office) -> None:
    prepare(office)
    first = office.load("things_3.csv", rows(3, town="Bonn"))
    assert "constant: town: all 220 rows have Bonn; usually there are 4 different values" in texts(first)
    for week in (4, 5):
        later = office.load(f"things_{week}.csv", rows(week, town="Bonn"))
        assert texts(later) == ""
        assert "continues since" in " ".join(later.details)
    usual = office.load("things_6.csv", rows(6, town="Bonn"))
    assert (texts(usual), "continues" in " ".join(usual.details)) == ("", False)


def test_an_empty_value_where_none_was_is_a_warning(office: Office) -> None:
    office.here.configure("things", schema=SCHEMA, expect={"filled": ["amount", "town", "other"]})
    loaded = office.load("things_1.csv", rows(1).replace("Bonn", "", 1))
    assert states(loaded) == ["loaded"]
    assert "town: 1 of 220 values are empty, expected is none" in texts(loaded)
    assert "amount" not in texts(loaded)


def test_expectations_are_exact_and_rules_may_be_set_for_a_column(office: Office) -> None:
    office.here.sql("create table public.towns (name text)")
    office.here.sql("insert into public.towns values ('Bonn'), ('Köln'), ('Jena')")
    expected = {
        "rows": [200, 300],
        "columns": {
            "town": {"accepted": ["Bonn", "Köln", "Jena", "Ulm"], "references": "public.towns.name", "constant": "off"},
            "amount": {"min": [0, None], "sum": [None, 50], "emptied": "inform"},
            "id": {"unique": True, "filled": 1},
        },
    }
    office.here.configure("things", schema=SCHEMA, expect=expected)
    held = office.load("things_1.csv", rows(1))
    said = str(held.problems)
    assert states(held) == ["held"]
    assert "town: 1 values are not in public.towns.name (Ulm)" in said
    assert "amount: the sum is" in said
    expected["columns"] = {"town": {"constant": "off"}, "amount": {"emptied": "inform"}}
    office.here.configure("things", expect=expected)
    office.undo(1)
    for week in range(2, 5):
        assert states(office.load(f"things_{week}.csv", rows(week))) == ["loaded"]
    quiet = office.load("things_5.csv", rows(5, town="Bonn", amount=""))
    assert (states(quiet), texts(quiet)) == (["loaded"], "")
    assert "amount: 0 of 220 rows have a value" in " ".join(quiet.details)


def test_the_reader_sees_no_profile(here: Installation) -> None:
    import psycopg2

    connection = psycopg2.connect(here.reader_url)
    for name in ("v_column_profile", "tcolumnprofile", "tfinding"):
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f"select 1 from dba.{name}")
        connection.rollback()
    connection.close()


def test_each_rule_may_be_set_by_its_name() -> None:
    named = {rule.name for rule in list_rules()}
    assert named == set(RuleSettings.model_fields)


MODES = ("snapshot", "append", "upsert", "new_rows")
IN_EVERY_RUN = (("orders", "upsert"), ("members", "snapshot"))
PAIRS = [
    pytest.param(*pair, marks=() if pair in IN_EVERY_RUN else pytest.mark.long)
    for pair in itertools.product(("orders", "members"), MODES)
]


@pytest.mark.parametrize(("feed", "mode"), PAIRS)
def test_after_three_good_files_each_fault_is_held_refused_or_warned(office: Office, feed: str, mode: str) -> None:
    series, chance = Series(7, feed), random.Random(1)
    config_series(office, series, mode)
    weeks = list(itertools.islice(series.list_weeks(), 4))
    for day, rows in weeks[:3]:
        summary = office.load(f"feed_{day:%Y%m%d}.csv", write_csv(rows).decode())
        assert (summary.exit_code, texts(summary)) == (0, ""), texts(summary)
    day, rows = weeks[3]
    name, right = f"feed_{day:%Y%m%d}.csv", write_csv(rows)
    missed = []
    for fault in list_faults():
        if feed in fault.feeds and mode in fault.modes:
            data = make_faulty(fault, rows, series, chance)
            finders = find(office, {name: data}) if data != right else set(fault.rules)
            if not finders & {*fault.rules, "rejected"}:
                missed.append((fault.name, finders))
    for spoiled, (spoil, modes) in list_spoiled().items():
        if not modes or mode in modes:
            finders = find(office, spoil(rows, series, day))
            if not finders:
                missed.append((spoiled, finders))
    assert missed == []
    wrong = [
        ("workbook", found) for found in [find(office, {name_file(day, ".xlsx"): write_workbook(a=rows)})] if found
    ]
    for harmless, make in list_harmless().items():
        if finders := find(office, {name: make(rows, series, chance)}):
            wrong.append((harmless, finders))
    assert wrong == []


@pytest.mark.parametrize("mode", MODES)
def test_files_of_five_rows_and_first_files_are_left_alone(office: Office, mode: str) -> None:
    for feed in ("orders", "members"):
        series = Series(3, feed)
        config_series(office, series, mode, f"few_{feed}")
        for week, (day, rows) in zip(range(5), series.list_weeks(), strict=False):
            office.here.drop(f"few_{feed}_{day:%Y%m%d}.csv", write_csv(rows[week * 5 : week * 5 + 5]))
            summary = office.run(f"few_{feed}")
            assert (summary.exit_code, texts(summary)) == (0, ""), (feed, week)


def config_series(office: Office, series: Series, mode: str, name: str = "feed") -> None:
    location = str(name.count("_") + 1)
    dated = {"dateconfig": "filename", "datelocation": location, "dateformat": "yyyyMMdd"}
    office.here.configure(name, load_mode=mode, schema=series.types, key_columns=[series.key], **dated)


def find(office: Office, files: dict[str, bytes]) -> set[str]:
    """Load files, take them back, and return the rules that held it or warned; "rejected" for rows that do not fit."""
    for name, data in files.items():
        office.here.drop(name, data)
    summary = office.run("feed")
    numbers = [row["dataset"] for row in summary.rows if row["dataset"]]
    found = office.here.sql(
        "select rule from dba.tfinding where dataset_id = any(%s) and severity in ('hold', 'warn')", (numbers,)
    )
    rules = {rule for (rule,) in found}
    if (summary.exit_code and not rules) or any(warning.code == "rows_rejected" for warning in summary.warnings):
        rules.add("rejected")
    elif summary.warnings and not rules:
        rules.add("another warning")
    for row in summary.rows:
        if row["dataset"] and row["state"] in ("loaded", "held"):
            office.undo(row["dataset"])
    return rules


def test_a_profile_is_shown_beside_another_and_expectations_are_proposed(office: Office) -> None:
    prepare(office)
    alone = show_profile(office.connection, 3)
    assert [row["column"] for row in alone.rows] == ["id", "town", "amount", "day", "paid"]
    beside = show_profile(office.connection, 3, against=2)
    assert ("day", "smallest") in {(row["column"], row["figure"]) for row in beside.rows}
    with pytest.raises(UsageError, match="there is no profile of dataset 99"):
        show_profile(office.connection, 99)
    done = office.here.run("suggest_import", "things", "--from-history")
    assert "accepted: [Bonn, Jena, Köln, Ulm]" in done.stdout
    assert "unique: true" in done.stdout


def test_values_of_a_parquet_file_are_judged_and_a_held_one_leaves_no_file(office: Office) -> None:
    prepare(office, target={"parquet": "lake"}, target_table="parquet:lake")
    held = office.load("things_3.csv", rows(3, town=""))
    assert states(held) == ["held"]
    assert "town: 0 of 220 rows have a value" in str(held.problems)
    assert sorted(path.name for path in (office.here.data / "lake").glob("*")) == [
        f"dataset_{number}.parquet" for number in (1, 2, 3)
    ]
    assert states(office.load("things_4.csv", rows(4))) == ["loaded"]


def test_expectations_of_a_large_parquet_file_are_exact(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MAX_EXACT_VALUES", 1000)
    wishes = {"id": {"unique": True}, "town": {"accepted": list(TOWNS)}, "amount": {"min": [0, None], "sum": [1, None]}}
    office.here.configure(
        "things", schema=SCHEMA, target={"parquet": "lake"}, target_table="parquet:lake", expect={"columns": wishes}
    )
    right = rows(1, count=4000)
    assert states(office.load("things_1.csv", right)) == ["loaded"]
    lines = right.splitlines()
    # one row of 4,000, in none of the rows that are drawn
    lines[3002] = lines[3001].replace(lines[3001].split(",")[1], "Rom").replace(lines[3001].split(",")[2], "-1")
    said = str(office.load("things_2.csv", "\n".join(lines) + "\n").problems)
    assert "id: 1 values occur more than once" in said
    assert "town: Rom in 1 rows" in said
    assert "amount: the smallest value is -1" in said


def test_files_of_another_scope_are_compared_with_their_own_and_each_scope_keeps_its_profiles(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT_DATASETS", 3)
    prepare(office, load_mode="upsert")
    for week in range(3, 8):
        path = office.here.drop(f"things_{week}.csv", rows(week, town=""))
        with office.connection, office.connection.cursor() as cursor:
            register_file(cursor, "things", path, Directories(office.here.data), RUN, "local", scope="news")
        done = office.run("things")
        assert (states(done), texts(done)) == (["loaded"], "")
    kept = "select scope, count(distinct dataset_id) from dba.tcolumnprofile join dba.tdataset using (dataset_id)"
    # the newest, and the good ones before it
    assert sorted(office.here.sql(f"{kept} group by 1")) == [("", 3), ("news", 4)]
    assert "town: 0 of 220 rows have a value" in str(office.load("things_8.csv", rows(8, town="")).problems)


def test_of_a_large_file_counts_are_exact_and_the_rest_is_estimated(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_EXACT_VALUES", 5000)
    monkeypatch.setattr(sample, "MIN_SAMPLE_VALUES", 5000)
    prepare(office, expect={"columns": {"id": {"unique": True}}})
    assert states(office.load("things_3.csv", rows(3, count=4000))) == ["loaded"]
    kept = office.here.sql(
        """select rows, filled, is_estimated, p50 between 40 and 70 from dba.v_column_profile
           where dataset_id = 4 and column_name = 'amount'"""
    )
    assert kept == [(4000, 4000, True, True)]
    twice = rows(4, count=4000)
    held = office.load("things_4.csv", twice + twice.splitlines()[-1] + "\n")
    assert "id: 1 values occur more than once" in str(held.problems)
    assert "id is not unique: 0.0 % of the rows repeat a key" in str(held.problems)
    amounts = [float(line.split(",")[2]) for line in rows(5, count=4000).splitlines()[1:]]
    total = office.load("things_5.csv", f"{rows(5, count=4000)}total,,{sum(amounts):.2f},,\n")
    assert "is the sum of all other values: a total row?" in texts(total)
    future = rows(6, count=4000).replace("2025-02", "2062-02", 1)
    assert "the last 2062-02" in str(office.load("things_6.csv", future).problems)


@pytest.mark.parametrize(
    ("rows_of_file", "columns"), [(300_000, 10), (840_000, 10), (10_000_000, 10), (1_000_000, 200)]
)
def test_no_file_is_so_large_that_more_than_some_seventy_thousand_values_are_read(
    rows_of_file: int, columns: int
) -> None:
    values = rows_of_file * columns / sample.find_step(rows_of_file, columns)
    assert 35_000 < values < 71_000


def test_rows_that_come_twice_in_a_large_file_without_a_key_are_found(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_EXACT_VALUES", 2000)
    monkeypatch.setattr(sample, "MIN_SAMPLE_VALUES", 2000)
    office.here.configure("things", schema=SCHEMA)
    for week in range(3):
        assert texts(office.load(f"things_{week}.csv", rows(week, count=1000))) == ""
    twice = rows(3, count=1000)
    held = office.load("things_3.csv", twice + twice.partition("\n")[2])
    assert "99.8 % of the rows occur more than once" in str(held.problems)
    again = office.load("things_4.csv", twice + twice.partition("\n")[2].replace("true", "false"))
    assert "id is not unique: 50 % of the rows repeat a key" in str(again.problems)


def test_a_label_that_is_nearly_another_and_the_keys_of_another_one_are_reported(office: Office) -> None:
    office.here.configure(
        "things", schema=SCHEMA, key_columns=["id"], metadata_label_source="filename", metadata_label_location="1"
    )
    for week, label in itertools.product(range(4), ("north", "south")):
        content = rows(2 if label == "north" else 3)
        content = content.replace("2025", f"{2021 + week}")
        assert texts(office.load(f"things_{label}_{week}.csv", content)) == ""
    near = office.load("things_North_4.csv", rows(2))
    assert "label_near: 'North' is a new label; is 'north' meant?" in texts(near)
    mixed = office.load("things_south_5.csv", rows(2).replace("2025", "2024"))
    assert "keys_of_other_label: 100 % of the keys of" in texts(mixed)
