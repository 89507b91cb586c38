"""Backups of the database: made, verified, kept for a while, delivered elsewhere, restored and rehearsed."""

from __future__ import annotations

from systemscripts.backups.afterwards import unknown_files
from systemscripts.backups.making import make
from systemscripts.backups.restoring import drop_set_aside, rehearse, restore
from systemscripts.backups.shelf import Backup, folder, kept, on_shelf, remove_old

__all__ = [
    "Backup", "drop_set_aside", "folder", "kept", "make", "on_shelf", "rehearse", "remove_old", "restore",
    "unknown_files",
]  # fmt: skip
