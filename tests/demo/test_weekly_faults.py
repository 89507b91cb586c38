"""What a site or a disk can do to the weekly jobs: as many lines as there are faults, and the next run heals."""

from __future__ import annotations

import csv
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from demo import expected, meetmax_site
from demo.meetmax_server import CUT, INVALID_ID, SLOW, MeetMaxServer
from tests.demo.conftest import MONDAY, Week

EVENTS = "119179-119184"


def page(event: int) -> str:
    return f"/sched/event_{event}/__co-list_cp.html"


def list_path(event: int) -> str:
    return f"/sched/event_{event}/__co-list_cp.xls"


def fails(this_week: Week, *arguments: object) -> str:
    """Run the scan, which fails with one line, and leaves no result; the line."""
    done = this_week.installation.run("meetmax_url_check", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    assert this_week.installation.list_waiting() == []
    return line


def statuses(this_week: Week) -> dict[int, str]:
    """The status of each event in the CSV that waits."""
    [name] = this_week.installation.list_waiting()
    with (this_week.installation.data / "file_watcher" / name).open(newline="") as file:
        return {int(row["EventID"]): row["StatusCode"] for row in csv.DictReader(file)}


def test_a_site_that_is_away_is_one_line_and_an_exit_code(week: Callable[[], Week]) -> None:
    this_week = week()
    this_week.site.stop()
    assert "MeetMax does not answer: 3 DownloadConnectionRefusedError" in fails(this_week, "--events", "119179-119181")
    this_week.site = MeetMaxServer(hiccups={}).start()  # on another port, so that close() has something to stop


def test_a_week_in_which_most_events_ended_is_scanned_as_any_other(week: Callable[[], Week]) -> None:
    this_week, events = week(), "119179-119195"
    assert this_week.installation.run("meetmax_url_check", "--events", events).returncode == 0
    assert this_week.installation.run("generic_import", "meetmax_urls").returncode == 0
    existing = [row[0] for row in this_week.installation.sql(
        "select eventid::integer from public.tmeetmaxurlcheck where ifexists::integer = 1 order by 1")]  # fmt: skip
    assert len(existing) > 6
    ended = existing[1:]
    this_week.site.faults |= {page(event): INVALID_ID for event in ended}
    done = this_week.installation.run("meetmax_url_check", "--events", events)
    assert done.returncode == 0, done.stderr
    assert len(statuses(this_week)) == 17
    # of the second check the import knows that it is one of chosen events
    assert this_week.installation.run("generic_import", "meetmax_urls").returncode == 0
    assert this_week.installation.sql("select scope from dba.tdataset order by dataset_id") == [("",), ("chosen",)]


def test_a_site_that_forbids_is_said(week: Callable[[], Week]) -> None:
    this_week = week()
    this_week.site.robots = b"User-agent: *\nDisallow: /sched/\n"
    line = fails(this_week, "--events", "119179-119181")
    assert "MeetMax's robots.txt disallows these pages: 3 ForbiddenByRobotsTxt" in line
    assert list(this_week.site.requests) == ["/robots.txt"]


def test_a_site_that_was_rebuilt_is_said_and_no_list_counts_as_withdrawn(week: Callable[[], Week]) -> None:
    this_week = week()
    for event in range(119179, 119185):
        this_week.site.bodies[page(event)] = b"<html><title>Welcome</title><div id=app></div></html>"
    assert "MeetMax answers with pages of another layout: 6 UnexpectedPage" in fails(this_week, "--events", EVENTS)


def test_one_page_of_another_layout_is_a_result_and_keeps_what_is_known(week: Callable[[], Week]) -> None:
    this_week = week()
    for body in (None, b"<html><title>Welcome</title></html>"):
        if body:
            this_week.site.bodies[page(119181)] = body
        summary = this_week.installation.summary("meetmax_url_check", "--events", "119181-119182" if body else EVENTS)
        assert summary["exit_code"] == 0
        assert summary["warnings"] == (["failed: 1 UnexpectedPage"] if body else [])
        assert this_week.installation.run("generic_import", "meetmax_urls").returncode == 0
        # another minute, another and later file name
        this_week.installation.environment["ETL_NOW"] = MONDAY.replace(":30:", ":45:")
    rows = this_week.installation.sql(
        "select statuscode, isdownloadable, title <> '' from public.tmeetmaxurlcheck where eventid = '119181'"
    )
    assert rows == [("UnexpectedPage", "1", True)]
    # a check of two hides none
    assert this_week.installation.sql("select count(*) from public.tmeetmaxurlcheck") == [(6,)]


def test_a_page_that_never_comes_is_a_result_and_one_that_is_slow_is_read(week: Callable[[], Week]) -> None:
    this_week = week()
    this_week.site.faults = {page(119181): SLOW}  # two seconds
    summary = this_week.installation.summary("meetmax_url_check", "--events", EVENTS)
    assert summary["warnings"] == []
    assert set(statuses(this_week).values()) == {"200"}
    (this_week.installation.data / "file_watcher" / this_week.installation.list_waiting()[0]).unlink()
    this_week.installation.write_settings(MEETMAX_TIMEOUT_SECONDS="0.5")
    summary = this_week.installation.summary("meetmax_url_check", "--events", "119180-119181")
    assert summary["exit_code"] == 0
    [warning] = summary["warnings"]
    assert warning.startswith("failed: 1 ")
    assert "Timeout" in warning
    assert "Timeout" in statuses(this_week)[119181]


def test_ids_that_are_all_invalid_are_a_result(week: Callable[[], Week]) -> None:
    this_week = week()
    summary = this_week.installation.summary("meetmax_url_check", "--events", "90000-90003")
    assert summary["exit_code"] == 0
    assert "4 are not an event" in summary["headline"]
    loaded = this_week.installation.summary("generic_import", "meetmax_urls")
    assert loaded["counts"]["loaded"] == 4
    nothing = this_week.installation.run("meetmax_url_download")
    assert nothing.returncode == 0
    assert "nothing to do" in nothing.stdout


def run_check(this_week: Week, events: str = EVENTS) -> None:
    assert this_week.installation.run("meetmax_url_check", "--events", events).returncode == 0
    assert this_week.installation.run("generic_import", "meetmax_urls").returncode == 0


def test_a_truncated_download_is_one_line_and_no_file(week: Callable[[], Week]) -> None:
    this_week = week()
    run_check(this_week)
    this_week.site.faults = {list_path(119181): CUT}
    done = this_week.installation.run("meetmax_url_download")
    assert done.returncode == 75
    lines = [line for line in done.stdout.splitlines() if line.startswith("problem:")]
    size = len(meetmax_site.make_list_file(119181, 1))
    assert lines == [f"problem: event 119181: truncated: {size // 2} of {size} bytes"]
    assert not any("119181" in name for name in this_week.installation.list_waiting())
    [results] = (this_week.installation.data / "logs").glob("*_MeetMaxURLDownload_results.csv")
    assert f"truncated: {size // 2} of {size} bytes" in results.read_text()


def test_a_list_of_20_mb_is_loaded_whole(week: Callable[[], Week]) -> None:
    this_week = week()
    run_check(this_week)
    rows = 60_000
    row = "<tr><td>Company {n}</td><td>T{n}</td><td>" + "a long description of what it does " * 9 + "</td></tr>\n"
    body = "<table><tr><th>Company Name</th><th>Ticker</th><th>Description</th></tr>\n"
    body += "".join(row.replace("{n}", str(number)) for number in range(rows)) + "</table>"
    assert len(body) > 20e6
    this_week.site.bodies[list_path(119181)] = body.encode()
    assert this_week.installation.run("meetmax_url_download", "--events", "119181").returncode == 0
    done = this_week.installation.summary("generic_import", "meetmax_events")
    assert (done["exit_code"], done["counts"]["loaded"]) == (0, rows)
    last = this_week.installation.sql(
        "select ticker, length(description) from dba.tmeetmax order by source_row desc limit 1"
    )
    assert last == [(f"T{rows - 1}", len("a long description of what it does " * 9) - 1)]


def test_a_full_disk_ends_the_scan_with_one_line_and_the_next_one_goes_on(week: Callable[[], Week]) -> None:
    this_week = week()
    folder = this_week.installation.data / "file_watcher"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        (folder / "file_watcher_temp").mkdir()
        filler = folder / "film.part"
        with filler.open("wb", buffering=0) as stream:  # all but one page of it
            stream.write(bytes(60 * 1024))
        done = this_week.installation.run("meetmax_url_check", "--events", expected.EVENT_RANGE)
        assert done.returncode == 1, done.stdout
        [line] = [line for line in done.stderr.splitlines() if not line.startswith("warning:")]
        assert "no space left" in line.lower()
        answered = sum(this_week.site.requests[page(event)] for event in range(119179, 119200))
        assert 0 < answered < expected.count_asked_ids()
        filler.unlink()
        assert this_week.installation.run("meetmax_url_check", "--events", expected.EVENT_RANGE).returncode == 0
        # only the one whose result did not fit is asked twice
        requests_sent = sum(this_week.site.requests[page(event)] for event in range(119179, 119200))
        assert requests_sent == expected.count_asked_ids() + 1
        assert len(statuses(this_week)) == expected.count_asked_ids()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_job_killed_with_9_goes_on_without_asking_again(week: Callable[[], Week]) -> None:
    this_week = week()
    options = ("--events", expected.EVENT_RANGE)
    process = this_week.installation.start("meetmax_url_check", *options, "--delay", "0.3")
    until = time.monotonic() + 60
    while len(this_week.site.log) < 6:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    half: Path = this_week.installation.data / "file_watcher" / "file_watcher_temp" / "meetmax_url_check.jsonl"
    known = half.read_bytes().count(b"\n")
    assert known >= 3
    assert this_week.installation.run("meetmax_url_check", *options).returncode == 0
    repeated = [event for event in range(119179, 119200) if this_week.site.requests[page(event)] > 1]
    assert len(repeated) <= 1  # the one that was under way
    assert len(statuses(this_week)) == expected.count_asked_ids()
    rows = this_week.installation.sql("select status from dba.trun where job = 'meetmax_url_check' order by status")
    assert rows == [
        ("interrupted",),
        ("succeeded",),
    ]
