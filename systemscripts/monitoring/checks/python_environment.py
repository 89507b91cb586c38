"""The programs: Python, the packages, the wrapper."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator

from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.settings import PROJECT

ORDER = 20
OLDEST = (3, 11)


def check(context: Context) -> Iterator[Line]:
    """Python's version, the installed requirements, the wrapper's right to run."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        yield Line(FAILURE, "python", f"Python {version} is too old", "Run: ./install_dependencies.sh")
    else:
        yield Line(OK, "python", f"Python {version} at {sys.executable}")
    wanted, installed = PROJECT / "requirements.txt", PROJECT / ".venv" / ".requirements.txt"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        yield Line(
            WARNING,
            "packages",
            "requirements.txt is not what is installed",
            "Run: ./install_dependencies.sh --python-only",
        )
    else:
        yield Line(OK, "packages", "installed as requirements.txt says")
    wrapper = PROJECT / "run_python_etl_script.sh"
    if not os.access(wrapper, os.X_OK):
        yield Line(FAILURE, "wrapper", f"{wrapper} cannot be run", f"Run: chmod +x {shlex.quote(str(wrapper))}")
