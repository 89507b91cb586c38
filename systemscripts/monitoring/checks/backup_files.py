"""Find backups that are gone, damaged, or far smaller than the one before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from systemscripts.alerts import Finding
from systemscripts.backups import checksums, inventory
from systemscripts.backups.checksums import Fault
from systemscripts.commands import format_command
from systemscripts.human_units import format_size
from systemscripts.monitoring.doctor_lines import FAILURE, OK, Context, Line
from systemscripts.monitoring.watchdog_view import View

KEYS = ("backup_file",)
ORDER = 45


def find(view: View) -> Iterator[Finding]:
    """Report each file of a backup with a fault; a damaged one is not read again until it changes."""
    known = list(_list_known_damaged(view))
    same = [fault for fault in known if view.is_noted(*_make_note(fault.path))]
    skipped, forced = ([fault.path for fault in faults] for faults in (same, [f for f in known if f not in same]))
    damaged = list(checksums.find_damaged(view.directories, skipped, forced))
    for fault in damaged:
        view.find_since(*_make_note(fault.path))
    for fault in [*same, *damaged, *checksums.find_missing(view.directories)]:
        yield Finding(
            f"{KEYS[0]} {fault.path.name}", f"the backup {fault.path.name} is {fault.kind}",
            f"{fault.path}: {fault.text}", _advise(fault), fault.kind,
        )  # fmt: skip


def _list_known_damaged(view: View) -> Iterator[Fault]:
    for key, fault_name in view.known_problems.items():
        first, _, name = key.partition(" ")
        path = inventory.get_folder(view.directories) / name
        if (first, fault_name) == (KEYS[0], checksums.DAMAGED) and path.exists():
            yield Fault(path, fault_name, "it is still as it was")


def _make_note(path: Path) -> tuple[str, str]:
    """Return what `View.find_since` notes of a damaged backup: that it was this one, not another in its place."""
    state = path.stat()
    return f"damaged {path.name}", f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def check(context: Context) -> Iterator[Line]:
    """Yield a line for each fault that can be seen without reading whole backups, and one for the newest backup."""
    faults = list(checksums.find_missing(context.directories))
    for fault in faults:
        yield Line(FAILURE, "backup", f"{fault.path} is {fault.kind}: {fault.text}", f"{_advise(fault).capitalize()}.")
    backups = inventory.list_backups(context.directories)
    if backups and not faults:
        size = format_size(backups[0].path.stat().st_size)
        text = f"the newest of {len(backups)} was made at {backups[0].created:%Y-%m-%d %H:%M}, {size}"
        yield Line(OK, "backup", text)


def _advise(fault: Fault) -> str:
    again = f"make another one: {format_command('backup_database')}"
    if fault.kind == "deleted":
        return f"copy it back from where backups are delivered, or {again}; old hashes go with the next backup"
    if fault.kind == "too small":
        rehearse = format_command("restore_database", "--rehearse")
        return f"see what it contains: {rehearse}; or {again}"
    return f"do not restore it; copy it back from where backups are delivered, or remove it and {again}; check the disk"
