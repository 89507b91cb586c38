"""What becomes a message: a failure once, another failure, a recovery; never the same failure again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from systemscripts import settings
from systemscripts.alerts import alert_state, causes, channels, web_channels, when_to_send
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.events import Cause, Outcome
from systemscripts.directory_management import Directories
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.fast

DATABASE_DOWN = Cause("database", "", "down", "the database is down", "start it")
RECIPIENTS = "ALERT_RECIPIENTS=operator@example.test\nSMTP_HOST=127.0.0.1\n"
Write = Callable[[str], None]


@pytest.fixture
def write_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the settings of this process; no message leaves it."""

    def write(text: str) -> None:
        (tmp_path / "settings.env").write_text("DATABASE_URL=embedded\n" + text)
        (tmp_path / "settings.env").chmod(0o600)
        monkeypatch.setenv("ETL_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("ETL_ENV_FILE", str(tmp_path / "settings.env"))
        settings.reset()

    write(RECIPIENTS)
    yield write
    settings.reset()


@pytest.fixture
def directories(tmp_path: Path, write_settings: Write) -> Directories:
    return Directories(tmp_path).create()


def end_run(directories: Directories, status: str, cause: str = "", job: str = "tiny", connected: bool = False) -> None:
    shared = DATABASE_DOWN if cause == "database down" else None
    outcome = Outcome(
        job, "", status, 0 if status == "succeeded" else 1, f"it is {cause}", "", Path("no.log"), cause, connected,
        shared,
    )  # fmt: skip
    assert when_to_send.try_record_outcome(outcome, directories, sends_now=False)


def read_state(directories: Directories, job: str = "tiny") -> State | None:
    return alert_state.read_state(alert_state.build_path(job, "", directories))


def test_the_same_failure_is_no_second_message_and_another_one_is(directories: Directories) -> None:
    messages = []
    for cause in ("broken", "broken", "late", "late"):
        end_run(directories, "failed", cause)
        state = read_state(directories)
        assert state is not None and state.is_failing and state.pending == ["mail"]
        messages.append(state.message_id)
    assert messages[0] == messages[1] != messages[2] == messages[3]
    assert "it is broken" in state.text and "it is late" in state.text  # what was never sent goes along


def test_an_alert_is_kept_where_the_states_cannot_be_locked(directories: Directories) -> None:
    (directories.locks / "alerts.lock").mkdir()
    end_run(directories, "failed", "broken")
    state = read_state(directories)
    assert state is not None and state.is_failing


def test_a_recovery_is_a_message_where_anyone_can_be_reached(directories: Directories, write_settings: Write) -> None:
    end_run(directories, "failed", "broken")
    end_run(directories, "succeeded")
    state = read_state(directories)
    assert state is not None and not state.is_failing and "it is broken" in state.text
    end_run(directories, "succeeded")
    assert read_state(directories) == state
    write_settings("")
    end_run(directories, "failed", "broken", job="other")
    end_run(directories, "succeeded", job="other")
    assert read_state(directories, "other") is None


def test_all_runs_that_find_no_database_share_one_message_that_names_them(directories: Directories) -> None:
    for job in ("one", "two"):
        end_run(directories, "failed", "database down", job)
        assert read_state(directories, job) is None
    state = read_state(directories, causes.DATABASE)
    assert state is not None and [command.rpartition("etl ")[2] for command in state.items] == ["one", "two"]
    end_run(directories, "succeeded", job="three", connected=True)
    state = read_state(directories, causes.DATABASE)
    assert state is not None and not state.is_failing and "etl one" in state.text


def test_a_full_disk_of_the_database_is_over_when_any_later_run_has_succeeded(directories: Directories) -> None:
    full = Cause(causes.DATABASE_DISK, "", causes.FULL, "the disk of the database is full", "free space")
    typed = Outcome("typed", "", "failed", 1, "it is full", "once", Path("no.log"), connected=True, cause=full)
    now = settings.now()
    other = Outcome("tiny", "", "succeeded", 0, "", "", Path("no.log"), connected=True)
    assert when_to_send.try_record_outcome(typed, directories, sends_now=False)
    # a run that was under way, and one that needs no database, do not show it
    for connected, minutes, is_failing in ((True, -1, True), (False, 1, True), (True, 1, False)):
        outcome = replace(other, connected=connected, began_at=now + timedelta(minutes=minutes))
        assert when_to_send.try_record_outcome(outcome, directories, sends_now=False)
        state = read_state(directories, causes.DATABASE_DISK)
        assert state is not None and state.is_failing == is_failing


def test_a_message_that_cannot_be_sent_keeps_no_other_from_being_sent(
    directories: Directories, write_settings: Write
) -> None:
    with SmtpServer() as server:
        write_settings("".join(f"{name}={value}\n" for name, value in server.settings.items()))
        # no one is named for the first, and the last has a channel whose service is broken
        end_run(directories, "failed", "broken", job="a_job")
        end_run(directories, "failed", "broken", job="b_job")
        state = read_state(directories, "b_job")
        assert state is not None
        state.pending = ["webhook"]
        alert_state.write_state(alert_state.build_path("b_job", "", directories), state)
        when_to_send.queue_message("later", ["ann@example.com"], "later", "text", directories)

        def fail(*_: object) -> None:
            raise LookupError("the service is broken")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(web_channels, "send", fail)
            channels.send_pending(directories)
        assert server.list_recipients() == ["ann@example.com"]
    for job in ("a_job", "b_job"):
        state = read_state(directories, job)
        assert state is not None and state.pending, job
