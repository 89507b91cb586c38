"""Check the programs: Python, the packages, the wrapper."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator

from systemscripts.commands import format_program
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.settings import PROJECT

ORDER = 20
MIN_VERSION = (3, 11)


def check(context: Context) -> Iterator[Line]:
    """Yield lines on the version of Python, the installed packages and the wrapper."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < MIN_VERSION:
        yield Line(
            FAILURE, "python", f"Python {version} is too old", f"Run: {format_program('install_dependencies.sh')}"
        )
    else:
        yield Line(OK, "python", f"Python {version} at {sys.executable}")
    if not _has_right_packages():
        yield Line(
            WARNING,
            "packages",
            "the installed packages are not those of requirements/",
            f"Run: {format_program('install_dependencies.sh', '--python-only')}",
        )
    else:
        yield Line(OK, "packages", "the installed packages are those of requirements/")
    wrapper = PROJECT / "run_python_etl_script.sh"
    if not os.access(wrapper, os.X_OK):
        yield Line(FAILURE, "wrapper", f"{wrapper} cannot be run", f"Run: chmod +x {shlex.quote(str(wrapper))}")


def _has_right_packages() -> bool:
    """Return whether the copies of the locks that were installed are those of the project."""
    copies = {
        path.name.removeprefix(".requirements-"): path for path in (PROJECT / ".venv").glob(".requirements-*.txt")
    }
    locks = PROJECT / "requirements"
    return "base.txt" in copies and all(
        (locks / name).exists() and (locks / name).read_bytes() == path.read_bytes() for name, path in copies.items()
    )
