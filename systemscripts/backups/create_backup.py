"""A backup: pg_dump in its custom format, believed only after all of it has been read again."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from systemscripts import db_utils, settings
from systemscripts.backups import inventory, pg_programs
from systemscripts.directory_management import Directories, sync_folder
from systemscripts.errors import EtlError

LOCK_WAIT_MILLISECONDS = 10 * 60 * 1000  # for a table that somebody has locked for himself


@dataclass(frozen=True)
class Made:
    """A backup that was made: where it is, its bytes, and how many tables have their rows in it."""

    path: Path
    size: int
    tables: int


def make(directories: Directories) -> Made:
    """Back the whole database up, as it is at this instant; loads that are running are not in it.

    Raises EtlError, TryLaterError or ConfigurationError; there is no half backup then.
    """
    with contextlib.closing(db_utils.connect(purpose="backup_database")) as connection:
        major, name = connection.server_version // 10000, connection.info.dbname
    folder = inventory.folder(directories)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}_{settings.format_file_stamp()}{inventory.ENDING}"
    part = path.with_name(f".{path.name}.part")
    for left in folder.glob(".*.part"):  # of a killed run; only one runs at a time
        left.unlink()
    try:
        pg_programs.run(
            pg_programs.find("pg_dump", major), "--format=custom", f"--file={part}",
            f"--lock-wait-timeout={LOCK_WAIT_MILLISECONDS}", url=db_utils.resolve_address("etl"),
        )  # fmt: skip
        tables = verify(part, major)
        part.chmod(0o660)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return Made(path, path.stat().st_size, tables)


def verify(path: Path, major: int) -> int:
    """How many tables have their rows in a backup; raises EtlError where it cannot be read from end to end."""
    program = pg_programs.find("pg_restore", major)
    tables = sum(" TABLE DATA " in line for line in pg_programs.run(program, "--list", str(path)).splitlines())
    pg_programs.run(
        program, "--file=/dev/null", str(path)
    )  # the list stands at the beginning: what is cut off has it too
    if tables == 0:
        raise EtlError(f"{path} contains no table", "Look at DATABASE_URL, then run it again.")
    return tables
