r"""Zips and tars of several files in a folder: each file that matches the pattern of the import has its own ticket.

sources:
  - type: archive
    path: /srv/client_sftp/acme/inbox
    pattern: delivery_\d{8}\.zip       # the archives; file_pattern is for the files in them
    keep: true                         # archives stay; without it each is removed once all of its files are loaded
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from systemscripts import file_ledger, settings
from systemscripts.configuration.source_options.archive import Options
from systemscripts.db_utils import transaction
from systemscripts.errors import ConfigurationError, EtlError, describe_faults
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival import archived_files, local_folder, size_limits
from systemscripts.sources.types import local
from systemscripts.tables.workbooks import unpack_members

# a member is known for good: an archive that comes again has another time
LIVE = False


def fetch(request: Request) -> Fetched:
    """Unpack the new files of the archives into the waiting folder, with their tickets.

    An archive that cannot be read is a failure in the result. Raises ConfigurationError if the folder cannot be read.
    """
    options, fetched = _parse_options(request), Fetched()
    folder = _build_path(options.path)
    asked = replace(request, options={"pattern": options.pattern, "keep": True})
    with local_folder.copy_files(asked, folder, fetched) as copies:
        for copy in copies:
            try:
                _fetch_members(request, folder, copy, fetched)
            except EtlError as error:
                if request.connection.closed:
                    raise
                fetched.failures.append(error)
    return fetched


def _fetch_members(request: Request, folder: Path, copy: Path, fetched: Fetched) -> None:
    reading = archived_files.build_reading(request)
    members = unpack_members.list_members(copy, reading)
    chosen = archived_files.choose_members(copy.name, members, request.config.file_pattern)
    limits = size_limits.SizeLimits(request, fetched)
    origins: dict[str, file_ledger.Origin] = {}
    for member, size in chosen.items():
        origin = file_ledger.Origin(f"{folder / copy.name}/{member.replace(chr(92), '/')}", size, _build_stamp(copy))
        with transaction(request.connection) as cursor:
            is_known = file_ledger.is_known(cursor, request.config.config_name, "archive", origin)
        if not is_known and limits.try_admit(origin.path, size):
            origins[member] = origin
    if not chosen:
        names = ", ".join(members) or "nothing"
        fetched.warn("file_not_taken", f"{copy.name} has no file that matches {request.config.file_pattern}: {names}")
    parts = {member: arrival.get_part_path(request, origin) for member, origin in origins.items()}
    if parts:
        unpack_members.unpack_members(copy, parts, reading)
        arrived = [(origins[member], part) for member, part in parts.items()]
        target = local.get_folder(request.config, request.directories)
        target.mkdir(parents=True, exist_ok=True)
        fetched.tickets += arrival.land_files(request, "archive", arrived, target)


@contextmanager
def preview_files(request: Request) -> Iterator[list[Path]]:
    """Yield copies of the files in the archives that a run would load, for a dry run; they are removed afterwards."""
    options = _parse_options(request)
    asked = replace(request, options={"pattern": options.pattern, "keep": True})
    with (
        local_folder.copy_files(asked, _build_path(options.path)) as copies,
        archived_files.preview_members(request, copies, request.config.file_pattern) as members,
    ):
        yield members


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Remove the archive of a loaded file if it was the last one of it, unless `keep` is set."""
    options = _parse_options(request)
    folder = _build_path(options.path)
    source_path = ticket.source_path or ""
    if options.keep or not source_path.startswith(f"{folder}/"):
        return
    archive = folder / source_path.removeprefix(f"{folder}/").partition("/")[0]
    asked = replace(request, options={"pattern": re.escape(archive.name), "keep": True})
    with local_folder.copy_files(asked, folder, Fetched()) as copies:
        for copy in copies:
            if _build_stamp(copy) == ticket.source_stamp and _are_settled(request, archive, copy, ticket):
                modified, _, size = _build_stamp(copy).partition("-")
                whole = replace(ticket, source_path=str(archive), source_size=int(size), source_stamp=modified)
                local_folder.settle(whole, request.directories.data)


def _are_settled(request: Request, archive: Path, copy: Path, ticket: file_ledger.Ticket) -> bool:
    """Return whether every file of an archive is loaded and archived here, by any import."""
    members = unpack_members.list_members(copy, archived_files.build_reading(request))
    paths = {f"{archive}/{member.replace(chr(92), '/')}" for member in members}
    with transaction(request.connection) as cursor:
        cursor.execute(
            """select source_path from dba.tfile
               where source = 'archive' and source_path = any(%s) and source_stamp = %s
               group by source_path having bool_and(settled_at is not null or file_id = %s)""",
            (sorted(paths), ticket.source_stamp, ticket.file_id),
        )
        return {row[0] for row in cursor.fetchall()} == paths


def address(written: dict[str, Any]) -> str:
    """Return the beginning of every `source_path` of a source with these options."""
    return f"{_build_path(written['path'])}/"


def _parse_options(request: Request) -> Options:
    try:
        return Options.model_validate(request.options)
    except ValidationError as error:
        faults = describe_faults(error)
        raise ConfigurationError(f"import {request.config.config_name}, source archive: {faults}") from error


def _build_stamp(copy: Path) -> str:
    """Return time and size of an archive, of which the copy has both."""
    state = copy.stat()
    return f"{state.st_mtime_ns}-{state.st_size}"


def _build_path(path: str) -> Path:
    return Path(os.path.normpath(settings.current().etl_data_dir / path))
