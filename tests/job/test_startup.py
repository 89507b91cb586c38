"""Starts are quick: counted in processor time, so that a busy machine does not matter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Installation

PROJECT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path.stem for path in (PROJECT / "jobscripts").glob("[a-z]*.py"))


def processor_seconds(installation: Installation, *command: str) -> float:
    """Of the better of two runs: the first may have to compile."""
    seconds = []
    for _ in range(2):
        environment = installation.process_environment()
        process = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, command
        seconds.append(used.ru_utime + used.ru_stime)
    return min(seconds)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_takes_less_than_four_tenths_of_a_second(installation: Installation, script: str) -> None:
    assert processor_seconds(installation, str(PROJECT / "jobscripts" / f"{script}.py"), "--help") < 0.4


def test_a_run_that_finds_nothing_to_do_takes_less_than_a_second(installation: Installation) -> None:
    installation.configure("orders", file_pattern="orders.*")
    script = str(PROJECT / "jobscripts" / "generic_import.py")
    assert processor_seconds(installation, script, "orders") < 1


def test_settings_are_read_without_a_search_for_plugins(installation: Installation) -> None:
    code = "import sys, systemscripts.settings; sys.exit('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=installation.process_environment())
    assert done.returncode == 0


def test_a_connection_by_ssh_needs_no_modules_for_commands_and_tests(installation: Installation) -> None:
    code = "import sys, systemscripts.ssh.connection; sys.exit(bool({'asyncio', 'unittest'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=installation.process_environment())
    assert done.returncode == 0
