"""Backups of the whole house: create, verify, keep, deliver, restore and rehearse."""

from __future__ import annotations

from systemscripts.backups.create_backup import NewBackup, make_backup
from systemscripts.backups.delivery import Delivery, deliver_backup, fetch_backup
from systemscripts.backups.inventory import Backup, choose_backup, get_folder, list_backups, remove_old
from systemscripts.backups.move_database import ask_addresses, move_database
from systemscripts.backups.proof import queue_proof
from systemscripts.backups.restore_backup import Restored, drop_set_aside
from systemscripts.backups.restore_call import note_call
from systemscripts.backups.restore_house import House, rehearse, restore_database, restore_house
from systemscripts.backups.unknown_files import find_unknown_files

__all__ = [
    "Backup", "Delivery", "House", "NewBackup", "Restored", "ask_addresses", "choose_backup", "deliver_backup",
    "drop_set_aside", "fetch_backup", "find_unknown_files", "get_folder", "list_backups", "make_backup",
    "move_database", "note_call", "queue_proof", "rehearse", "remove_old", "restore_database", "restore_house",
]  # fmt: skip
