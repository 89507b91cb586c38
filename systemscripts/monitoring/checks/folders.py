"""The folders: whose they are, whether they can be written, how much room there is."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from systemscripts.monitoring.checks import disks
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.settings import Settings

ORDER = 30
DEEP = 2  # archive/YYYY/MM and what lies in it; deeper only data of the database


def check(context: Context) -> Iterator[Line]:
    """Each folder, then each disk."""
    places = context.directories
    for path in (places.data, places.file_watcher, places.archive, places.logs, places.var):
        yield _folder(path)
    for path in (places.file_watcher, places.archive, places.var):
        yield from _within(path)
    limit = (
        context.settings.disk_free_percent if context.settings else Settings.model_fields["disk_free_percent"].default
    )
    for path in disks.places(places):
        usage = shutil.disk_usage(path)
        free = 100 * usage.free / usage.total if usage.total else 100
        text = f"{usage.free / 1e9:,.1f} GB free ({free:.0f} %) on the disk of {path}"
        if free < limit:
            yield Line(
                FAILURE, "disk", f"{text}, fewer than {limit:g} %", "Free space: purge.py --dry-run shows what may go."
            )
        else:
            yield Line(OK, "disk", text)


def _folder(path: Path) -> Line:
    me = _user(os.geteuid())
    if not path.exists():
        return Line(OK, "folder", f"{path} will be made")
    if not path.is_dir():
        return Line(
            FAILURE,
            "folder",
            f"{path} is a file, not a folder",
            f"Run: mv {shlex.quote(str(path))} {shlex.quote(f'{path}.old')}",
        )
    state = path.stat()
    owner, mode = _user(state.st_uid), stat.S_IMODE(state.st_mode)
    if not os.access(path, os.W_OK | os.X_OK):
        return Line(
            FAILURE,
            "folder",
            f"{path} cannot be written by {me} (owner {owner}, mode {mode:o})",
            f"Run: sudo chown -R {me} {shlex.quote(str(path))}",
        )
    if mode & 0o002:
        return Line(
            FAILURE,
            "folder",
            f"{path} can be written by everybody (mode {mode:o})",
            f"Run: chmod o-w {shlex.quote(str(path))}",
        )
    if os.geteuid() == 0 and state.st_uid != 0:
        return Line(WARNING, "folder", f"{path} belongs to {owner}, and this runs as root", f"Run the jobs as {owner}.")
    return Line(OK, "folder", f"{path} (owner {owner}, mode {mode:o})")


def _within(path: Path) -> Iterator[Line]:
    """The folders in one of ours that a run as somebody else (mostly root) has made, where nothing can be laid now."""
    me = _user(os.geteuid())
    for place, names, _ in os.walk(path):
        for name in sorted(names):
            folder = Path(place) / name
            if folder.is_symlink() or os.access(folder, os.W_OK | os.X_OK):
                continue
            owner, mode = _user(folder.stat().st_uid), stat.S_IMODE(folder.stat().st_mode)
            says = f"{folder} cannot be written by {me} (owner {owner}, mode {mode:o})"
            yield Line(FAILURE, "folder", says, f"Run: sudo chown -R {me} {shlex.quote(str(folder))}")
            names.remove(name)
        if len(Path(place).relative_to(path).parts) >= DEEP:
            names.clear()


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
