"""Find backups that were deleted, changed or lost data, by the hashes next to each (NAME.sha256).

The time of change of these hashes is when all files that they name first were last read and found whole.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from systemscripts.backups import bundle, inventory
from systemscripts.directory_management import Directories, compute_sha256
from systemscripts.errors import EtlError

# The newest backup is read each day, the others each week; one in each run of the watchdog, the longest unread first.
NEWEST_SECONDS, OTHER_SECONDS = 22 * 3600, 7 * 86400
# A backup with less than half of the one before it has lost tables or rows, unless retention deleted as much.
MIN_PERCENT_OF_BEFORE = 50
DAMAGED = "damaged"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file of a backup: in a word and in words."""

    path: Path
    kind: str
    text: str


def find_missing(directories: Directories) -> Iterator[Fault]:
    """Yield the files that are gone, and the newest backup if it is too small; no file is read."""
    folder = inventory.get_folder(directories)
    for sums, digests in _read_groups(folder).items():
        for name in digests:
            # a backup that was killed at its end left its part
            if not (folder / name).exists() and not (folder / f".{name}.part").exists():
                yield Fault(folder / name, "deleted", f"it is no longer there, and {sums.name} names it")
    bundles = [backup.path for backup in inventory.list_backups(directories) if backup.path.suffix == bundle.SUFFIX]
    if len(bundles) > 1:
        size, before = (path.stat().st_size for path in bundles[:2])
        if size * 100 < before * MIN_PERCENT_OF_BEFORE:
            text = f"it has {size:,} bytes, the one before it, {bundles[1].name}, {before:,}"
            yield Fault(bundles[0], "too small", text)


def find_damaged(
    directories: Directories, skipped: Collection[Path] = (), forced: Collection[Path] = ()
) -> Iterator[Fault]:
    """Read the files that changed, those of one backup that was not read for long, and those `forced`; yield faults."""
    folder = inventory.get_folder(directories)
    groups = _read_groups(folder)
    chosen = _choose_group(list(groups))
    for sums, digests in groups.items():
        paths = [path for name in digests if (path := folder / name).exists() and path not in skipped]
        if sums != chosen and not any(path in forced or _has_changed(path, sums) for path in paths):
            continue
        faults = [fault for path in paths for fault in _read_file(path, digests[path.name])]
        if not faults:
            os.utime(sums)
        yield from faults


def _read_groups(folder: Path) -> dict[Path, dict[str, str]]:
    """Return the hashes by their file, oldest first: each file of a backup where it is named first."""
    groups: dict[Path, dict[str, str]] = {}
    known: set[str] = set()
    for path in sorted(folder.glob(f"*{bundle.CHECKSUMS_SUFFIX}"), key=lambda path: path.stem.rpartition("_")[2]):
        digests = bundle.parse_checksums(path.read_text())
        groups[path] = {name: digest for name, digest in digests.items() if name not in known}
        known |= digests.keys()
    return groups


def _choose_group(sums: list[Path]) -> Path | None:
    """Return the one whose files are to be read now, None if all were read lately; `sums`: oldest first."""
    now = time.time()
    overdue = {
        path: now - path.stat().st_mtime - (OTHER_SECONDS if path != sums[-1] else NEWEST_SECONDS) for path in sums
    }
    longest = max(overdue, key=overdue.__getitem__, default=None)
    return longest if longest is not None and overdue[longest] > 0 else None


def _has_changed(path: Path, sums: Path) -> bool:
    """Return whether a file was written after it was last found whole."""
    return path.stat().st_mtime > sums.stat().st_mtime


def _read_file(path: Path, expected: str) -> Iterator[Fault]:
    try:
        if compute_sha256(path) != expected:
            yield Fault(path, DAMAGED, "its content is not what was written (SHA-256)")
    except EtlError as error:
        yield Fault(path, DAMAGED, f"it cannot be read: {error}")
