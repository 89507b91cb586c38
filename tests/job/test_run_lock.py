"""One run at a time for a script and key."""

from __future__ import annotations

import os
import re

from tests.tiny_jobs import Jobs, Mails

BEGUN = "Path('begun').touch()\n"


def test_the_second_run_is_skipped_and_says_who_is_in_the_way(jobs: Jobs, mails: Mails) -> None:
    jobs.write("tiny", f"{BEGUN}time.sleep(60)", needs="lock='{key}'", parameters="key: str")
    holder = jobs.start_and_wait("tiny", "a")
    second = jobs.run("tiny", "a")
    assert second.returncode == 75
    assert re.fullmatch(
        rf"tiny: tiny a is already running since \d{{4}}-\d\d-\d\dT\S+ \(pid {holder.pid}\)\. "
        r"Run it later, or wait for it: --wait\.\n",
        second.stderr,
    )
    assert [row[:3] for row in jobs.list_runs()] == [("tiny", "running", None), ("tiny", "skipped", 75)]
    other = jobs.start_and_wait("tiny", "b")  # another key runs beside it
    for process in (holder, other):
        process.terminate()
        process.communicate()
    assert "[ETL] tiny a skipped" not in mails.list_subjects()


def test_wait_waits(jobs: Jobs) -> None:
    jobs.write("tiny", f"{BEGUN}time.sleep(1.5)", needs="lock=''")
    first = jobs.start_and_wait("tiny")
    second = jobs.run("tiny", "--wait")
    assert (first.wait(timeout=10), second.returncode) == (0, 0)
    (first_end, _), (_, second_end) = jobs.list_runs("ended_at, ended_at")
    assert second_end > first_end


def test_the_lock_of_a_killed_process_is_free_at_once(jobs: Jobs) -> None:
    jobs.write("tiny", f"{BEGUN}time.sleep(60 if key == 'a' else 0)", needs="lock='x'", parameters="key: str")
    first = jobs.start_and_wait("tiny", "a")
    first.kill()
    first.communicate()
    assert jobs.run("tiny", "b").returncode == 0


def test_a_child_does_not_keep_the_lock_of_a_killed_parent(jobs: Jobs) -> None:
    body = f"""
        import subprocess
        child = subprocess.Popen(['sleep', '30'])
        Path('child').write_text(str(child.pid))
        {BEGUN}
        time.sleep(60)
    """
    jobs.write("tiny", body, needs="lock=''")
    first = jobs.start_and_wait("tiny")
    first.kill()
    first.wait()
    jobs.write("tiny", "pass", needs="lock=''")
    second = jobs.run("tiny")
    os.kill(int((jobs.installation.data / "child").read_text()), 9)
    first.communicate()
    assert second.returncode == 0, second.stderr


def test_keys_that_are_no_file_names(jobs: Jobs) -> None:
    jobs.write("tiny", "pass", needs="lock='{key}'", parameters="key: str")
    for key in ("../../etc/passwd", "a/b", "x" * 300, "ä b", "a_b"):
        assert jobs.run("tiny", key).returncode == 0
    assert len(list((jobs.installation.data / "var" / "locks").glob("tiny-*.lock"))) == 5
