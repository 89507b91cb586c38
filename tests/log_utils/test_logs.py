"""The log of a run: JSON lines are the truth, everything else is written from them."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys

import pytest

from tests.conftest import Installation
from tests.tiny_jobs import Jobs

BEGUN = "Path('begun').touch()\n"


def test_json_lines_csv_txt_and_table_say_the_same(jobs: Jobs) -> None:
    body = """
        logger.info("first")
        with log_utils.step("load"):
            logging.getLogger("some.library").warning("second, with a \\u2028 line\\nbreak")
        logger.error("third", extra={"detail": {"a": [1, 2.5, None, float("nan"), Path("/x"), {"b"}]}})
        logger.info("not %d a number", "x")
        import warnings; warnings.warn("a warning")
    """
    jobs.write("tiny", body)
    assert jobs.run("tiny").returncode == 0
    [entries] = jobs.read_logs("tiny")
    messages = [entry["message"] for entry in entries]
    assert messages[:4] == ["run began", "first", "second, with a \u2028 line\nbreak", "third"]
    assert messages[-1] == "run ended"
    assert entries[2] | {"step": "load", "logger": "some.library", "level": "WARNING"} == entries[2]
    assert entries[3]["detail"] == {"a": [1, 2.5, None, "nan", "/x", ["b"]]}
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    stored = jobs.installation.sql("select sequence, message, level, step, detail from dba.tlogentry order by sequence")
    assert stored == [tuple(e[k] for k in ("sequence", "message", "level", "step", "detail")) for e in entries]
    path = next((jobs.installation.data / "logs").glob("tiny_*.csv"))
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["message"] for row in rows] == messages
    text = path.with_suffix(".txt").read_text()
    assert all(message in text for message in messages)


def test_ugly_messages(jobs: Jobs) -> None:
    body = r"""
        logger.info("nul \x00 here")
        logger.info("bytes of a name: \udcff\udce9", extra={"detail": {"name\x00": "\udcff\x00", "n": float("inf")}})
        logger.info("x" * 3_000_000)
        logger.info("\x85 \u2028 \x1c \U0001f600")
        raise ValueError("\udcff\x00" + "y" * 100_000)
    """
    jobs.write("tiny", body)
    done = jobs.run("tiny")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    [(status, error)] = jobs.list_runs("status, error")
    assert status == "failed"
    assert "\\udcff" in error
    stored = [row[0] for row in jobs.installation.sql("select message from dba.tlogentry order by sequence")]
    assert stored[1:3] == ["nul  here", "bytes of a name: \\udcff\\udce9"]
    assert stored[3].startswith("x" * 100_000) and stored[3].endswith(" (the first part of 3,000,000 letters)")
    assert stored[4] == "\x85 \u2028 \x1c \U0001f600"
    assert stored[-1] == "run ended"


def test_a_torn_last_line_swallows_nothing(jobs: Jobs) -> None:
    jobs.write("killed", f"logger.info('said'); {BEGUN}time.sleep(60)", needs="database=False")
    process = jobs.start_and_wait("killed")
    process.kill()
    process.communicate()
    path = next((jobs.installation.data / "logs").glob("killed_*.jsonl"))
    with path.open("a") as stream:
        stream.write('{"time": "2026-')
    jobs.installation.run("close_interrupted_runs")
    stored = jobs.installation.sql("select message from dba.tlogentry where process_type = 'killed' order by sequence")
    messages = [message for (message,) in stored]
    reason = messages.pop(2)
    assert reason.startswith("the process ended unexpectedly") and "killed by" in reason
    assert messages == ["run began", "said", "run ended"]
    assert jobs.list_runs()[0][:2] == ("killed", "interrupted")


@pytest.mark.parametrize("rest", ["", '{"time": "20'])
def test_a_run_killed_before_its_first_line_was_whole(jobs: Jobs, rest: str) -> None:
    jobs.write("killed", f"{BEGUN}time.sleep(60)", needs="database=False")
    process = jobs.start_and_wait("killed")
    process.kill()
    process.communicate()
    next((jobs.installation.data / "logs").glob("killed_*.jsonl")).write_text(rest)
    jobs.installation.run("close_interrupted_runs")
    assert ("killed", "interrupted") in [row[:2] for row in jobs.list_runs()]


def test_a_record_that_postgresql_does_not_take_holds_up_nothing(jobs: Jobs) -> None:
    jobs.write("offline", "logger.info('a'); logger.info('b'); logger.info('c')", needs="database=False")
    assert jobs.run("offline").returncode == 0
    path = next((jobs.installation.data / "logs").glob("offline_*.jsonl"))
    damaged = path.read_text().replace('"message": "b"', '"message": "b \\u0000"')
    path.write_text(damaged + "7\n[]\n{}\nnull\n")
    assert jobs.installation.run("close_interrupted_runs").returncode == 0
    stored = jobs.installation.sql("select message from dba.tlogentry where process_type = 'offline' order by sequence")
    assert [message for (message,) in stored] == [
        "run began", "a", "(PostgreSQL cannot hold it; see the log file)", "c", "run ended",
    ]  # fmt: skip


def test_without_a_database_jobs_that_need_none_run_and_their_log_comes_later(jobs: Jobs) -> None:
    away = "postgresql://etl:x@127.0.0.1:1/etl"
    jobs.write("offline", "logger.info('said %s', word)", needs="database=False", parameters="word: str")
    jobs.write("online", "logger.info('never')")
    assert jobs.run("offline", "one", DATABASE_URL=away).returncode == 0
    refused = jobs.run("online", DATABASE_URL=away)
    assert refused.returncode == 75
    start, _, end = refused.stderr.partition("etl database start")
    assert start.startswith("online: the database at 127.0.0.1:1/etl does not answer. Start it (embedded: ")
    assert end == "), then run the same command again.\n"
    assert jobs.run("offline", "two", DATABASE_URL=away).returncode == 0
    assert jobs.list_runs() == []
    for _ in range(2):
        assert jobs.run("online").returncode == 0
    assert [row[:3] for row in jobs.list_runs()] == [
        ("offline", "succeeded", 0), ("online", "failed", 75), ("offline", "succeeded", 0),
        ("online", "succeeded", 0), ("online", "succeeded", 0),
    ]  # fmt: skip
    logs = [entry for job in ("offline", "online") for log in jobs.read_logs(job) for entry in log]
    stored = jobs.installation.sql("select run_uuid::text, sequence, message from dba.tlogentry order by 1, 2")
    assert stored == sorted((entry["run_uuid"], entry["sequence"], entry["message"]) for entry in logs)


def test_the_data_folder_may_be_moved(jobs: Jobs, installation: Installation) -> None:
    jobs.write("offline", "pass", needs="database=False")
    jobs.run("offline")
    moved = installation.data.rename(installation.data.with_name("moved"))
    installation.data = moved
    assert installation.run("close_interrupted_runs").returncode == 0
    assert [row[0] for row in jobs.list_runs()] == ["offline", "close_interrupted_runs"]
    assert len(installation.sql("select 1 from dba.tlogentry where process_type = 'offline'")) == 2


def test_a_log_that_was_deleted_holds_up_nothing(jobs: Jobs) -> None:
    jobs.write("offline", "pass", needs="database=False")
    jobs.run("offline")
    next((jobs.installation.data / "logs").glob("offline_*.jsonl")).unlink()
    done = jobs.installation.run("close_interrupted_runs")
    assert done.returncode == 0
    assert "is gone: its entries are lost" in done.stderr


def test_nothing_can_be_read_by_others(jobs: Jobs) -> None:
    jobs.write("tiny", "Path('made').touch(); os.mkdir('folder'); raise ValueError('x')")
    command = ["/bin/sh", "-c", 'umask 022; exec "$@"', "sh", *jobs.command("tiny")]
    subprocess.run(
        command, env=jobs.installation.process_environment(), cwd=jobs.installation.data, capture_output=True
    )
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in jobs.installation.data.rglob("*") if p.name != "file_watcher"}
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o007} == {}
    assert {oct(modes[p]) for p in (jobs.installation.data / "logs").iterdir()} == {"0o660"}
    assert {oct(modes[p]) for p in (jobs.installation.data / "var" / "alerts").iterdir()} == {"0o660"}


@pytest.mark.parametrize("database", ["True", "False"])
def test_a_full_disk_is_one_line(jobs: Jobs, database: str) -> None:
    jobs.write("tiny", "while True: logger.info('x' * 1000)", needs=f"database={database}")
    command = ["/bin/bash", "-c", 'ulimit -f 40; exec "$@"', "bash", *jobs.command("tiny")]
    environment = jobs.installation.process_environment()
    done = subprocess.run(command, env=environment, cwd=jobs.installation.data, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("tiny: no space left for ")
    assert done.stderr.endswith(".jsonl. Free space, then run it again.\n")
    assert done.stderr.count("\n") == 1
    if database == "True":  # the end went to the database although the file could not take it
        assert jobs.list_runs()[0][:3] == ("tiny", "failed", 1)
    else:
        assert jobs.installation.run("close_interrupted_runs").returncode == 0
        assert jobs.list_runs()[0][0] == "tiny"


def test_a_folder_that_cannot_be_made_is_one_line(jobs: Jobs) -> None:
    jobs.write("tiny", "pass")
    (jobs.installation.data / "logs").write_text("in the way")
    done = jobs.run("tiny")
    assert done.returncode == 78
    assert done.stderr.startswith(f"tiny: {jobs.installation.data}/logs cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_permission_denied_is_one_line(jobs: Jobs) -> None:
    jobs.write("tiny", "raise PermissionError(13, 'Permission denied', '/some/file')")
    done = jobs.run("tiny")
    assert done.returncode == 1
    assert done.stderr.startswith("tiny: /some/file: permission denied. Run: sudo install -d -o ")


def test_debug_shows_the_traceback_masked(jobs: Jobs) -> None:
    jobs.write("tiny", "logger.debug('detail'); raise ValueError('password=hunter22')")
    done = jobs.run("tiny", "--debug")
    assert "Traceback (most recent call last)" in done.stderr
    assert "debug: detail" in done.stderr
    assert "hunter22" not in done.stderr
    assert "Traceback" not in jobs.run("tiny").stderr


def test_a_user_without_a_name_can_run_it(jobs: Jobs) -> None:
    code = (
        "import getpass, sys\n"
        "def nobody(): raise KeyError('uid')\n"
        "getpass.getuser = nobody\n"
        "from systemscripts import person\n"
        "print(person.get_account())"
    )
    environment = jobs.installation.process_environment()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip().isdecimal(), done.stderr


def test_the_marker_tells_what_is_left(jobs: Jobs) -> None:
    jobs.write("offline", "pass", needs="database=False")
    jobs.run("offline")
    [marker] = (jobs.installation.data / "var" / "runs").iterdir()
    assert marker.suffix == ".ended"
    assert json.loads(marker.read_text())["job"] == "offline"
