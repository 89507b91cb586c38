"""The weekly pipeline when something breaks: killed at every step, one list that fails, a stopped scan."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from demo import expected
from tests.conftest import Server
from tests.demo.conftest import Week, open_weeks, read_mail_text

STEPS = ("meetmax_url_check", "generic_import", "meetmax_url_download", "generic_import", "send_report")


def kill_in_step(this_week: Week, number: int, delay: float, victim: str) -> None:
    """Start the pipeline and kill it, or the process of its step, a moment after that step began."""
    process = this_week.installation.start("run_pipeline", "weekly")
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        rows = this_week.installation.sql(
            "select pid from dba.trun where step_number = %s and status = 'running'", (number,)
        )
        if rows:
            time.sleep(delay)
            pid = process.pid if victim == "pipeline" else rows[0][0]
            subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(pid)], check=False, capture_output=True)
            break
        time.sleep(0.02)
    process.communicate(timeout=120)


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The state after two runs that nothing disturbed; the second asks for the ids beyond the first ones too."""
    with open_weeks(server, tmp_path_factory.mktemp("undisturbed")) as make:
        this_week = make()
        for _ in range(2):
            assert this_week.run().returncode == 0
        state = this_week.state()
    assert len(state["mails"]) == 1
    return state


@pytest.mark.parametrize(("delay", "victim"), [(0.0, "pipeline"), (0.2, "step")], ids=["pipeline", "step"])
@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_killed_in_any_step_the_same_command_ends_in_the_same_state(
    week: Callable[[], Week], undisturbed: dict[str, Any], number: int, delay: float, victim: str
) -> None:
    this_week = week()
    kill_in_step(this_week, number, delay, victim)
    done = [this_week.run() for _ in range(2)]
    assert done[-1].returncode == 0, done[-1].stdout + done[-1].stderr
    ended, mails = this_week.state(), this_week.mails.list_mails()
    if victim == "step":  # the pipeline goes on and its mail says so; the lists may then come in two mails
        told = [event for path in mails for event in re.findall(r"^(\d{6})  ", read_mail_text(path), re.MULTILINE)]
        assert sorted(told) == sorted(map(str, expected.count_list_rows(1)))
        ended["mails"] = undisturbed["mails"]
    assert ended == undisturbed


def test_one_list_that_fails_does_not_stop_the_others_and_the_mail_says_which(week: Callable[[], Week]) -> None:
    this_week = week()
    this_week.site.faults["/sched/event_119181/__co-list_cp.xls"] = "error page"
    done = this_week.run()
    assert done.returncode == 65, done.stdout + done.stderr
    labels = {row[0] for row in this_week.installation.sql("select label from dba.tdataset where label is not null")}
    assert labels == {str(event) for event in expected.count_list_rows(1)} - {"119181"}
    [text] = [read_mail_text(path) for path in this_week.mails.list_mails()]
    assert "119181" in text


def test_a_stopped_scan_goes_on_where_it_was(week: Callable[[], Week]) -> None:
    this_week = week()
    options = ("--events", expected.EVENT_RANGE)
    first = this_week.installation.summary("meetmax_url_check", *options, "--delay", "0.5", "--max-hours", "0.0003")
    assert this_week.installation.list_waiting() == []
    assert any("the next run continues" in text for text in first["warnings"])
    this_week.installation.summary("meetmax_url_check", *options)
    pages = [path for path in this_week.site.requests if path.endswith("__co-list_cp.html") and "private" not in path]
    assert (
        sum(this_week.site.requests[path] for path in pages) <= expected.count_asked_ids() + 1
    )  # the one under way when it stopped
    assert len(this_week.installation.list_waiting()) == 1
