"""Runs the console on sample data: the installation of the weekly demo, two users with new passwords, local servers.

This is not a demo of a pipeline, so it is not named NAME_demo.py. The local servers keep running, so that every job can
be started from the console.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from demo import expected, weekly_demo
from demo.installation import WRAPPER, DemoInstallation
from demo.meetmax_server import MeetMaxServer

USERS = {"operator": "admin", "analyst": "user"}


def run(port: int | None) -> int:
    """Fill the installation if it is empty, then serve the console until it is stopped; return the exit code."""
    # Exiting normally also stops the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    filled = DemoInstallation().folder / "console_filled"
    if not filled.exists():
        print("filling the demo for the first time ...", flush=True)
        before = dict(os.environ)
        if exit_code := weekly_demo.run():
            return exit_code
        os.environ.clear()
        # The demo switched this process to its own installation; a second switch would nest its folder.
        os.environ.update(before)
        filled.touch()
    with _open_installation() as installation:
        for name, role in USERS.items():
            password = _set_one_time_password(installation, name, role)
            print(f"sign in as {name:9} with the password {password}", flush=True)
        command = [str(WRAPPER), "web_console.py", *(["--port", str(port)] if port is not None else [])]
        process = subprocess.Popen(command, env=installation.environment())
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()
        finally:
            process.terminate()


@contextlib.contextmanager
def _open_installation() -> Iterator[DemoInstallation]:
    """Yield the installation of the demo with its local servers, which show the last week."""
    installation = DemoInstallation()
    with installation.serve_mail(), installation.serve("site", MeetMaxServer) as site:
        site.show_week(max(weekly_demo.WEEKS))
        installation.write_settings(
            MEETMAX_BASE_URL=site.base_url, MEETMAX_FIRST_EVENTS=expected.EVENT_RANGE, MEETMAX_DELAY_SECONDS="0"
        )
        yield installation


def _set_one_time_password(installation: DemoInstallation, name: str, role: str) -> str:
    """Return a new password for a user of the demo, who is created if needed; the old password no longer works."""
    known = f"{name} " in _run_console_user(installation, "list")
    arguments = ("password", name) if known else ("add", name, "--role", role)
    return _run_console_user(installation, *arguments, "--generate").partition(": ")[2].split()[0]


def _run_console_user(installation: DemoInstallation, *arguments: str) -> str:
    """Return what console_user.py prints; exit if it fails."""
    command = [str(WRAPPER), "console_user.py", *arguments]
    done = subprocess.run(command, env=installation.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr, end="")
        raise SystemExit(done.returncode)
    return done.stdout
