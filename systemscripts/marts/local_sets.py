"""Parquet sets on this machine: each version a folder, the link `current` to one of them, the last three kept.

A version is built under another name, renamed when it is whole, then the link is replaced in one step: who opens files
by way of `current` finds one version or the other, never a mix. Months that did not change are linked, not copied.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from systemscripts.directory_management import explain_write_error, sync_folder

KEPT_VERSIONS = 3
POINTER = "current"
VERSION = re.compile(r"v\d{8}T\d{6}-[0-9a-f]{8}")  # other folders are not ours to remove
BUILDING = ".building-"


def publish(base: Path, version: str, parts: dict[str, Path], kept: Iterable[date]) -> Path:
    """Make a new version of the set in `base` and point to it; returns its folder.

    `parts`: folder inside the set ("." for the set itself) -> an engine's result, whose files are moved there; the
    months in `kept` are taken over from the version before. Raises EtlError when the disk is full.
    """
    building, goal = base / f"{BUILDING}{version}", base / version
    try:
        base.mkdir(parents=True, exist_ok=True)
        remove_leftovers(base)
        before = base / POINTER
        for name, result in parts.items():
            (building / name).mkdir(parents=True, exist_ok=True)
            _take_over(before / name, building / name, kept)
            _move(result, building / name)
        _sync(building)
        building.replace(goal)
        _point(base, version)
        _remove_old(base)
    except OSError as error:
        raise explain_write_error(goal, error) from error
    return goal


def remove_leftovers(base: Path) -> None:
    """Remove what killed runs have left; versions that nothing pointed at are among the old ones sooner or later."""
    for path in base.glob(f"{BUILDING}*"):
        shutil.rmtree(path)
    for path in base.glob(f".{POINTER}-*"):
        path.unlink()


def _take_over(before: Path, building: Path, kept: Iterable[date]) -> None:
    names = {str(month) for month in kept}
    if not before.is_dir():
        return
    for folder in before.iterdir():
        if folder.is_dir() and folder.name.partition("=")[2] in names:
            for file in folder.rglob("*.parquet"):
                goal = building / file.relative_to(before)
                goal.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, goal)


def _move(result: Path, building: Path) -> None:
    for file in sorted(result.rglob("*.parquet")):
        goal = building / file.relative_to(result)
        goal.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as written:
            os.fsync(written.fileno())
        file.replace(goal)


def _sync(folder: Path) -> None:
    for path in [folder, *(found for found in folder.rglob("*") if found.is_dir())]:
        sync_folder(path)


def _point(base: Path, version: str) -> None:
    link = base / f".{POINTER}-{version}"
    link.symlink_to(version)
    link.replace(base / POINTER)
    sync_folder(base)


def _remove_old(base: Path) -> None:
    versions = [path for path in base.iterdir() if VERSION.fullmatch(path.name)]
    versions.sort(key=lambda path: path.stat().st_mtime_ns)  # names follow a clock that may be set back
    for path in versions[:-KEPT_VERSIONS]:
        shutil.rmtree(path)
