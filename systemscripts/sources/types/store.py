"""Files in a folder of an SMB share, of a WebDAV or FTPS server, or of another store of fsspec.

sources:
  - type: store
    protocol: smb                      # smb, webdav, ftps
    host: files.example.com
    user: etl
    password: ${SOURCE_SHARE_PASSWORD}
    path: /deliveries/orders           # smb: /SHARE/FOLDER
    settle: delete                     # what to do with a file there once it is loaded: delete, move, keep
"""

from __future__ import annotations

import atexit
import functools
import os
from pathlib import Path
from typing import Any

from systemscripts import file_ledger, progress
from systemscripts.configuration.source_options.store import Options
from systemscripts.errors import EtlError, TooLargeError
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival import remote_folder, size_limits
from systemscripts.sources.types import local
from systemscripts.stores import StoreLogin, store_files
from systemscripts.stores.store_files import ChangedError, StoreEntry
from systemscripts.stores.store_session import RefusedError, StoreSession

TYPE = "store"
# settled files are not fetched again
LIVE = False
# how often the free space is looked at while a file arrives
CHECK_BYTES = 64 << 20
_sessions: dict[str, StoreSession] = {}


def parse_options(written: dict[str, Any], where: str = "source store") -> Options:
    """Return the options of a source with variables resolved; raises ConfigurationError with every fault."""
    return remote_folder.parse_options(Options, written, where, ("password", "options"))


def address(written: dict[str, Any]) -> str:
    """Return the beginning of every `source_path` of a source with these options."""
    return remote_folder.build_address(parse_options(written))


def fetch(request: Request) -> Fetched:
    """Fetch every new file that has stopped changing; others are left for the next run.

    A file that the server refuses is a failure in the result, and so is a lost connection; what came before is kept.
    Raises ConfigurationError, TryLaterError or EtlError if the list of files cannot be read.
    """
    fetched = Fetched()
    if request.only is not None:
        return fetched
    options = parse_options(request.options, f"import {request.config.config_name}, source store")
    session = _open_session(options)

    def list_complete() -> list[StoreEntry]:
        entries = store_files.list_entries(session, options.folder)
        return [
            store_files.complete_entry(session, options.join_path(entry.name), entry)
            if remote_folder.is_meant(request, options, entry.name)
            else entry
            for entry in entries
        ]

    still = remote_folder.list_still(request, TYPE, options, list_complete, fetched)
    folder = local.get_folder(request.config, request.directories)
    folder.mkdir(parents=True, exist_ok=True)
    with progress.track("download", sum(entry.size or 0 for entry in still), "bytes") as tracker:
        for entry in still:
            try:
                arrived = _fetch_file(request, options, session, entry, tracker)
                fetched.tickets += arrival.land_files(request, TYPE, [arrived], folder)
            except ChangedError as error:
                fetched.leave(Path(entry.name), str(error), "file_still_written")
            except (RefusedError, TooLargeError) as error:
                fetched.failures.append(error)
            except EtlError as error:
                # the connection or the local disk failed: the next file would fail as well
                if request.connection.closed:
                    raise
                fetched.failures.append(error)
                break
    return fetched


def _fetch_file(
    request: Request, options: Options, session: StoreSession, entry: StoreEntry, tracker: progress.Tracker
) -> tuple[file_ledger.Origin, Path]:
    """Download a file to its temporary path; return its origin and that path."""
    origin = remote_folder.build_origin(options, entry)
    part = arrival.get_part_path(request, origin)
    unchecked = 0

    def advance(count: int) -> None:
        nonlocal unchecked
        tracker.advance(count)
        unchecked += count
        if unchecked >= CHECK_BYTES:
            size_limits.check_free_space(f"{entry.name} at {options.name}", request.directories.temporary)
            unchecked = 0

    store_files.download_file(session, options.join_path(entry.name), entry, part, advance)
    if entry.modified is not None:
        # as old as on the server, so that the run does not wait for it to stop changing
        os.utime(part, (entry.modified, entry.modified))
    return origin, part


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Delete, move or keep the file in the store, if it did not change there.

    Raises EtlError if the server refuses; the next run tries again.
    """
    options = parse_options(request.options, f"import {request.config.config_name}, source store")
    if options.settle == "keep":
        return
    session = _open_session(options)
    functions = (store_files.find_entry, store_files.move_file, store_files.remove_file)
    find, move, remove = (functools.partial(function, session) for function in functions)
    remote_folder.settle_file(options, ticket, find, move, remove)


def probe(written: dict[str, Any]) -> str:
    """Log in once and list the folder, for doctor.py, and return the result in words; raises EtlError."""
    options = parse_options(written)
    session = StoreSession(_pick_login(options))
    try:
        number = len(store_files.list_entries(session, options.folder))
    finally:
        session.close()
    return f"{options.name}: login succeeded; {options.folder} has {number} entries"


def _pick_login(options: Options) -> StoreLogin:
    return StoreLogin.model_validate({name: getattr(options, name) for name in StoreLogin.model_fields})


def _open_session(options: Options) -> StoreSession:
    """Return the session with a store, kept for the whole run because files are settled one by one."""
    key = repr((options.address, options.options))
    if key not in _sessions:
        _sessions[key] = StoreSession(_pick_login(options))
        atexit.register(_sessions[key].close)
    return _sessions[key]
