"""Check the settings, and who may read the files that hold secrets."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from systemscripts import settings
from systemscripts.monitoring.doctor_lines import FAILURE, OK, Context, Line

ORDER = 10


def check(context: Context) -> Iterator[Line]:
    """Yield a line for each fault, then for each file that holds a secret."""
    for fault in context.faults:
        yield Line(FAILURE, "settings", fault, context.fault_hint)
    path = settings.settings_file()
    if not context.faults:
        yield Line(OK, "settings", str(path) if path.exists() else "no settings file: the embedded database, no mail")
    for secret in list_secret_files(path):
        yield _check_mode(secret)


def list_secret_files(path: Path) -> list[Path]:
    """Return the files that settings name as holding a secret: NAME_FILE, and private keys."""
    from dotenv import dotenv_values

    try:
        values = {**dotenv_values(path), **os.environ}
    except OSError:
        values = dict(os.environ)
    known = {name + "_FILE" for name in settings.list_names()}
    named = [
        Path(value).expanduser()
        for name, value in values.items()
        if value and (name in known or name.startswith(settings.USER_PREFIX)) and value.startswith(("/", "~"))
    ]
    return sorted({path for path in named if path.is_file() and path.suffix != ".pub"})


def _check_mode(path: Path) -> Line:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Line(
            FAILURE,
            "secret file",
            f"{path} can be read by others (mode {mode:o})",
            f"Run: chmod 600 {shlex.quote(str(path))}",
        )
    return Line(OK, "secret file", f"{path} is readable by its owner only")
