"""Files that lie in a folder of this host, file_watcher/ unless the import names another."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from systemscripts import files, settings
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import transaction
from systemscripts.directory_management import CHUNK, Directories, atomic_write, free_name, in_progress, sha256_of
from systemscripts.errors import UsageError
from systemscripts.sources import Fetched, Request


def fetch(request: Request) -> Fetched:
    """Give every still file that matches the import's pattern its ticket.

    Raises UsageError when the one file asked for does not exist.
    """
    found = [_brought_in(request.only, request)] if request.only else waiting(request.config, request.directories)
    still, moving = files.still_files(found, settings.current().file_still_seconds)
    fetched = Fetched(left=[f"{path.name} is still being written, left for the next run" for path in moving])
    with transaction(request.connection, durable=False) as cursor:
        for path in still:
            fetched.tickets.append(
                files.register(cursor, request.config.config_name, path, request.directories, request.run_uuid, "local")
            )
    return fetched


def settle(ticket: files.Ticket) -> None:
    """Nothing to tidy up: moving the file to the archive was all."""


def folder(config: ImportConfig, directories: Directories) -> Path:
    """Where the files of an import wait."""
    return directories.data / config.source_directory if config.source_directory else directories.file_watcher


def waiting(config: ImportConfig, directories: Directories) -> list[Path]:
    """The whole files that match an import's pattern, by name."""
    place = folder(config, directories)
    pattern = re.compile(config.file_pattern)
    if not place.is_dir():
        return []
    return sorted(p for p in place.iterdir() if pattern.fullmatch(p.name) and not in_progress(p.name) and p.is_file())


def _brought_in(path: Path, request: Request) -> Path:
    """One file asked for by name: where it waits, or a copy of it in the folder, the original staying where it is."""
    whole, place = path.absolute(), folder(request.config, request.directories)
    if not whole.is_file():
        raise UsageError(f"{path} " + ("is not a file" if whole.exists() else "does not exist"))
    if whole.parent == place:
        return whole
    content = sha256_of(whole)
    copy = free_name(place / whole.name, content, lambda taken: taken.exists() and sha256_of(taken) != content)
    with whole.open("rb") as original, atomic_write(copy) as stream:
        shutil.copyfileobj(original, stream, CHUNK)
    return copy
