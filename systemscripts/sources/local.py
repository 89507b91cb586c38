"""Files in a folder of this host: where they wait (file_watcher/ unless the import names another), or elsewhere.

sources:
  - type: local                        # the default, and always looked at
  - type: local
    path: /srv/client_sftp/acme/inbox  # a folder that others write to: files are copied in, then removed there
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from systemscripts import files, settings
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import transaction
from systemscripts.directory_management import CHUNK, Directories, atomic_write, free_name, in_progress, sha256_of
from systemscripts.errors import ConfigurationError, TryLaterError, UsageError
from systemscripts.sources import Fetched, Request

LIVE = False


def fetch(request: Request) -> Fetched:
    """Give every still file that matches the import's pattern its ticket.

    Raises UsageError when the one file asked for does not exist.
    """
    if elsewhere := _elsewhere(request):
        from systemscripts.sources.landing import folder as others

        return others.fetch(request, elsewhere, folder(request.config, request.directories))
    name, fetched = request.config.config_name, Fetched()
    with transaction(request.connection) as cursor:
        placed = files.not_put_away(cursor, name)
    found = [_brought_in(request.only, request)] if request.only else _files(request, fetched)
    found = [path for path in found if files.stored_path(path, request.directories) not in placed]
    still, moving = files.still_files(found, settings.current().file_still_seconds)
    fetched.left |= {path: f"{path.name} is still being written, left for the next run" for path in moving}
    with transaction(request.connection, durable=False) as cursor:
        for path in still:
            ticket = files.register(cursor, name, path, request.directories, request.run_uuid, "local")
            fetched.tickets.append(ticket)
    return fetched


def _files(request: Request, fetched: Fetched) -> list[Path]:
    """What waits for the import; what only looks like it is noted as left."""
    found = [path for path in matching(request.config, request.directories) if path.name not in request.leave]
    for path in found:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "a link that leads nowhere" if path.is_symlink() else "a device"
            fetched.left[path] = f"{path.name} is {what}, not a file; it is left where it is"
    return [path for path in found if path not in fetched.left]


def settle(request: Request, ticket: files.Ticket) -> None:
    """Remove what was copied from elsewhere; else moving the file to the archive was all."""
    if ticket.source_stamp is not None:
        from systemscripts.sources.landing import folder as others

        others.settle(ticket)


def address(written: dict[str, Any]) -> str:
    """The beginning of every `source_path` of a source with these options."""
    return f"{written['path'].rstrip('/')}/" if "path" in written else ""


def _elsewhere(request: Request) -> Path | None:
    """The folder of a source that names one; raises ConfigurationError for keys that mean nothing."""
    unknown = set(request.options) - {"path"}
    path = request.options.get("path")
    if unknown or not isinstance(path, str | None) or (path and not path.startswith("/")):
        what = f"{', '.join(sorted(unknown))} is no key" if unknown else "path must be an absolute path"
        raise ConfigurationError(f"import {request.config.config_name}, source local: {what}")
    return Path(path) if path and request.only is None else None


def folder(config: ImportConfig, directories: Directories) -> Path:
    """Where the files of an import wait."""
    return directories.data / config.source_directory if config.source_directory else directories.file_watcher


def matching(config: ImportConfig, directories: Directories) -> list[Path]:
    """Everything whose whole name matches an import's pattern, by name; unfinished files and our own folders apart."""
    place = folder(config, directories)
    pattern = re.compile(config.file_pattern)
    ours = (directories.temporary, directories.refused)
    if not place.is_dir():
        return []
    return sorted(p for p in place.iterdir() if pattern.fullmatch(p.name) and not in_progress(p.name) and p not in ours)


def waiting(config: ImportConfig, directories: Directories) -> list[Path]:
    """The whole files that match an import's pattern, by name."""
    return [path for path in matching(config, directories) if path.is_file()]


def _brought_in(path: Path, request: Request) -> Path:
    """One file asked for by name: where it waits, or a copy of it in the folder, the original staying where it is."""
    whole, place = path.absolute(), folder(request.config, request.directories)
    if not whole.is_file():
        raise UsageError(f"{path} " + ("is not a file" if whole.exists() else "does not exist"))
    if whole.parent.resolve() == place.resolve():
        return place / whole.name
    if files.still_files([whole], settings.current().file_still_seconds)[1]:
        raise TryLaterError(f"{path} is still being written", "Run the same command again when it is whole.")
    place.mkdir(parents=True, exist_ok=True)
    content, state = sha256_of(whole), whole.stat()
    copy = free_name(place / whole.name, content, lambda taken: taken.exists() and sha256_of(taken) != content)
    with whole.open("rb") as original, atomic_write(copy) as stream:
        shutil.copyfileobj(original, stream, CHUNK)
    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))  # as old as the original: there is nothing to wait for
    return copy
