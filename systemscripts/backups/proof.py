"""The mail that proves that a backup was rehearsed: what was compared, and what a restore elsewhere needs."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path

from systemscripts import alerts, settings
from systemscripts.backups import encryption
from systemscripts.backups.restore_call import format_whole_restore
from systemscripts.backups.restore_house import House
from systemscripts.directory_management import Directories


def queue_proof(path: Path, house: House, directories: Directories) -> None:
    """Mail ALERT_RECIPIENTS that a backup can be restored; nothing where no one is named. Never raises."""
    recipients = list(settings.current().alert_recipients)
    if not recipients or not settings.current().smtp_host:
        return
    restored = house.database
    passphrase = encryption.get_passphrase_path()
    keep = (
        f"Keep a copy of the passphrase elsewhere, without it no other host can restore: "
        f"sudo cat {shlex.quote(str(passphrase))}\n"
        if passphrase.exists() and settings.current().backup_passphrase is None
        else ""
    )
    text = (
        f"{path.name} was restored into a scratch database on {socket.gethostname()} and compared with what it was made"
        f" from: {restored.tables} tables with {restored.rows:,} rows by count and hash, {restored.datasets} datasets"
        f" by the counts of their loads, {house.files:,} files by hash. The scratch database was dropped.\n\n{keep}"
        f"To restore: {format_whole_restore(path)}\n"
    )
    subject = f"the backup {path.name} can be restored"
    alerts.queue_message(
        f"rehearsal {path.name} {settings.format_file_stamp()}", recipients, subject, text, directories
    )
