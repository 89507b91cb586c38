"""Find this installation's file in /etc/cron.d: each installation has its own and never touches another's."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from contextlib import suppress
from pathlib import Path

from systemscripts import settings
from systemscripts.schedules.cron_file import CronInstallation, get_this_installation

CRON_FOLDER = Path("/etc/cron.d")
# The file of the first installation on a host; others append a name of their own.
NAME = "etl_jobs"
MARK = "# Installation: "


def find_path(installation: CronInstallation | None = None) -> Path:
    """Return the path of this installation's cron file, whether or not it exists; ETL_CRON_FILE overrides it.

    That is the file that names this installation, else etl_jobs unless that belongs to another installation.
    """
    if named := os.environ.get("ETL_CRON_FILE"):
        return Path(named)
    installation = installation or get_this_installation()
    for path in sorted(CRON_FOLDER.glob(f"{NAME}*")):
        if read_owner(path) == installation.mark:
            return path
    long_name = f"{NAME}_{_build_word(installation)}"
    digest = hashlib.sha256(installation.mark.encode()).hexdigest()[:6]
    names = [NAME, long_name, f"{long_name}_{digest}"]
    return CRON_FOLDER / names[sum(bool(read_owner(CRON_FOLDER / name)) for name in names[:2])]


def _build_word(installation: CronInstallation) -> str:
    """Return a word for an installation: the name of its settings file, else of its folder."""
    named = dict(installation.variables).get("ETL_ENV_FILE")
    stem = Path(named).name.removesuffix(".env") if named else installation.project.name
    # cron ignores a file with a dot in its name
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem or installation.project.name)[:40]


def read_owner(path: Path) -> str:
    """Return the `CronInstallation.mark` of the installation that a cron file starts; "" if there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    marks = [line for line in lines if line.startswith(MARK)]
    if marks:
        return marks[0]
    # a file written before there was a mark: identified by the wrapper that it starts, and its variables
    variables = [line for line in lines if line.startswith(("ETL_ENV_FILE=", "ETL_DATA_DIR="))]
    for line in lines:
        with suppress(ValueError):
            words = [] if line.startswith("#") else shlex.split(line.replace(r"\%", "%"))
            for word in words:
                if word.endswith("/run_python_etl_script.sh"):
                    return " ".join([f"{MARK}{Path(word).parent}", *variables])
    return ""


def parse_project(mark: str) -> Path:
    """Return the project folder that a mark names."""
    text = mark.removeprefix(MARK)
    return Path(re.split(r" ETL_(?:ENV_FILE|DATA_DIR)=", text)[0])


def starts_pipeline(name: str) -> bool:
    """Return whether cron starts a pipeline of this installation."""
    wrapper = shlex.quote(str(settings.PROJECT / "run_python_etl_script.sh"))
    command = f" {wrapper} run_pipeline.py {shlex.quote(name)}".replace("%", r"\%")
    own_mark = get_this_installation().mark
    for path in CRON_FOLDER.glob("*"):
        with suppress(OSError, UnicodeDecodeError):
            lines = path.read_text(encoding="utf-8").splitlines()
            if any(line.endswith(command) for line in lines) and read_owner(path) == own_mark:
                return True
    return False
