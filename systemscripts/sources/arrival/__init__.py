"""Finish a fetch: move a complete file from its temporary name into file_watcher/.

Its ticket is written first. A run that is killed in between leaves a ticket without a file, which the next run removes,
so the file is fetched again; in the other order a file without an origin would be left.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import shorten_name, try_move_file
from systemscripts.sources import Request

# disks write the journal once for all that wait
MAX_SYNCS = 32


def parse_single_name(pattern: str) -> str:
    """Return the name of the one file that a pattern matches, "" if it may match several."""
    name = re.sub(r"\\(.)", r"\1", pattern)
    return name if re.escape(name) == pattern else ""


def get_part_path(request: Request, origin: file_ledger.Origin) -> Path:
    """Return the path for an arriving file, the same for the same origin, so that the next run can resume."""
    text = f"{request.config.config_name}|{origin.path}|{origin.size}|{origin.stamp}"
    folder = request.directories.temporary
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.part"


def remove_landed(folder: Path) -> None:
    """Remove the temporary names of files that were moved by a run that was killed before it could do so."""
    for part in folder.glob("[!.]*.part"):
        with suppress(FileNotFoundError):
            if part.stat().st_nlink > 1:
                part.unlink()


def land_files(
    request: Request, source_type: str, arrived: Sequence[tuple[file_ledger.Origin, Path]], folder: Path
) -> list[file_ledger.Ticket]:
    """Land complete files, each given by its origin and its temporary path, with one transaction for all tickets.

    With `request.unpacking` they are archives, and their members are landed.
    """
    if not arrived:
        return []
    if request.unpacking is not None:
        # imports this module
        from systemscripts.sources.arrival import archived_files

        return archived_files.land_members(request, source_type, arrived, folder)
    _sync_files([part for _, part in arrived])
    paths = [folder / shorten_name(origin.path.rpartition("/")[2]) for origin, _ in arrived]
    free = [not path.exists() and paths.index(path) == number for number, path in enumerate(paths)]
    with transaction(request.connection) as cursor:
        tickets = [
            _register_file(cursor, request, source_type, origin, path) if is_free else None
            for (origin, _), path, is_free in zip(arrived, paths, free, strict=True)
        ]
    for number, ((origin, part), path, ticket) in enumerate(zip(arrived, paths, tickets, strict=True)):
        if ticket is None or ticket.source_path != origin.path or not try_move_file(part, path):
            tickets[number] = land_file(request, source_type, origin, part, folder)
    return [ticket for ticket in tickets if ticket is not None]


def _sync_files(paths: Sequence[Path]) -> None:
    """Wait until the content of files is on the disk; many at once take hardly longer than one."""

    def sync(path: Path) -> None:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())

    with ThreadPoolExecutor(max(1, min(len(paths), MAX_SYNCS))) as executor:
        list(executor.map(sync, paths))


def _register_file(
    cursor: Cursor, request: Request, source_type: str, origin: file_ledger.Origin, path: Path
) -> file_ledger.Ticket:
    name = request.config.config_name
    return file_ledger.register_file(cursor, name, path, request.directories, request.run_uuid, source_type, origin)


def land_file(
    request: Request, source_type: str, origin: file_ledger.Origin, part: Path, folder: Path
) -> file_ledger.Ticket:
    """Write the ticket of the complete file `part` and move it to `folder`, without overwriting a file.

    Its name is the last part of `origin.path`, with a number if that name is taken.
    """
    name = shorten_name(origin.path.rpartition("/")[2])
    stem, dot, suffix = name.rpartition(".")
    number = 1
    while True:
        mark = "" if number == 1 else f"_{number}"
        path = folder / (f"{stem}{mark}.{suffix}" if dot else f"{name}{mark}")
        if not path.exists():
            with transaction(request.connection) as cursor:
                ticket = _register_file(cursor, request, source_type, origin, path)
            if ticket.source_path == origin.path and try_move_file(part, path):
                return ticket
        number += 1
