"""The last step of every fetch: a file that arrived whole under another name comes to stand in file_watcher/.

Its ticket is written first. A run that is killed in between leaves a ticket without a file, which the next run takes
back, so the file is fetched again; the other order would leave a file of which nobody knows where it came from.
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
    """The name of the one file that a pattern means, "" where it means several; that this is missing is to be said."""
    name = re.sub(r"\\(.)", r"\1", pattern)
    return name if re.escape(name) == pattern else ""


def get_part_path(request: Request, origin: file_ledger.Origin) -> Path:
    """Where a file may arrive: always the same name for the same thing, so that the next run goes on with it."""
    what = f"{request.config.config_name}|{origin.path}|{origin.size}|{origin.stamp}"
    folder = request.directories.temporary
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(what.encode()).hexdigest()[:24]}.part"


def remove_landed(folder: Path) -> None:
    """Remove the first names of files that have landed, where a run was killed before it could do so itself."""
    for part in folder.glob("[!.]*.part"):
        with suppress(FileNotFoundError):
            if part.stat().st_nlink > 1:
                part.unlink()


def land_file(request: Request, kind: str, origin: file_ledger.Origin, part: Path, folder: Path) -> file_ledger.Ticket:
    """Give a file that lies whole at `part` its ticket and its place in `folder`; nothing there is overwritten.

    Its name is the last part of `origin.path`; where that is taken here, only the place gets another one.
    """
    name = shorten_name(origin.path.rpartition("/")[2])
    stem, dot, ending = name.rpartition(".")
    number = 1
    while True:
        mark = "" if number == 1 else f"_{number}"
        place = folder / (f"{stem}{mark}.{ending}" if dot else f"{name}{mark}")
        if not place.exists():
            with transaction(request.connection) as cursor:
                ticket = file_ledger.register_file(
                    cursor, request.config.config_name, place, request.directories, request.run_uuid, kind, origin
                )
            if ticket.source_path == origin.path and _move_part(part, place):
                return ticket
        number += 1


def _move_part(part: Path, place: Path) -> bool:
    """Move a file to a name that nobody has; false where somebody took it in this instant."""
    return try_move_file(part, place)
