"""Finish a fetch: move a complete file from its temporary name into file_watcher/.

Its ticket is written first. A run that is killed in between leaves a ticket without a file, which the next run removes,
so the file is fetched again; in the other order a file without an origin would be left.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.db_utils import transaction
from systemscripts.directory_management import shorten_name, try_move_file
from systemscripts.sources import Request

# a quarter of what most systems allow a process
MAX_OPEN_FILES = 256
# the advice writes out what is not on the disk; what is there leaves the memory, and of a large file the load needs it
MAX_ADVISED_BYTES = 1 << 20


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
    # the first of several files of one name, if that is free
    numbers: dict[Path, int] = {}
    for number, path in enumerate(paths):
        if path not in numbers and not path.exists():
            numbers[path] = number
    registered = _register_files(request, source_type, [(path, arrived[number][0]) for path, number in numbers.items()])
    tickets = dict(zip(numbers.values(), registered, strict=True))
    landed = []
    for number, ((origin, part), path) in enumerate(zip(arrived, paths, strict=True)):
        ticket = tickets.get(number)
        if ticket is None or ticket.source_path != origin.path or not try_move_file(part, path):
            ticket = land_file(request, source_type, origin, part, folder)
        landed.append(ticket)
    return landed


def _sync_files(paths: Sequence[Path]) -> None:
    """Wait until the content of files is on the disk.

    The disk begins to write many of them before the first is waited for, so that its journal is written once for all.
    """
    for first in range(0, len(paths), MAX_OPEN_FILES):
        with ExitStack() as stack:
            streams = [stack.enter_context(path.open("rb", 0)) for path in paths[first : first + MAX_OPEN_FILES]]
            for stream in streams:
                os.posix_fadvise(stream.fileno(), 0, MAX_ADVISED_BYTES, os.POSIX_FADV_DONTNEED)
            for stream in streams:
                os.fsync(stream.fileno())


def _register_files(
    request: Request, source_type: str, files: Sequence[tuple[Path, file_ledger.Origin]]
) -> list[file_ledger.Ticket]:
    if not files:
        return []
    with transaction(request.connection) as cursor:
        return file_ledger.register_files(
            cursor, request.config.config_name, files, request.directories, request.run_uuid, source_type
        )


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
            ticket = _register_files(request, source_type, [(path, origin)])[0]
            if ticket.source_path == origin.path and try_move_file(part, path):
                return ticket
        number += 1
