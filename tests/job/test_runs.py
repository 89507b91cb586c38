"""Every run leaves its row, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from tests.conftest import Installation
from tests.tiny_jobs import Jobs, Mails, wait_for

BEGUN = "Path('begun').touch()\n"


def test_a_run_that_succeeds(jobs: Jobs) -> None:
    jobs.write("tiny", "return Summary(headline='done', files=2)", needs="lock='{word}'", parameters="word: str")
    done = jobs.run("tiny", "a b")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    columns = "job, status, exit_code, error, lock_key, arguments, files, os_user is not null, ended_at >= started_at"
    assert jobs.list_runs(columns) == [("tiny", "succeeded", 0, None, "a b", "'a b'", 2, True, True)]
    assert not list((jobs.installation.data / "var" / "runs").iterdir())


@pytest.mark.parametrize(
    ("body", "exit_code", "text"),
    [
        ("raise errors.EtlError('it broke', 'Fix it.')", 1, "it broke. Fix it."),
        ("raise errors.UsageError('no such thing')", 2, "no such thing"),
        ("raise errors.BadDataError('bad file')", 65, "bad file"),
        ("raise errors.TryLaterError('busy')", 75, "busy"),
        ("raise errors.ConfigurationError('wrong setting')", 78, "wrong setting"),
        ("raise ValueError('line one\\nline two')", 1, "unexpected ValueError: line one line two. The traceback is in"),
        ("sys.exit(9)", 1, "unexpected SystemExit: 9"),
        ("s = Summary(headline='x'); s.problem('a'); s.problem('b', 65); return s", 1, "a; b"),
        ("Path('/proc/1/nothing').write_text('x')", 1, "unexpected FileNotFoundError"),
    ],
)
def test_a_run_that_fails(jobs: Jobs, body: str, exit_code: int, text: str) -> None:
    jobs.write("tiny", body)
    done = jobs.run("tiny")
    assert done.returncode == exit_code
    assert done.stderr.startswith(f"tiny: {text}")
    assert done.stderr.count("\n") == 1
    [(_, status, code, error)] = jobs.list_runs()
    assert (status, code) == ("failed", exit_code)
    assert error in done.stderr


@pytest.mark.parametrize("work", ["time.sleep(60)", "sql"])
@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_ends_a_run(jobs: Jobs, work: str, number: int, exit_code: int) -> None:
    if work == "sql":
        work = (
            "from systemscripts import db_utils\n"
            "with db_utils.transaction(db_utils.connect()) as cursor: cursor.execute('select pg_sleep(60)')"
        )
    jobs.write("tiny", f"{BEGUN}{work}")
    process = jobs.start_and_wait("tiny")
    begun = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == exit_code
    assert time.monotonic() - begun < 5
    name = signal.Signals(number).name
    assert errors == f"tiny: stopped by {name}. Run the same command again to continue.\n"
    assert jobs.list_runs("status, exit_code") == [("interrupted", exit_code)]


@pytest.mark.parametrize("work", ["time.sleep(60)", "sql"])
def test_the_time_limit_ends_a_run(jobs: Jobs, work: str) -> None:
    if work == "sql":
        work = (
            "from systemscripts import db_utils\n"
            "with db_utils.transaction(db_utils.connect()) as cursor: cursor.execute('select pg_sleep(60)')"
        )
    jobs.write("tiny", work)
    done = jobs.run("tiny", JOB_TIME_LIMIT_HOURS=str(1.5 / 3600))
    assert done.returncode == 1
    assert "stopped by its time limit" in done.stderr
    assert jobs.list_runs("status, exit_code") == [("timed out", 1)]


def test_the_time_limit_that_comes_while_the_driver_reads_our_rows(jobs: Jobs) -> None:
    body = """
        import contextlib
        import psycopg2
        from systemscripts import db_utils

        class Rows:
            def read(self, size):
                time.sleep(60)

        summary = Summary()
        with contextlib.closing(db_utils.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("create temporary table rows (a text)")
            try:
                cursor.copy_expert("copy rows from stdin", Rows())
            except psycopg2.Error as error:  # as an import does, which goes on with the next file
                summary.problem(str(db_utils.translate_error(error)), 75)
        return summary
        """
    jobs.write("copying", body, needs="time_limit_hours=0.0005")
    done = jobs.run("copying")
    assert done.returncode == 1
    assert "copying: stopped by its time limit of 0.0005 h" in done.stderr
    assert jobs.list_runs("status, exit_code") == [("timed out", 1)]


def test_the_time_limit_also_ends_waiting_for_a_lock(jobs: Jobs) -> None:
    jobs.write("tiny", f"{BEGUN}time.sleep(60)", needs="lock=''")
    holder = jobs.start_and_wait("tiny")
    done = jobs.run("tiny", "--wait", JOB_TIME_LIMIT_HOURS=str(1 / 3600))
    holder.terminate()
    holder.communicate()
    assert done.returncode == 1
    assert "time limit" in done.stderr


def test_a_job_that_ignores_the_end_of_its_time_is_ended_over_its_head(jobs: Jobs, mails: Mails) -> None:
    stubborn = f"""
        signals_and_timeout.GRACE_SECONDS = 1
        {BEGUN}
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
    """
    jobs.write("tiny", stubborn)
    process = jobs.start_and_wait("tiny")
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert errors == "tiny: stopped by SIGTERM; it did not respond and was killed\n"
    assert mails.list_subjects() == ["[ETL] tiny interrupted"]
    jobs.installation.run("close_interrupted_runs")
    assert jobs.list_runs()[0][:3] == ("tiny", "interrupted", 143)
    assert len(mails.list_subjects()) == 1


def test_a_deferred_signal_raises_after_the_block(jobs: Jobs) -> None:
    body = f"""
        with defer_signals() as stop_requested:
            {BEGUN}
            while not stop_requested():
                time.sleep(0.05)
            Path("saved").touch()
        Path("never").touch()
    """
    jobs.write("tiny", body)
    process = jobs.start_and_wait("tiny")
    process.terminate()
    assert process.wait(timeout=20) == 143
    assert (jobs.installation.data / "saved").exists()
    assert not (jobs.installation.data / "never").exists()


def test_a_signal_at_the_very_end_does_not_lose_the_end_of_the_run(jobs: Jobs) -> None:
    # the signal comes while the error of the function is being handled
    before = (
        "from systemscripts.job import run_outcome\n"
        "real = run_outcome.build_from_error\n"
        "def of_error(*values):\n    os.kill(os.getpid(), 15)\n    return real(*values)\n"
        "run_outcome.build_from_error = of_error"
    )
    jobs.write("tiny", "raise ValueError('x')", before=before)
    done = jobs.run("tiny")
    assert done.returncode == 143
    assert done.stderr.count("\n") == 1
    assert jobs.list_runs("status") == [("interrupted",)]


def test_what_the_caller_ignores_stays_ignored(jobs: Jobs) -> None:
    jobs.write("tiny", f"{BEGUN}time.sleep(1.5)")
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        process = jobs.start_and_wait("tiny")
    finally:
        signal.signal(signal.SIGHUP, old)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=20) == 0


def test_a_killed_run_is_closed_by_the_next_start_with_one_alert(jobs: Jobs, mails: Mails) -> None:
    jobs.write(
        "killed", f"logger.info('last words'); {BEGUN}time.sleep(60)", needs="lock='x'", parameters="word: str = ''"
    )
    jobs.write("other", "time.sleep(0.5)")
    process = jobs.start_and_wait("killed", "--word", "w")
    wait_for(jobs.list_runs)
    process.kill()
    process.communicate()
    starts = [jobs.start("other"), jobs.start("other"), jobs.start("other")]
    assert [start.wait(timeout=30) for start in starts] == [0, 0, 0]
    assert jobs.list_runs()[0][:3] == ("killed", "interrupted", 137)
    assert mails.list_subjects() == ["[ETL] killed x interrupted"]
    assert "last words" in mails.read_text()
    assert not list((jobs.installation.data / "var" / "runs").iterdir())
    log = next((jobs.installation.data / "logs").glob("killed_*.txt")).read_text()
    assert "last words" in log
    assert "run ended" in log


def test_a_killed_run_is_told_of_without_a_database(jobs: Jobs, mails: Mails) -> None:
    jobs.write("killed", f"{BEGUN}time.sleep(60)", needs="database=False")
    process = jobs.start_and_wait("killed")
    process.kill()
    process.communicate()
    done = jobs.installation.run("close_interrupted_runs", DATABASE_URL="postgresql://etl:x@127.0.0.1:1/etl")
    assert done.returncode == 75
    assert mails.list_subjects() == ["[ETL] killed interrupted"]
    done = jobs.installation.run("close_interrupted_runs")
    assert (done.returncode, done.stdout) == (0, "0 interrupted runs closed\n")
    assert [row[:2] for row in jobs.list_runs()] == [
        ("killed", "interrupted"), ("close_interrupted_runs", "failed"), ("close_interrupted_runs", "succeeded"),
    ]  # fmt: skip
    assert len(mails.list_subjects()) == 1


def test_close_interrupted_runs_says_how_many(jobs: Jobs) -> None:
    jobs.write("killed", f"{BEGUN}time.sleep(60)")
    process = jobs.start_and_wait("killed")
    process.kill()
    process.communicate()
    assert jobs.installation.run("close_interrupted_runs").stdout == "1 interrupted run closed\n"


def test_a_row_whose_marker_is_gone_is_closed_too(jobs: Jobs, mails: Mails) -> None:
    jobs.write("killed", f"{BEGUN}time.sleep(60)")
    process = jobs.start_and_wait("killed")
    process.kill()
    process.communicate()
    for marker in (jobs.installation.data / "var" / "runs").iterdir():
        marker.unlink()
    assert jobs.installation.run("close_interrupted_runs").stdout == "1 interrupted run closed\n"
    assert jobs.list_runs()[0][:3] == ("killed", "interrupted", 137)
    assert mails.list_subjects() == ["[ETL] killed interrupted"]


def test_a_running_run_is_left_alone(jobs: Jobs) -> None:
    jobs.write("long_one", f"{BEGUN}time.sleep(60)")
    process = jobs.start_and_wait("long_one")
    assert jobs.installation.run("close_interrupted_runs").stdout == "0 interrupted runs closed\n"
    assert jobs.list_runs()[0][:2] == ("long_one", "running")
    process.terminate()
    process.communicate()


def test_children_belong_to_the_run(jobs: Jobs) -> None:
    jobs.write("child", "pass")
    jobs.write("parent", "import subprocess; subprocess.run([sys.executable, sys.argv[0].replace('parent', 'child')])")
    assert jobs.run("parent", ETL_RUN_UUID="11111111-2222-3333-4444-555555555555").returncode == 0
    parent, child = jobs.list_runs("run_uuid, root_uuid, parent_uuid")
    assert parent == ("11111111-2222-3333-4444-555555555555",) * 2 + (None,)
    assert child[1:] == (parent[0], parent[0])
    assert child[0] != parent[0]


def test_a_run_number_that_is_none_is_refused(installation: Installation) -> None:
    done = installation.run("close_interrupted_runs", ETL_RUN_UUID="seven")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)


def test_heartbeat_and_progress(jobs: Jobs) -> None:
    body = f"""
        heartbeat.Heartbeat.EVERY_SECONDS = 0.2
        with progress.track("pages", 10, "pages") as tracker:
            tracker.advance(4)
            {BEGUN}
            time.sleep(60)
    """
    jobs.write("tiny", body, before="heartbeat.Heartbeat.EVERY_SECONDS = 0.2")
    process = jobs.start_and_wait("tiny")
    wait_for(lambda: (jobs.list_runs("progress")[0][0] or "").startswith("pages: 4 of 10 pages (40%)"))
    process.terminate()
    process.communicate()


def test_a_run_that_nobody_listens_to_is_not_disturbed(jobs: Jobs) -> None:
    jobs.write("tiny", "return Summary(headline='x' * 100000)")
    reader, writer = os.pipe()
    os.close(reader)
    environment = jobs.installation.process_environment()
    done = subprocess.run(jobs.command("tiny"), env=environment, stdout=writer, stderr=writer)
    os.close(writer)
    assert done.returncode == 0
    assert jobs.list_runs("status") == [("succeeded",)]


def test_no_thread_of_ours_names_what_newer_pythons_keep_in_theirs() -> None:
    from systemscripts.job.signals_and_timeout import Limits
    from systemscripts.log_utils import Heartbeat
    from systemscripts.monitoring.doctor_checks import _CheckThread

    taken = {
        "_handle",
        "_context",
        "_os_thread_handle",
        "_initialized",
        "_started",
    }  # of 3.11 to 3.14
    for thread_class in (Limits, Heartbeat, _CheckThread):
        assert not taken & set(vars(thread_class)), thread_class
