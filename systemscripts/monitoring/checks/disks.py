"""Disks that fill up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from systemscripts import settings
from systemscripts.alerts import Finding
from systemscripts.directory_management import Directories
from systemscripts.monitoring.watchdog_view import View

KEYS = ("disk",)
MORE = 2.0  # percent beyond the limit until it counts as over, so that a disk at the limit is not told each hour


def find(view: View) -> Iterator[Finding]:
    """Name each disk that has less free than DISK_FREE_PERCENT."""
    limit = settings.current().disk_free_percent
    for place in places(view.directories):
        usage = shutil.disk_usage(place)
        free = 100 * usage.free / usage.total if usage.total else 100.0
        if free < limit or (f"disk {place}" in view.bad and free < limit + MORE):
            yield Finding(
                f"disk {place}", f"the disk of {place} is nearly full",
                f"{free:.1f} % are free ({usage.free / 1e9:.1f} GB), fewer than {limit:g} %",
                "free space: purge.py --dry-run shows what may go; or give it a larger disk",
            )  # fmt: skip


def places(directories: Directories) -> list[Path]:
    """A folder on each disk that the installation uses."""
    found: dict[int, Path] = {}
    for path in (
        directories.data,
        directories.archive,
        directories.logs,
        directories.file_watcher,
        _database(directories),
    ):
        if path is not None and path.exists():
            found.setdefault(path.stat().st_dev, path)
    return list(found.values())


def _database(directories: Directories) -> Path | None:
    try:
        return Path(json.loads((directories.var / "embedded_database.json").read_text())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
