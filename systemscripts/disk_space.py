"""The disks that the installation uses: which folder stands for each, how much of it is free, whether it is full."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from systemscripts.directory_management import NO_SPACE, Directories

# A full disk may still have room for a few bytes of a file that exists.
PROBE_BYTES = 64 * 1024


def list_folders(directories: Directories) -> list[Path]:
    """Return a folder on each disk that the installation uses."""
    folders_by_disk: dict[int, Path] = {}
    for path in (
        directories.data,
        directories.archive,
        directories.logs,
        directories.file_watcher,
        find_database_folder(directories),
    ):
        if path is not None and path.exists():
            folders_by_disk.setdefault(path.stat().st_dev, path)
    return list(folders_by_disk.values())


def find_folder(path: Path, directories: Directories) -> Path:
    """Return the folder that stands for the disk of a path: one of `list_folders`, else where it is mounted."""
    existing = next(parent for parent in (path, *path.parents) if os.path.exists(parent))  # noqa: PTH110 - never raises
    disk = existing.stat().st_dev
    for folder in list_folders(directories):
        if folder.stat().st_dev == disk:
            return folder
    while existing.parent != existing and existing.parent.stat().st_dev == disk:
        existing = existing.parent
    return existing


def measure_free_percent(folder: Path) -> float:
    """Return how much of a disk is free, in percent."""
    usage = shutil.disk_usage(folder)
    return 100 * usage.free / usage.total if usage.total else 100.0


def is_full(folder: Path) -> bool:
    """Return whether nothing more can be written there: the disk or a quota is used up."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:
            return stream.write(bytes(PROBE_BYTES)) != PROBE_BYTES
    except OSError as error:
        return error.errno in NO_SPACE


def find_database_folder(directories: Directories) -> Path | None:
    """Return the folder of the embedded database; None if it was never started."""
    try:
        return Path(json.loads((directories.var / "embedded_database.json").read_text())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
