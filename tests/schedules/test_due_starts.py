"""What cron does not know starts at its time, once, also after a reboot, and nothing waits as a process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from systemscripts import settings
from systemscripts.directory_management import Directories
from systemscripts.errors import SkippedError
from systemscripts.schedules import due_starts, load_scheduled, own_schedules
from systemscripts.schedules.cron_words import describe_schedule


@pytest.fixture
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Directories]:
    """The folders of an installation of its own."""
    monkeypatch.setenv("ETL_DATA_DIR", str(tmp_path))
    settings.reset()
    yield Directories(tmp_path).create()
    settings.reset()


class Launcher:
    """Counts what is started, as a process of its own that ends at once."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []

    def __call__(self, arguments: list[str], run_uuid: str) -> int:
        self.started.append(arguments)
        return os.getpid()


def move(directories: Directories, kind: str, name: str, moment: datetime) -> Path:
    """Let a start be due at another moment; its file."""
    path = directories.var / "due" / f"{kind}-{name}.json"
    entry = json.loads(path.read_text()) | {"due": moment.isoformat()}
    path.write_text(json.dumps(entry))
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    return path


def test_a_rescheduled_pipeline_starts_at_its_new_time_once_and_not_by_its_old_line(directories: Directories) -> None:
    pipeline, launcher = load_scheduled("weekly"), Launcher()
    own_schedules.set_own_schedule(directories, pipeline, "15 7 * * 1-5", "anna")
    due_starts.plan_pipeline(directories, "weekly")
    assert load_scheduled("weekly").schedule == "15 7 * * 1-5"
    assert due_starts.start_due(directories, launcher) == [] and not due_starts.is_something_due(directories)
    with pytest.raises(SkippedError, match="given by anna"):
        own_schedules.refuse_if_rescheduled(directories, "weekly")
    path = move(directories, "pipeline", "weekly", datetime.now(UTC) - timedelta(minutes=1))
    # what cron asks each minute, without starting Python
    command = ["find", str(path.parent), "-name", "*.json", "!", "-newermt", "now"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == str(path)
    assert due_starts.is_something_due(directories)
    due_starts.start_due(directories, launcher)
    due_starts.start_due(directories, launcher)
    assert launcher.started == [["run_pipeline", "weekly"]]
    assert path.stat().st_mtime > datetime.now(UTC).timestamp()
    # the times of its file again: nothing is planned any longer
    own_schedules.set_own_schedule(directories, pipeline, "", "anna")
    due_starts.plan_pipeline(directories, "weekly")
    assert not path.exists() and load_scheduled("weekly").schedule == "30 6 * * 1"


def test_a_yaml_job_waits_as_a_file_and_is_started_again_only_after_a_reboot(directories: Directories) -> None:
    launcher, now = Launcher(), datetime.now(UTC)
    run_uuid = due_starts.plan_job(directories, "orders", now + timedelta(hours=1), now + timedelta(hours=9), "anna")
    waiting = due_starts.find_job(directories, run_uuid)
    assert waiting is not None and waiting.name == "orders" and due_starts.start_due(directories, launcher) == []
    path = move(directories, "job", "orders", now - timedelta(minutes=1))
    due_starts.start_due(directories, launcher)
    due_starts.start_due(directories, launcher)
    assert launcher.started == [["run_elt", "orders"]] and due_starts.find_job(directories, run_uuid) is None
    (running,) = due_starts.list_jobs(directories)
    # the host was restarted: the process belongs to another boot
    path.write_text(json.dumps(asdict(replace(running, process="another-boot:17"))))
    due_starts.start_due(directories, launcher)
    assert launcher.started == [["run_elt", "orders"]] * 2
    # it ended by itself, in this boot: it is forgotten
    (running,) = due_starts.list_jobs(directories)
    path.write_text(json.dumps(asdict(replace(running, process=running.process + "0"))))
    due_starts.start_due(directories, launcher)
    assert due_starts.list_jobs(directories) == [] and len(launcher.started) == 2


def test_what_cannot_be_read_stops_nothing_else(directories: Directories) -> None:
    launcher, now = Launcher(), datetime.now(UTC)
    due_starts.plan_job(directories, "orders", now - timedelta(minutes=1), None, "anna")
    (directories.var / "due" / "job-torn.json").write_text("{")
    due_starts.start_due(directories, launcher)
    assert launcher.started == [["run_elt", "orders"]]
    assert due_starts.cancel_job(directories, "orders") and not due_starts.cancel_job(directories, "orders")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("30 6 * * 1", "every Monday at 06:30"),
        ("*/15 * * * *", "every 15 minutes"),
        ("15 5 * * 1-5", "every workday at 05:15"),
        ("5 4 1,15 * *", "on days 1 and 15 of each month at 04:05"),
        ("0 8,18 * * mon,thu", "every Monday and Thursday at 08:00 and 18:00"),
        ("0 0 1 1 *", "on 1 January at 00:00"),
        ("@daily", "every day at 00:00"),
        ("*/7 3-5 * 2 1", "*/7 3-5 * 2 1"),
    ],
)
def test_a_schedule_is_said_in_words(schedule: str, words: str) -> None:
    assert describe_schedule(schedule) == words
