"""When a pipeline is due, by the wall clock of the host."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from systemscripts import schedules
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.errors import ConfigurationError

pytestmark = pytest.mark.fast

WEEKLY = "30 6 * * 1"


@pytest.fixture(autouse=True)
def host_in_london(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/London")


def pipeline(schedule: str) -> Pipeline:
    return Pipeline.model_validate({"name": "weekly", "schedule": schedule, "steps": [{"job": "tiny"}]})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_time_of_the_wall_clock_moves_with_daylight_saving() -> None:
    # the clocks of London went forward on 29 March 2026 and back on 25 October
    assert schedules.find_next_run(WEEKLY, utc("2026-03-22T12:00")) == utc("2026-03-23T06:30")
    assert schedules.find_next_run(WEEKLY, utc("2026-03-29T12:00")) == utc("2026-03-30T05:30")
    assert schedules.find_last_expected(WEEKLY, utc("2026-03-30T05:31")) == utc("2026-03-30T05:30")
    assert schedules.find_last_expected(WEEKLY, utc("2026-03-30T05:29")) == utc("2026-03-23T06:30")
    assert schedules.find_next_run(WEEKLY, utc("2026-10-25T12:00")) == utc("2026-10-26T06:30")


def test_every_time_between_two_moments_is_expected_once() -> None:
    times = schedules.list_expected(WEEKLY, utc("2026-03-16T06:30"), utc("2026-03-30T05:30"))
    assert times == [utc("2026-03-23T06:30"), utc("2026-03-30T05:30")]
    year = schedules.list_expected("15 5 * * *", utc("2026-01-01T00:00"), utc("2026-12-31T23:59"))
    assert len(year) == len({moment.date() for moment in year}) == 365


def test_the_hour_that_daylight_saving_skips_or_repeats_is_counted_as_cron_runs_it() -> None:
    # forward at 01:00 UTC on 29 March 2026: 23 hours of quarters; a job of the skipped hour runs right after it
    assert len(schedules.list_expected("*/15 * * * *", utc("2026-03-28T23:59"), utc("2026-03-29T22:59"))) == 92
    assert schedules.find_next_run("30 1 * * *", utc("2026-03-28T12:00")) == utc("2026-03-29T01:00")
    # back at 01:00 UTC on 25 October: 25 hours of quarters; a job of the repeated hour runs once
    assert len(schedules.list_expected("*/15 * * * *", utc("2026-10-24T22:59"), utc("2026-10-25T23:59"))) == 100
    [once] = schedules.list_expected("30 1 * * *", utc("2026-10-24T22:59"), utc("2026-10-25T23:59"))
    assert once.astimezone(UTC) == utc("2026-10-25T00:30")


def test_a_day_with_a_star_and_a_weekday_are_both_meant_as_cron_does() -> None:
    assert schedules.find_next_run("30 6 */2 * 1", utc("2026-01-05T07:00")) == utc("2026-01-19T06:30")
    assert schedules.find_next_run("30 6 6 * 1", utc("2026-01-05T07:00")) == utc("2026-01-06T06:30")  # either


@pytest.mark.parametrize(
    "schedule",
    [
        "30 6 * *", "30 6 * * 1 2026", "@reboot", "30 6 L * *", "30 6 * * 1#2", "61 6 * * *", "0 6 31 2 *", "H 6 * * *",
        "0 22-2 * * *",
    ],
)  # fmt: skip
def test_what_cron_would_refuse_or_never_reach_is_refused_by_file_and_value(schedule: str) -> None:
    with pytest.raises(ConfigurationError, match=r"weekly\.yaml: schedule") as refused:
        schedules.check_schedule(pipeline(schedule))
    assert schedule in str(refused.value)


def test_nicknames_and_names_are_taken() -> None:
    for schedule in ("@daily", "0 6 * jan-mar MON", "*/15 * * * *", "0 6 1,15 * *"):
        schedules.check_schedule(pipeline(schedule))


@pytest.mark.parametrize(
    ("schedule", "warned"),
    [("30 2 * * *", True), ("0 0-4 * * *", True), ("0 4 * * *", False), ("*/15 * * * *", False), ("@daily", False)],
)
def test_times_that_daylight_saving_moves_are_warned_of(schedule: str, warned: bool) -> None:
    assert bool(schedules.find_clock_change_risk(schedule)) == warned
