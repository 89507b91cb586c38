"""Which file of /etc/cron.d is this installation's: each has its own, and none touches another's."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from contextlib import suppress
from pathlib import Path

from systemscripts import settings
from systemscripts.schedules.cron_file import Place, this_place

CRON_FOLDER = Path("/etc/cron.d")
# The name of the first installation of a host; another one has its own name behind it.
NAME = "etl_jobs"
MARK = "# Installation: "


def path(place: Place | None = None) -> Path:
    """Return where the cron file of this installation is, or would be; ETL_CRON_FILE names another place.

    The one that names this installation; else etl_jobs, where that is not another installation's.
    """
    if named := os.environ.get("ETL_CRON_FILE"):
        return Path(named)
    place = place or this_place()
    for found in sorted(CRON_FOLDER.glob(f"{NAME}*")):
        if owner(found) == place.mark:
            return found
    taken = [each for each in (CRON_FOLDER / NAME, CRON_FOLDER / f"{NAME}_{_word(place)}") if owner(each)]
    if not taken:
        return CRON_FOLDER / NAME
    short = hashlib.sha256(place.mark.encode()).hexdigest()[:6]
    return CRON_FOLDER / (f"{NAME}_{_word(place)}" if len(taken) == 1 else f"{NAME}_{_word(place)}_{short}")


def _word(place: Place) -> str:
    """A word for an installation: its settings file where that has a name, else its folder."""
    named = dict(place.variables).get("ETL_ENV_FILE")
    stem = Path(named).name.removesuffix(".env") if named else place.project.name
    # cron passes over a file with a dot in its name
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem or place.project.name)[:40]


def owner(found: Path) -> str:
    """Return the installation that a cron file starts, as `Place.mark`; empty for none, and where there is no file."""
    try:
        lines = found.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    marks = [line for line in lines if line.startswith(MARK)]
    if marks:
        return marks[0]
    # a file of a version before the mark: whose wrapper it starts, with which variables
    variables = [line for line in lines if line.startswith(("ETL_ENV_FILE=", "ETL_DATA_DIR="))]
    for line in lines:
        with suppress(ValueError):
            words = [] if line.startswith("#") else shlex.split(line.replace(r"\%", "%"))
            for word in words:
                if word.endswith("/run_python_etl_script.sh"):
                    return " ".join([f"{MARK}{Path(word).parent}", *variables])
    return ""


def project_of(mark: str) -> Path:
    """Return the project folder that a mark names."""
    text = mark.removeprefix(MARK)
    return Path(re.split(r" ETL_(?:ENV_FILE|DATA_DIR)=", text)[0])


def starts(name: str) -> bool:
    """Whether cron starts a pipeline of this installation."""
    wrapper = shlex.quote(str(settings.PROJECT / "run_python_etl_script.sh"))
    ending = f" {wrapper} run_pipeline.py {shlex.quote(name)}".replace("%", r"\%")
    mine = this_place().mark
    for found in CRON_FOLDER.glob("*"):
        with suppress(OSError, UnicodeDecodeError):
            lines = found.read_text(encoding="utf-8").splitlines()
            if any(line.endswith(ending) for line in lines) and owner(found) == mine:
                return True
    return False
