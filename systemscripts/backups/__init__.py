"""Backups of the database: made, verified, kept for a while, delivered elsewhere, restored and rehearsed."""

from __future__ import annotations

from systemscripts.backups.create_backup import make
from systemscripts.backups.inventory import Backup, folder, kept, on_shelf, remove_old
from systemscripts.backups.restore_backup import drop_set_aside, rehearse, restore
from systemscripts.backups.unknown_files import unknown_files

__all__ = [
    "Backup", "drop_set_aside", "folder", "kept", "make", "on_shelf", "rehearse", "remove_old", "restore",
    "unknown_files",
]  # fmt: skip
