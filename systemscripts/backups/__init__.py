"""Backups of the database: create, verify, keep, restore and rehearse."""

from __future__ import annotations

from systemscripts.backups.create_backup import make_backup
from systemscripts.backups.inventory import Backup, choose_backup, get_folder, list_backups, remove_old
from systemscripts.backups.restore_backup import drop_set_aside, rehearse_restore, restore_database
from systemscripts.backups.unknown_files import find_unknown_files

__all__ = [
    "Backup", "choose_backup", "drop_set_aside", "find_unknown_files", "get_folder", "list_backups", "make_backup",
    "rehearse_restore", "remove_old", "restore_database",
]  # fmt: skip
