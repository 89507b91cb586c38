"""Finish a fetch: move a complete file from its temporary name into file_watcher/.

Its ticket is written first. A run that is killed in between leaves a ticket without a file, which the next run removes,
so the file is fetched again; in the other order a file without an origin would be left.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.db_utils import transaction
from systemscripts.directory_management import shorten_name, try_move_file
from systemscripts.sources import Request


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
                ticket = file_ledger.register_file(
                    cursor, request.config.config_name, path, request.directories, request.run_uuid, source_type, origin
                )
            if ticket.source_path == origin.path and try_move_file(part, path):
                return ticket
        number += 1
