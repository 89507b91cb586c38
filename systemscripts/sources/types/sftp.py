"""Files in a folder of an SFTP server.

sources:
  - type: sftp
    host: ${SOURCE_CLIENT_HOST}        # or host:port
    user: ${SOURCE_CLIENT_USER}
    key_file: ${SOURCE_CLIENT_KEY_PATH}
    path: /outgoing
    settle: delete                     # what to do with a file there once it is loaded: delete, move, keep
"""

from __future__ import annotations

import atexit
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts import file_ledger, progress
from systemscripts.address_rules import AddressRules
from systemscripts.configuration import uploads
from systemscripts.configuration.source_options.sftp import Options
from systemscripts.errors import ConfigurationError, EtlError, TooLargeError, TryLaterError
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival import remote_folder
from systemscripts.sources.types import local
from systemscripts.ssh import Login

if TYPE_CHECKING:
    from systemscripts.ssh.remote import Entry
    from systemscripts.ssh.session import Session

TYPE = "sftp"
# refused files named in a message
MAX_NAMED = 5
# files whose tickets are written in one transaction, and small files together: servers limit how many may be open
FETCHED_AT_ONCE = 32
# settled files are not fetched again
LIVE = False


def parse_options(written: dict[str, Any], where: str = "source sftp") -> Options:
    """Return the options of a source with variables resolved; raises ConfigurationError with every fault."""
    return remote_folder.parse_options(Options, written, where, ("password", "key_passphrase"))


def address(written: dict[str, Any]) -> str:
    """Return the beginning of every `source_path` of a source with these options."""
    return remote_folder.build_address(parse_options(written))


def fetch(request: Request) -> Fetched:
    """Fetch every new file that has stopped changing; others are left for the next run.

    A file that the server refuses or that arrives damaged is a failure in the result, and so is a lost connection; the
    other files are fetched. Raises ConfigurationError, TryLaterError or EtlError if the list of files cannot be read.
    """
    options = parse_options(request.options, f"import {request.config.config_name}, source sftp")
    fetched = Fetched()
    still = _list_still(request, options, fetched)
    folder = local.get_folder(request.config, request.directories)
    folder.mkdir(parents=True, exist_ok=True)
    refused: list[EtlError] = []
    # the first file alone: it shows whether the server offers checksums, which are compared one by one
    batches = [still[:1], *(still[first : first + FETCHED_AT_ONCE] for first in range(1, len(still), FETCHED_AT_ONCE))]
    ahead = ThreadPoolExecutor(1)
    try:
        with progress.track("download", sum(entry.size or 0 for entry in still), "bytes") as tracker:
            together: dict[Entry, Arrived] = {}
            for batch, following in zip(batches, [*batches[1:], []], strict=True):
                arrived, goes_on = _download_batch(request, options, batch, together, tracker, fetched, refused)
                # the small files of the next batch arrive while these are written to the disk and the ledger
                future = None
                if following and goes_on:
                    session = _open_session(request, options)
                    future = ahead.submit(_download_small_files, session, request, options, following)
                fetched.tickets.extend(arrival.land_files(request, TYPE, arrived, folder))
                if future is None:
                    break
                together = future.result()
    finally:
        ahead.shutdown(wait=False, cancel_futures=True)
    if refused:
        more = f"; and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
        text = "; ".join(error.message for error in refused[:MAX_NAMED]) + more
        fetched.failures.insert(0, EtlError(text, refused[0].hint))
    return fetched


# a complete file: what it was at the server, and its temporary path
Arrived = tuple[file_ledger.Origin, Path]


class _ChangedError(TryLaterError):
    """A file changed meanwhile; the others can be fetched."""


def list_waiting(request: Request) -> list[tuple[Entry, str]]:
    """Return the entries of the folder, each with the reason why it would not be fetched, "" if it would be."""
    from systemscripts.ssh import remote

    options = parse_options(request.options, f"import {request.config.config_name}, source sftp")
    session = _open_session(request, options)
    entries = [
        _complete_entry(request, options, session, entry) for entry in remote.list_entries(session, options.folder)
    ]
    reasons = remote_folder.find_reasons(request, TYPE, options, entries)
    return [(entry, reason or "") for entry, reason in zip(entries, reasons, strict=True)]


def _list_still(request: Request, options: Options, fetched: Fetched) -> list[Entry]:
    """Return the new files whose size and time did not change between two lists."""
    from systemscripts.ssh import remote

    session = _open_session(request, options)

    def list_complete() -> list[Entry]:
        entries = remote.list_entries(session, options.folder)
        return [_complete_entry(request, options, session, entry) for entry in entries]

    return remote_folder.list_still(request, TYPE, options, list_complete, fetched)


def _complete_entry(request: Request, options: Options, session: Session, entry: Entry) -> Entry:
    """Return an entry of a matching file with the attributes that the list lacks."""
    from systemscripts.ssh import remote

    if entry.is_complete or not remote_folder.is_meant(request, options, entry.name):
        return entry
    return remote.complete_entry(session, options.join_path(entry.name), entry)


def _download_batch(
    request: Request, options: Options, batch: list[Entry], together: dict[Entry, Arrived], tracker: progress.Tracker,
    fetched: Fetched, refused: list[EtlError],
) -> tuple[list[Arrived], bool]:  # fmt: skip
    """Download the files that did not arrive together; return the complete ones, and whether the next can be tried."""
    from systemscripts.ssh import download, session

    arrived: list[Arrived] = []
    for entry in batch:
        try:
            if entry in together:
                arrived.append(together[entry])
                tracker.advance(entry.size or 0)
            else:
                arrived.append(_download_file(request, options, entry, tracker, fetched))
        except _ChangedError as error:
            fetched.leave(Path(entry.name), str(error), "file_still_written")
        except TooLargeError as error:
            fetched.failures.append(error)
        except (session.RefusedError, download.DamagedError) as error:
            refused.append(error)
        except EtlError as error:
            # the connection or the local disk failed: the next file would fail as well
            if request.connection.closed:
                raise
            fetched.failures.append(error)
            return arrived, False
    return arrived, True


def _download_small_files(
    session: Session, request: Request, options: Options, entries: list[Entry]
) -> dict[Entry, Arrived]:
    """Download the small files among `entries`; return those that arrived without any doubt."""
    from systemscripts.ssh import download_small
    from systemscripts.ssh.download_small import SmallFile

    small = [entry for entry in entries if download_small.is_small(entry)]
    arrived: dict[Entry, Arrived] = {}
    if not small or session.offers_checksums is not False:
        return arrived
    origins = [remote_folder.build_origin(options, entry) for entry in small]
    parts = [arrival.get_part_path(request, origin) for origin in origins]
    files = [SmallFile(options.join_path(entry.name), entry, part) for entry, part in zip(small, parts, strict=True)]
    download_all = functools.partial(download_small.download_small_files, files=files)
    try:
        complete = session.call(f"the download of {len(files)} files", download_all)
    except (EtlError, OSError):
        # one by one, each with its own message
        return arrived
    for entry, origin, part, is_complete in zip(small, origins, parts, complete, strict=True):
        if is_complete:
            os.utime(part, (entry.modified or 0, entry.modified or 0))
            arrived[entry] = origin, part
    return arrived


def _download_file(
    request: Request, options: Options, entry: Entry, tracker: progress.Tracker, fetched: Fetched
) -> Arrived:
    """Download a file to its temporary path; return its origin and that path."""
    from systemscripts.ssh import download

    origin = remote_folder.build_origin(options, entry)
    part = arrival.get_part_path(request, origin)
    try:
        for text in download.download_file(
            _open_session(request, options), options.join_path(entry.name), entry, part, tracker.advance
        ):
            fetched.warn("file_size_unclear", text)
    except download.ChangedError as error:
        raise _ChangedError(error.message, error.hint) from error
    if entry.modified is not None:
        # as old as on the server, so that the run does not wait for it to stop changing
        os.utime(part, (entry.modified, entry.modified))
    return origin, part


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Delete, move or keep the file on the server, if it did not change there.

    Raises EtlError if the server refuses; the next run tries again.
    """
    from systemscripts.ssh import remote

    options = parse_options(request.options, f"import {request.config.config_name}, source sftp")
    if options.settle == "keep":
        return
    session = _open_session(request, options)
    functions = (remote.find_entry, remote.move_file, remote.remove_file)
    find, move, remove = (functools.partial(function, session) for function in functions)
    remote_folder.settle_file(options, ticket, find, move, remove)


def probe(written: dict[str, Any]) -> str:
    """Log in once and list the folder, for doctor.py, and return the result in words; raises EtlError."""
    from systemscripts.ssh import connection, remote

    options = parse_options(written)
    client = connection.connect(Login.model_validate({name: getattr(options, name) for name in Login.model_fields}))
    try:
        number = len(remote.list_folder(client, options.folder))
    except OSError as error:
        raise ConfigurationError(
            f"{options.name}: {options.folder} cannot be read: {error}",
            "Check path, and the permissions of the user there.",
        ) from error
    finally:
        client.close()
    return f"{options.name}: login succeeded; {options.folder} has {number} entries"


def _open_session(request: Request, options: Options) -> Session:
    """Return the connection to a server, kept for the whole run because files are settled one by one."""
    login = {name: getattr(options, name) for name in Login.model_fields}
    rules = uploads.get_address_rules(request.connection, request.config.config_name)
    return _get_session(Login.model_validate(login), rules)


@functools.cache
def _get_session(login: Login, rules: AddressRules) -> Session:
    from systemscripts.ssh.session import Session

    session = Session(login, rules)
    atexit.register(session.close)
    return session
