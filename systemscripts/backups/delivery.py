"""Keep backups at a target: deliver what is missing there, verify it, remove old ones, and fetch them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts import targets
from systemscripts.backups import bundle, inventory, packs
from systemscripts.directory_management import compute_sha256
from systemscripts.errors import EtlError, UsageError
from systemscripts.tables import temporary_files
from systemscripts.targets import Target


@dataclass
class Delivery:
    """What was delivered, each file read back and compared; and which old files were removed there."""

    files: int = 0
    size: int = 0
    removed: list[str] = field(default_factory=list)
    # why old ones could not be removed
    fault: str = ""


def deliver_backup(target: Target, path: Path) -> Delivery:
    """Deliver a bundle and the packs that are not there yet, the bundle last, and remove what is no longer kept.

    Raises EtlError if something cannot be delivered, or is different there; what was there before stays.
    """
    delivery = Delivery()
    there = targets.list_sizes(target)
    with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX) as scratch:
        read_text = _build_reader(target, scratch)
        proven = _list_proven(there, read_text)
        for each in _list_parts(path):
            if each.suffix == packs.SUFFIX and each.name in proven and there[each.name] == each.stat().st_size:
                continue
            targets.deliver_as_is(target, [each])
            _verify(target, each, scratch)
            delivery.files, delivery.size = delivery.files + 1, delivery.size + each.stat().st_size
        try:
            delivery.removed = inventory.choose_needless(targets.list_sizes(target), read_text)
            targets.remove(target, delivery.removed)
        # a login that may not remove protects the backups; the target then has a rule of its own
        except EtlError as error:
            delivery.fault = str(error)
    return delivery


@contextmanager
def fetch_backup(target: Target, name: str = "") -> Iterator[Path]:
    """Fetch a backup, by default the newest one, with its packs, and yield its path; it is removed afterwards.

    Raises UsageError if there is none, EtlError if it cannot be fetched.
    """
    names = list(targets.list_sizes(target))
    backups = inventory.parse_names(names)
    chosen = name or (backups[0].path.name if backups else "")
    if chosen not in names:
        raise UsageError(f"there is no backup {name} at {target.name}".replace("  ", " "), _describe(names))
    with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX) as scratch:
        path = scratch / chosen
        parts = [path]
        if path.suffix == bundle.SUFFIX:
            checksums = path.with_suffix(bundle.CHECKSUMS_SUFFIX)
            targets.fetch(target, checksums.name, checksums)
            parts = _list_parts(path)
        for part in parts:
            if not part.exists():
                targets.fetch(target, part.name, part)
        yield path


def _describe(names: list[str]) -> str:
    backups = inventory.parse_names(names)
    return f"There are: {', '.join(backup.path.name for backup in backups)}." if backups else "Is it the right target?"


def _list_parts(path: Path) -> list[Path]:
    """Return the files that a bundle needs, itself the last; or the one dump."""
    checksums = path.with_suffix(bundle.CHECKSUMS_SUFFIX)
    if path.suffix != bundle.SUFFIX:
        return [path]
    names = bundle.parse_checksums(checksums.read_text(encoding="utf-8"))
    return [*(path.with_name(name) for name in sorted(names) if name != path.name), checksums, path]


def _list_proven(there: Mapping[str, int], read_text: Callable[[str], str]) -> set[str]:
    """Return the files at a target that were read back: hashes that name them are delivered only after that."""
    proven: set[str] = set()
    for name in there:
        if name.endswith(bundle.CHECKSUMS_SUFFIX):
            # what cannot be read proves nothing
            with suppress(EtlError, UnicodeDecodeError):
                proven |= bundle.parse_checksums(read_text(name)).keys()
    return proven & there.keys()


def _verify(target: Target, path: Path, scratch: Path) -> None:
    """Read a delivered file back; raises EtlError if it is not what was delivered, and removes it there."""
    copy = scratch / path.name
    targets.fetch(target, path.name, copy)
    is_same = compute_sha256(copy) == compute_sha256(path)
    copy.unlink()
    if not is_same:
        targets.remove(target, [path.name])
        raise EtlError(f"{path.name} is damaged at {target.name}; it was removed there", "Run it again.")


def _build_reader(target: Target, scratch: Path) -> Callable[[str], str]:
    def read_text(name: str) -> str:
        targets.fetch(target, name, scratch / name)
        text = (scratch / name).read_text(encoding="utf-8")
        (scratch / name).unlink()
        return text

    return read_text
