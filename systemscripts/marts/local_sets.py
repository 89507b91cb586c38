"""Parquet sets on this host: each version is a folder, `current` links to one of them, the last three are kept.

A version is built under another name, renamed when it is complete, then the link is replaced in one step: a reader of
`current` sees one version or the other, never a mix. Unchanged months are hard links, not copies.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from systemscripts.directory_management import explain_write_error, sync_folder

# enough for readers that still have an older version open
KEPT_VERSIONS = 3
POINTER = "current"
# other folders are not ours to remove
VERSION = re.compile(r"v\d{8}T\d{6}-[0-9a-f]{8}")
BUILDING = ".building-"


def publish(base: Path, version: str, parts: dict[str, Path], kept: Iterable[date]) -> Path:
    """Create a new version of the set in `base`, point to it and return its folder.

    `parts`: folder inside the set ("." for the set itself) -> result of an engine, whose files are moved there. The
    months in `kept` are linked from the previous version. Raises EtlError if the disk is full.
    """
    building, target_path = base / f"{BUILDING}{version}", base / version
    try:
        base.mkdir(parents=True, exist_ok=True)
        remove_leftovers(base)
        before = base / POINTER
        for name, result in parts.items():
            (building / name).mkdir(parents=True, exist_ok=True)
            _link_months(before / name, building / name, kept)
            _move_files(result, building / name)
        _sync_folders(building)
        building.replace(target_path)
        _replace_pointer(base, version)
        _remove_old(base)
    except OSError as error:
        raise explain_write_error(target_path, error) from error
    return target_path


def remove_leftovers(base: Path) -> None:
    """Remove the unfinished versions and links of killed runs; finished versions are removed when they are old."""
    for path in base.glob(f"{BUILDING}*"):
        shutil.rmtree(path)
    for path in base.glob(f".{POINTER}-*"):
        path.unlink()


def _link_months(before: Path, building: Path, kept: Iterable[date]) -> None:
    names = {str(month) for month in kept}
    if not before.is_dir():
        return
    for folder in before.iterdir():
        if folder.is_dir() and folder.name.partition("=")[2] in names:
            for file in folder.rglob("*.parquet"):
                target_path = building / file.relative_to(before)
                target_path.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, target_path)


def _move_files(result: Path, building: Path) -> None:
    for file in sorted(result.rglob("*.parquet")):
        target_path = building / file.relative_to(result)
        target_path.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        file.replace(target_path)


def _sync_folders(folder: Path) -> None:
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        sync_folder(path)


def _replace_pointer(base: Path, version: str) -> None:
    link = base / f".{POINTER}-{version}"
    link.symlink_to(version)
    link.replace(base / POINTER)
    sync_folder(base)


def _remove_old(base: Path) -> None:
    versions = [path for path in base.iterdir() if VERSION.fullmatch(path.name)]
    # not by name, which follows a clock that may be set back
    versions.sort(key=lambda path: path.stat().st_mtime_ns)
    for path in versions[:-KEPT_VERSIONS]:
        shutil.rmtree(path)
