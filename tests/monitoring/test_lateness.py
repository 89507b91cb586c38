"""Files that do not come: each late one is reported once, and its arrival too; days off and early files are not."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from systemscripts import configuration, db_utils
from systemscripts.configuration import yaml_row_sync
from systemscripts.configuration.arrival import Arrival
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from systemscripts.monitoring.checks import late_files
from systemscripts.monitoring.lateness import find_late, find_silence, find_usual_gap
from systemscripts.monitoring.watchdog_view import build_view
from tests.conftest import Installation
from tests.monitoring.conftest import Year

START = datetime(2026, 1, 1, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _host_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.parametrize(
    ("every", "cron"),
    [
        ("Mon 10:00", "0 10 * * 1"),
        ("mon,thu 7:05", "5 7 * * 1,4"),
        ("Mon-Fri 18:30", "30 18 * * 1-5"),
        ("workday 08:00", "0 8 * * 1-5"),
        ("daily 06:30", "30 6 * * *"),
        ("month 3 10:00", "0 10 3 * *"),
        ("15 4 * * 2", "15 4 * * 2"),
    ],
)
def test_a_due_time_is_understood_in_words_and_as_cron_writes_it(every: str, cron: str) -> None:
    assert Arrival(every=every).schedule == cron


@pytest.mark.parametrize("values", [{"every": "sometimes"}, {"every": "Mon 10:00", "grace": "soon"}, {"labels": ["a"]}])
def test_what_is_no_due_time_is_named(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"expected"):
        Arrival.model_validate(values)


def test_a_file_is_late_after_its_grace_and_not_where_it_came_early_or_none_is_due() -> None:
    arrival = Arrival.model_validate({"every": "Mon 10:00", "grace": "4h", "except": [date(2026, 3, 9)]})
    last_week = MONDAY - timedelta(days=7) + timedelta(hours=10)

    def is_late(last: datetime | None, now: datetime) -> bool:
        return find_late(arrival, last, START, now) is not None

    assert not is_late(last_week, MONDAY + timedelta(hours=13))
    assert is_late(last_week, MONDAY + timedelta(hours=14))
    # on Friday evening it came early
    assert not is_late(MONDAY - timedelta(days=2.5), MONDAY + timedelta(days=1))
    # the Monday after is a day off
    assert not is_late(MONDAY + timedelta(hours=9), MONDAY + timedelta(days=8))
    ended = arrival.model_copy(update={"until": date(2026, 2, 28)})
    assert find_late(ended, None, START, MONDAY + timedelta(days=1)) is None
    assert find_late(arrival, None, MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)) is None


def test_a_year_of_ten_feeds_with_forty_late_files_is_forty_reports_and_forty_recoveries() -> None:
    generator = random.Random(4)
    reports = recoveries = false_reports = 0
    for feed in range(10):
        arrival = Arrival(every=("Mon 10:00", "workday 08:00", "Mon,Thu 07:00", "month 3 10:00")[feed % 4], grace="6h")
        due = list_due(arrival)
        late = set(generator.sample(due[2:-2], 4))
        came = sorted(
            moment + (timedelta(hours=generator.uniform(10, 11.9)) if moment in late else _early_or_late(generator))
            for moment in due
        )
        was_late = False
        for hour in range(0, 24 * 358, 3):
            now = START + timedelta(hours=hour)
            last = max((moment for moment in came if moment <= now), default=None)
            actual = find_late(arrival, last, START + timedelta(days=1), now)
            reports += bool(actual) and not was_late
            false_reports += bool(actual) and actual is not None and actual.due not in late
            recoveries += was_late and not actual
            was_late = bool(actual)
    assert (reports, recoveries, false_reports) == (40, 40, 0)


def list_due(arrival: Arrival) -> list[datetime]:
    from systemscripts.schedules.cron_times import list_expected

    return [moment.astimezone(UTC) for moment in list_expected(arrival.schedule, START, START + timedelta(days=360))]


def _early_or_late(generator: random.Random) -> timedelta:
    """When a punctual file comes: up to two hours early, or within its grace."""
    return timedelta(hours=generator.uniform(-2, 5.9))


def test_a_rhythm_is_learned_from_four_arrivals_and_its_break_is_told_half_a_gap_late() -> None:
    weekly = [MONDAY + timedelta(days=7 * week, minutes=week * 20) for week in range(4)]
    assert find_usual_gap(weekly[:3]) is None
    gap = find_usual_gap(weekly)
    assert gap is not None
    assert gap.days == 7
    assert find_silence(weekly, weekly[-1] + timedelta(days=10)) is None
    assert find_silence(weekly, weekly[-1] + timedelta(days=11)) is not None
    # two files on each day are one arrival, and what comes now and then has no rhythm
    doubled = [moment + timedelta(minutes=minutes) for moment in weekly for minutes in (0, 5)]
    assert find_usual_gap(doubled) == gap
    assert find_usual_gap([MONDAY + timedelta(days=days) for days in (0, 1, 9, 10, 30)]) is None


def test_a_held_file_is_brought_to_mind_after_a_week_until_it_is_decided(year: Year) -> None:
    installation: Installation = year.installation
    installation.configure("orders", guards={"min_rows": 3})
    for number in (1, 2):
        installation.drop(f"orders{number}.csv", f"id\n{number}\n")
    assert year.run("generic_import", "orders", day=0.1) == 65
    held = [row[0] for row in installation.sql("select dataset_id from dba.tdataset where status = 'held' order by 1")]
    year.news()
    installation.sql("update dba.tdataset set created_at = %s", (MONDAY - timedelta(days=6),))
    assert year.watch(0.2) == []
    assert year.watch(0.8) == ["[ETL] held files of orders wait for a decision"]
    text = " ".join(year.last().split())
    for said in (
        f"dataset {held[0]} (orders1.csv), held since Tue 2026-02-24: 1 rows, guards.min_rows asks for 3",
        f"etl datasets accept {held[0]}",
        f"etl datasets undo {held[0]}",
        "orders2.csv",
    ):
        assert said in text
    assert year.watch(0.82) == []
    for dataset_id in held:
        assert year.run("generic_import", "--undo", dataset_id, day=0.85) == 0
    assert year.watch(0.9) == ["[ETL] over: held files of orders wait for a decision"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "No such file or directory"), ("2026-12-25\n24.12.2026 # Eve\n", "line 2 is not a date")],
)
def test_a_file_of_days_off_that_cannot_be_read_is_named_wherever_it_is_needed(
    here: Installation, tmp_path: Path, content: str | None, fault: str
) -> None:
    named = tmp_path / "days.txt"
    if content:
        named.write_text(content)
    expected = {"every": "daily 12:00", "except": str(named)}
    here.configure("orders", expected=expected)
    here.drop("orders1.csv", "id\n1\n")
    told = f"expected: except of {named}: {fault}"
    with contextlib.closing(db_utils.connect()) as connection:
        directories = Directories(here.data).create()
        config = configuration.load_import(connection, "orders")
        run = run_imports.run_imports(connection, [config], directories, "0" * 32, run_imports.Options())
        assert (told in run.problems[0], run.exit_code, here.list_waiting()) == (True, 78, ["orders1.csv"])
        [found] = late_files.find(build_view(directories, connection))
        assert (found.title, told in found.error) == ("no late file of orders can be found", True)
    yaml = tmp_path / "orders.yaml"
    yaml.write_text(
        f"file_pattern: x\ntarget_table: public.orders\nexpected: {{every: daily 12:00, except: {named}}}\n"
    )
    [line] = yaml_row_sync.find_faults(tmp_path)
    assert line.startswith(f"{yaml} line 3: {told}")
    named.write_text("2026-12-25\n\n2026-12-26  # Boxing Day\n")
    assert yaml_row_sync.find_faults(tmp_path) == []


def test_the_watchdog_reports_a_late_file_once_and_its_arrival(year: Year) -> None:
    installation: Installation = year.installation
    installation.configure("orders", load_mode="append", expected={"every": "daily 12:00", "grace": "2h"})
    installation.drop("orders1.csv", "id\n1\n")
    assert year.run("generic_import", "orders", day=0.1) == 0
    assert year.watch(0.2) == []
    assert year.watch(1.6) == ["[ETL] a file of orders is late"]
    assert year.watch(1.7) == []
    installation.drop("orders2.csv", "id\n2\n")
    assert year.run("generic_import", "orders", day=1.75) == 0
    assert year.watch(1.8) == ["[ETL] over: a file of orders is late"]
    seen = installation.sql("select sum(files), sum(on_time), sum(late) from dba.v_sender where config_name = 'orders'")
    assert seen == [(2, 1, 1)]
