"""Whole scans of the local copy of the site, each in a process of its own, as the reactor runs once per process."""

from __future__ import annotations

import csv
import itertools
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo import expected
from demo.meetmax_server import DROPPED, ERROR, SLOW, TOO_MANY, MeetMaxServer
from systemscripts.sources.meetmax import results

ROOT = Path(__file__).parents[2]
SCAN = """
import json, logging, sys
from dataclasses import asdict
from pathlib import Path
logging.basicConfig(level=logging.INFO)
before = list(logging.getLogger().handlers)
from systemscripts.sources.meetmax.event_ids import parse_event_ids
from systemscripts.sources.meetmax.spider import scan
events, base, path, options = sys.argv[1:]
outcome = scan(parse_event_ids(events), base, Path(path), **json.loads(options))
assert logging.getLogger().handlers == before
print(json.dumps({**asdict(outcome), "complete": outcome.complete, "everything_failed": outcome.everything_failed}))
"""


class Scans:
    """Starts scans against one site and one results file."""

    def __init__(self, site: MeetMaxServer, path: Path) -> None:
        self.site = site
        self.path = path

    def start(self, events: str, script: str = SCAN, **options: Any) -> subprocess.Popen[str]:
        options = {"delay_seconds": 0, "backoff_seconds": 0.05, **options}
        command = [sys.executable, "-c", script, events, self.site.base_url, str(self.path), json.dumps(options)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, events: str, **options: Any) -> dict[str, Any]:
        process = self.start(events, **options)
        output, self.errors = process.communicate(timeout=60)
        assert process.returncode == 0, self.errors
        outcome: dict[str, Any] = json.loads(output)
        return outcome

    def found(self) -> dict[int, dict[str, Any]]:
        return {result["EventID"]: result for result in results.read_results(self.path)}

    def asked(self, event_id: int) -> int:
        return self.site.requests[f"/sched/event_{event_id}/__co-list_cp.html"]


@pytest.fixture
def scans(tmp_path: Path) -> Iterator[Scans]:
    with MeetMaxServer(hiccups={}) as site:
        yield Scans(site, tmp_path / "scan.jsonl")


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def page(event_id: int) -> str:
    return f"/sched/event_{event_id}/__co-list_cp.html"


def test_every_id_gets_its_result_in_spite_of_hiccups(tmp_path: Path) -> None:
    with MeetMaxServer() as site:
        scans = Scans(site, tmp_path / "scan.jsonl")
        outcome = scans.run(expected.EVENT_RANGE)
    actual = scans.found()
    assert (outcome["ended"], outcome["complete"], outcome["failures"]) == ("finished", True, {})
    assert [event for event in sorted(actual) if actual[event]["IfExists"]] == expected.list_existing(1)
    assert {event for event in actual if actual[event]["IsDownloadable"]} == set(expected.count_list_rows(1))
    assert outcome["downloadable"] == len(expected.count_list_rows(1))
    assert actual[119182]["URL"].endswith("/__private-co-list_cp.html")
    assert actual[119180]["InvalidEventID"] is True


def test_the_csv_is_sorted_and_has_the_columns_of_the_contract(scans: Scans, tmp_path: Path) -> None:
    scans.site.faults = {page(119181): ERROR}
    scans.run("119180-119181,119179", retries=0)
    target = tmp_path / "out" / "20260302T070000_MeetMaxURLCheck.csv"
    assert results.write_results_csv(scans.path, target) == 3
    with target.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == [
        "EventID",
        "URL",
        "IfExists",
        "InvalidEventID",
        "IsDownloadable",
        "DownloadLink",
        "StatusCode",
        "Title",
    ]
    link = f"{scans.site.origin}/sched/event_119179/__co-list_cp.xls?event_id=119179"
    title = "31st Annual Technology & Growth Conference"
    assert rows[1] == ["119179", scans.site.origin + page(119179), "1", "false", "1", link, "200", title]
    assert rows[2] == ["119180", scans.site.origin + page(119180), "0", "true", "0", "", "200", ""]
    assert rows[3] == ["119181", "", "", "", "", "", "500", ""]


def test_one_id_that_fails_is_a_result_and_is_asked_again_by_the_next_scan(scans: Scans) -> None:
    scans.site.faults = {page(119181): ERROR}
    outcome = scans.run("119179-119182", retries=2)
    assert (outcome["failures"], outcome["complete"], outcome["everything_failed"]) == ({"500": 1}, True, False)
    assert scans.asked(119181) == 3
    scans.site.faults = {}
    assert scans.run("119179-119182")["failures"] == {}
    assert (scans.asked(119179), scans.asked(119181)) == (1, 4)


def test_a_scan_killed_with_9_goes_on_without_asking_again(scans: Scans) -> None:
    first = scans.start(expected.EVENT_RANGE, delay_seconds=0.15)
    wait_for(lambda: len(scans.found()) >= 4)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = scans.found()
    with scans.path.open("ab") as file:
        file.write(b'{"EventID": 119199, "URL": "http')  # what a kill in the middle of a write leaves
    outcome = scans.run(expected.EVENT_RANGE)
    assert (outcome["complete"], outcome["known_before"]) == (True, len(before))
    assert all(scans.asked(event) == 1 for event in before)
    assert len(scans.path.read_text().splitlines()) == expected.count_asked_ids()


def test_a_scan_ends_at_its_time_and_the_next_one_finishes_it(scans: Scans) -> None:
    first = scans.run(expected.EVENT_RANGE, delay_seconds=0.3, max_seconds=1.5)
    assert (first["ended"], first["complete"]) == ("out of time", False)
    assert first["checked"] < expected.count_asked_ids()
    second = scans.run(expected.EVENT_RANGE)
    assert (second["ended"], second["complete"]) == ("finished", True)
    assert all(scans.asked(event) == 1 for event in (119179, 119180, 119190))


def test_sigterm_ends_a_scan_at_once_and_its_handler_runs_afterwards(scans: Scans) -> None:
    handler = "import signal\ndef end(*_): raise SystemExit(42)\nsignal.signal(signal.SIGTERM, end)\n"
    scan = scans.start(expected.EVENT_RANGE, handler + SCAN, delay_seconds=60)
    wait_for(lambda: scans.asked(119179) == 0 and scans.site.requests["/robots.txt"] == 1)
    time.sleep(0.3)
    began = time.monotonic()
    scan.send_signal(signal.SIGTERM)
    _, errors = scan.communicate(timeout=20)
    assert scan.returncode == 42, errors
    assert time.monotonic() - began < 3
    assert "Traceback" not in errors
    assert scans.found() == {}


def test_a_stop_during_a_slow_answer_does_not_wait_for_it(scans: Scans) -> None:
    scans.site.faults = {page(119180): SLOW}
    stop = SCAN.replace(
        "**json.loads(options)", "should_stop=lambda: len(seen) > 0, progress=seen.append, delay_seconds=0"
    )
    scan = scans.start("119179-119183", "seen = []\n" + stop)
    output, errors = scan.communicate(timeout=30)
    assert json.loads(output)["ended"] == "stopped"
    assert set(scans.found()) == {119179}
    assert "Traceback" not in errors


def test_robots_txt_is_obeyed(scans: Scans) -> None:
    scans.site.robots = b"User-agent: *\nDisallow: /sched/\n"
    outcome = scans.run("119179-119181")
    assert outcome["failures"] == {"ForbiddenByRobotsTxt": 3}
    assert outcome["everything_failed"]
    assert list(scans.site.requests) == ["/robots.txt"]


def test_robots_txt_that_cannot_be_had_forbids_everything(scans: Scans) -> None:
    scans.site.faults = {"/robots.txt": ERROR}
    assert scans.run("119179-119180", retries=1)["failures"] == {"RobotsTxtUnavailable": 2}
    assert list(scans.site.requests) == ["/robots.txt"]


def test_a_site_that_is_down_fails_everything_and_is_not_asked_for_ever(scans: Scans) -> None:
    scans.site.stop()
    outcome = scans.run("119179-119279", retries=1)
    assert (outcome["ended"], outcome["everything_failed"], outcome["checked"]) == ("gave up", True, 20)
    assert outcome["failures"] == {"DownloadConnectionRefusedError": 20}
    assert "Traceback" not in scans.errors


def test_a_dropped_connection_is_asked_again_after_a_pause_that_grows(scans: Scans) -> None:
    scans.site.hiccups = {page(119180): DROPPED}
    outcome = scans.run("119179-119181", backoff_seconds=0.4)
    assert (outcome["failures"], outcome["checked"]) == ({}, 3)
    first, second = (moment for moment, path, _ in scans.site.log if path == page(119180))
    assert 0.39 <= second - first < 3
    scans.site.faults = {page(119182): DROPPED}
    scans.run("119182", backoff_seconds=0.2, retries=2)
    times = [moment for moment, path, _ in scans.site.log if path == page(119182)]
    assert len(times) == 3
    assert 0.19 <= times[1] - times[0] < times[2] - times[1]


def test_retry_after_is_honoured_and_one_request_runs_at_a_time(scans: Scans) -> None:
    scans.site.hiccups = {page(119180): TOO_MANY}
    scans.run("119179-119181", user_agent="test-agent (mail@example.test)")
    times = [moment for moment, path, _ in scans.site.log if path == page(119180)]
    assert 1.0 <= times[1] - times[0] < 3
    assert [path for _, path, _ in scans.site.log] == ["/robots.txt", page(119179), *[page(119180)] * 2, page(119181)]
    assert {agent for _, _, agent in scans.site.log} == {"test-agent (mail@example.test)"}


def test_the_delay_lies_between_requests(scans: Scans) -> None:
    scans.run("119179-119184", delay_seconds=0.3)
    times = [moment for moment, _, _ in scans.site.log]
    # as the server sees it, which may note one of them late: then one gap is longer and the next one shorter
    assert statistics.median(later - earlier for earlier, later in itertools.pairwise(times)) > 0.27


def test_nothing_left_to_ask_needs_no_request(scans: Scans) -> None:
    scans.run("119179-119180")
    before = scans.site.requests.total()
    assert scans.run("119179-119180")["checked"] == 0
    assert scans.site.requests.total() == before
    assert results.events_without_answer([119179, 119180, 119181], scans.path) == [119181]


def test_results_that_cannot_be_written_end_the_scan_with_the_error(scans: Scans) -> None:
    full = "import errno\ndef full(done): raise OSError(errno.ENOSPC, 'no space')\n"
    script = full + SCAN.replace("**json.loads(options)", "progress=full, delay_seconds=0")
    _, errors = (scan := scans.start("119179-119183", script)).communicate(timeout=30)
    assert (scan.returncode, scans.site.requests.total()) == (1, 2)
    assert errors.endswith("OSError: [Errno 28] no space\n")


def test_an_address_that_only_answers_404_is_a_failure_and_asked_again(scans: Scans) -> None:
    scans.site.faults = {page(event): "404" for event in range(119179, 119182)}
    outcome = scans.run("119179-119181")
    assert (outcome["missing"], outcome["complete"], outcome["everything_failed"]) == (3, True, True)
    scans.site.faults.pop(page(119179))
    outcome = scans.run("119179-119181")
    assert (outcome["missing"], outcome["existing"], outcome["everything_failed"]) == (2, 1, False)
    assert scans.run("119179-119181")["checked"] == 0
