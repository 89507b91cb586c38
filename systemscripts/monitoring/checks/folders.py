"""Check the folders: their owner, whether they can be written, how much space is free."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from systemscripts import disk_space
from systemscripts.commands import format_command
from systemscripts.human_units import format_size
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.settings import Settings

ORDER = 30
# archive/YYYY/MM; deeper folders only hold data of the database.
MAX_DEPTH = 2


def check(context: Context) -> Iterator[Line]:
    """Yield a line for each folder, then for each disk."""
    directories = context.directories
    for path in (directories.data, directories.file_watcher, directories.archive, directories.logs, directories.var):
        yield _check_folder(path)
    for path in (directories.file_watcher, directories.archive, directories.var):
        yield from _check_below(path)
    limit = (
        context.settings.disk_free_percent if context.settings else Settings.model_fields["disk_free_percent"].default
    )
    for path in disk_space.list_folders(directories):
        usage = shutil.disk_usage(path)
        free = 100 * usage.free / usage.total if usage.total else 100
        text = f"{format_size(usage.free)} free ({free:.0f} %) on the disk of {path}"
        if free < limit:
            yield Line(
                FAILURE,
                "disk",
                f"{text}, fewer than {limit:g} %",
                f"Free space: {format_command('purge', '--dry-run')} shows what would be deleted.",
            )
        else:
            yield Line(OK, "disk", text)


def _check_folder(path: Path) -> Line:
    own_name = _get_user_name(os.geteuid())
    if not path.exists():
        return Line(OK, "folder", f"{path} will be created")
    if not path.is_dir():
        return Line(
            FAILURE,
            "folder",
            f"{path} is a file, not a folder",
            f"Run: mv {shlex.quote(str(path))} {shlex.quote(f'{path}.old')}",
        )
    if path.is_symlink() and not os.access(path, os.W_OK | os.X_OK):
        return Line(
            FAILURE, "folder", f"{path} is a link, and cannot be written", f"See: ls -l {shlex.quote(str(path))}"
        )
    state = path.stat()
    owner, mode = _get_user_name(state.st_uid), stat.S_IMODE(state.st_mode)
    if not os.access(path, os.W_OK | os.X_OK):
        return Line(
            FAILURE,
            "folder",
            f"{path} cannot be written by {own_name} (owner {owner}, mode {mode:o})",
            f"Run: sudo chown -hR {own_name} {shlex.quote(str(path))}",
        )
    if mode & 0o002:
        return Line(
            FAILURE,
            "folder",
            f"{path} can be written by everyone (mode {mode:o})",
            f"Run: chmod o-w {shlex.quote(str(path))}",
        )
    if os.geteuid() == 0 and state.st_uid != 0:
        return Line(WARNING, "folder", f"{path} belongs to {owner}, and this runs as root", f"Run the jobs as {owner}.")
    return Line(OK, "folder", f"{path} (owner {owner}, mode {mode:o})")


def _check_below(path: Path) -> Iterator[Line]:
    """Yield the folders below one of ours that are not writable, because another user (mostly root) created them."""
    own_name = _get_user_name(os.geteuid())
    for parent, names, _ in os.walk(path):
        for name in sorted(names):
            folder = Path(parent) / name
            if folder.is_symlink() or os.access(folder, os.W_OK | os.X_OK):
                continue
            owner, mode = _get_user_name(folder.stat().st_uid), stat.S_IMODE(folder.stat().st_mode)
            message = f"{folder} cannot be written by {own_name} (owner {owner}, mode {mode:o})"
            yield Line(FAILURE, "folder", message, f"Run: sudo chown -hR {own_name} {shlex.quote(str(folder))}")
            names.remove(name)
        if len(Path(parent).relative_to(path).parts) >= MAX_DEPTH:
            names.clear()


def _get_user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
