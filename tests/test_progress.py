"""How far long work is."""

from __future__ import annotations

import os
import pty
import subprocess

from tests.tiny_jobs import Jobs

BODY = """
    with progress.track("pages", 20, "pages") as tracker:
        for _ in range(20):
            tracker.advance()
            time.sleep(0.05)
    assert progress.get_status() == ""
"""


def test_lines_in_the_log_without_a_terminal(jobs: Jobs) -> None:
    jobs.write("tiny", BODY, before="progress.LINE_EVERY_SECONDS = 0.3")
    done = jobs.run("tiny")
    assert (done.returncode, done.stderr) == (0, "")
    [entries] = jobs.read_logs("tiny")
    lines = [entry["message"] for entry in entries if entry["message"].startswith("pages: ")]
    assert 2 <= len(lines) <= 4
    assert "of 20 pages (" in lines[0]
    assert "s left" in lines[0]


def test_a_bar_on_a_terminal(jobs: Jobs) -> None:
    jobs.write("tiny", BODY)
    ours, theirs = pty.openpty()
    environment = jobs.installation.process_environment(TERM="xterm")
    process = subprocess.Popen(jobs.command("tiny"), env=environment, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # EIO: the other side is closed
        pass
    os.close(ours)
    assert process.communicate() == (b"", None)
    assert process.returncode == 0
    assert "━" in shown.decode()
    assert b"/20" in shown


def test_work_of_unknown_length() -> None:
    from systemscripts import progress

    with progress.track("x.csv") as tracker:
        tracker.advance(1234)
        assert progress.get_status().startswith("x.csv: 1,234 rows, ")
