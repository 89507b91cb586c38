"""Find disks that are nearly full."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from systemscripts import settings
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.human_units import format_size
from systemscripts.monitoring.watchdog_view import View

KEYS = ("disk",)
# Percent beyond the limit until a problem has recovered, so that a disk at the limit is not reported each hour.
RECOVERY_MARGIN_PERCENT = 2.0


def find(view: View) -> Iterator[Finding]:
    """Report each disk that has less free space than DISK_FREE_PERCENT."""
    limit = settings.current().disk_free_percent
    for folder in list_folders(view.directories):
        usage = shutil.disk_usage(folder)
        free = 100 * usage.free / usage.total if usage.total else 100.0
        if free < limit or (f"disk {folder}" in view.known_problems and free < limit + RECOVERY_MARGIN_PERCENT):
            yield Finding(
                f"disk {folder}", f"the disk of {folder} is nearly full",
                f"{free:.1f} % are free ({format_size(usage.free)}), fewer than {limit:g} %",
                f"free space: {format_command('purge', '--dry-run')} shows what would be deleted; or use a larger disk",
            )  # fmt: skip


def list_folders(directories: Directories) -> list[Path]:
    """Return a folder on each disk that the installation uses."""
    folders_by_disk: dict[int, Path] = {}
    for path in (
        directories.data,
        directories.archive,
        directories.logs,
        directories.file_watcher,
        _find_database_folder(directories),
    ):
        if path is not None and path.exists():
            folders_by_disk.setdefault(path.stat().st_dev, path)
    return list(folders_by_disk.values())


def _find_database_folder(directories: Directories) -> Path | None:
    try:
        return Path(json.loads((directories.var / "embedded_database.json").read_text())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
