"""Create a backup with pg_dump in its custom format, and verify it by reading all of it again."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from systemscripts import db_utils, settings
from systemscripts.backups import inventory, pg_programs
from systemscripts.directory_management import Directories, sync_folder
from systemscripts.errors import EtlError

# For a table that another session has locked exclusively.
LOCK_WAIT_MILLISECONDS = 10 * 60 * 1000


@dataclass(frozen=True)
class NewBackup:
    """A backup that was created: its path, its size in bytes, and how many tables have their rows in it."""

    path: Path
    size: int
    tables: int


def make_backup(directories: Directories) -> NewBackup:
    """Back up the whole database as it is at this instant; running loads are not included.

    Raises EtlError, TryLaterError or ConfigurationError; no partial backup is left then.
    """
    with contextlib.closing(db_utils.connect(purpose="backup_database")) as connection:
        major, name = connection.server_version // 10000, connection.info.dbname
    folder = inventory.get_folder(directories)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}_{settings.format_file_stamp()}{inventory.SUFFIX}"
    part = path.with_name(f".{path.name}.part")
    # left by a killed run; only one runs at a time
    for leftover in folder.glob(".*.part"):
        leftover.unlink()
    try:
        pg_programs.run_program(
            pg_programs.find_program("pg_dump", major), "--format=custom", f"--file={part}",
            f"--lock-wait-timeout={LOCK_WAIT_MILLISECONDS}", url=db_utils.resolve_address("etl"),
        )  # fmt: skip
        tables = verify_backup(part, major)
        part.chmod(0o660)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return NewBackup(path, path.stat().st_size, tables)


def verify_backup(path: Path, major: int) -> int:
    """Return how many tables have their rows in a backup; raises EtlError if it cannot be read from end to end."""
    program = pg_programs.find_program("pg_restore", major)
    tables = sum(" TABLE DATA " in line for line in pg_programs.run_program(program, "--list", str(path)).splitlines())
    # the list is at the beginning, so a truncated backup has it too
    pg_programs.run_program(program, "--file=/dev/null", str(path))
    if tables == 0:
        raise EtlError(f"{path} contains no table", "Check DATABASE_URL, then run it again.")
    return tables
