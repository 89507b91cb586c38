"""A week in which the whole site shows other pages than those of events: it must leave no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from demo import expected
from demo.meetmax_outages import OUTAGES
from tests.demo.conftest import Week

WEEKS = ("2026-03-02T06:30:00", "2026-03-09T06:30:00", "2026-03-16T06:30:00")
KEPT = """select eventid, ifexists, invalideventid, isdownloadable, statuscode, title from public.tmeetmaxurlcheck
          order by eventid::integer"""
# one of each way in which a scan finds out; the pages of all of them are read in tests/sources/test_meetmax_outages.py
SCANS = (
    "redirect to another event",
    "half of the pages in another language",
    "begins in mid scan",
    "begins in mid scan in another language",
    "every id unknown",
)


def good_week(this_week: Week, number: int) -> None:
    this_week.site.outage = None
    this_week.site.show_week(number)
    this_week.installation.environment["ETL_NOW"] = WEEKS[number - 1]
    done = this_week.run()
    assert done.returncode == 0, done.stdout + done.stderr


def state(this_week: Week) -> dict[str, Any]:
    return this_week.state() | {"checks": this_week.installation.sql(KEPT)}


def bad_scan(this_week: Week, name: str) -> None:
    """Let the site show an outage to a scan: one line, no result, and the next scan asks from the beginning."""
    this_week.site.outage = OUTAGES[name]()
    scan = this_week.installation.run("meetmax_url_check")
    [line] = [line for line in scan.stderr.splitlines() if not line.startswith("warning:")]
    assert (scan.returncode, this_week.installation.list_waiting()) == (1, []), (name, line)
    assert "MeetMax " in line
    assert "results of this scan were discarded" in line


@pytest.mark.timeout(600)
def test_a_week_of_maintenance_leaves_no_trace_and_the_next_one_goes_on_as_without_it(
    week: Callable[[], Week],
) -> None:
    undisturbed, this_week = week(), week()
    for number in (1, 3):
        good_week(undisturbed, number)
    good_week(this_week, 1)
    this_week.installation.environment["ETL_NOW"] = WEEKS[1]
    this_week.site.show_week(2)
    before = state(this_week)
    for name in SCANS:
        bad_scan(this_week, name)
    assert state(this_week) == before
    mails = len(this_week.mails.list_mails())
    this_week.site.outage = OUTAGES["layout tables"]()
    done = this_week.run()
    assert done.returncode != 0
    told = this_week.read_mails()[mails:]
    assert not any("GONE" in text or "CHANGED" in text for text in told)
    assert any("the same page for many events" in text for text in told)
    assert any("MeetMax gives no lists: 10 in a row failed" in text for text in told)
    good_week(this_week, 3)
    ended, expected_state = state(this_week), state(undisturbed)
    ended["mails"] = [text for text in ended["mails"] if text not in told]
    assert ended == expected_state
    assert len(expected_state["checks"]) == expected.count_asked_ids() + 500 - 1
