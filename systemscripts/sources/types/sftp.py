"""Files in a folder of an SFTP server.

sources:
  - type: sftp
    host: ${SOURCE_CLIENT_HOST}        # or host:port
    user: ${SOURCE_CLIENT_USER}
    key_file: ${SOURCE_CLIENT_KEY_PATH}
    path: /outgoing
    settle: delete                     # what becomes of a file there once it is safe here: delete, move, keep
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from systemscripts import file_ledger, masking, progress, settings
from systemscripts.address_rules import AddressRules
from systemscripts.configuration import uploads, variables
from systemscripts.configuration.source_options.sftp import Options
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import explain_unsafe_arrival, is_in_progress
from systemscripts.errors import ConfigurationError, EtlError, TooLargeError, TryLaterError, describe_faults
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.types import local
from systemscripts.ssh import Login

if TYPE_CHECKING:
    from systemscripts.ssh.remote import Entry
    from systemscripts.ssh.session import Session

MAX_NAMED = 5  # files that the server does not give
LIVE = False  # what was settled is not fetched again


def parse_options(written: dict[str, Any], where: str = "source sftp") -> Options:
    """The options of a source, its variables replaced; raises ConfigurationError that names every fault."""
    found = variables.resolve_variables(written, where)
    masking.register_secrets(str(found[key]) for key in ("password", "key_passphrase") if found.get(key))
    try:
        return Options.model_validate(found)
    except ValidationError as error:
        faults = describe_faults(error, "source")
        raise ConfigurationError(f"{where}: " + "; ".join(f.replace("Value error, ", "") for f in faults)) from error


def address(written: dict[str, Any]) -> str:
    """The beginning of every `source_path` of this source."""
    options = parse_options(written)
    return f"{options.address}/{options.folder.strip('/')}/"


def fetch(request: Request) -> Fetched:
    """Bring every new file that rests, one after the other; what is not whole yet is left for the next run.

    A file that the server does not give, or that arrives damaged, does not keep the others: it is a failure of what is
    returned, and so is a connection that stays away. Raises ConfigurationError, TryLaterError or EtlError where the
    list of files cannot be had.
    """
    from systemscripts.ssh import download, session

    options = parse_options(request.options, f"import {request.config.config_name}, source sftp")
    fetched = Fetched()
    resting = _list_still(request, options, fetched)
    folder = local.get_folder(request.config, request.directories)
    folder.mkdir(parents=True, exist_ok=True)
    refused: list[EtlError] = []
    with progress.track("download", sum(entry.size or 0 for entry in resting), "bytes") as tracker:
        for entry in resting:
            try:
                fetched.tickets.append(_download_file(request, options, entry, folder, tracker, fetched))
            except _ChangedError as error:
                fetched.leave(Path(entry.name), str(error), "file_still_written")
            except TooLargeError as error:
                fetched.failures.append(error)
            except (session.RefusedError, download.DamagedError) as error:
                refused.append(error)
            except EtlError as error:  # the connection or the disk here: the next file would meet it too
                if request.connection.closed:
                    raise
                fetched.failures.append(error)
                break
    if refused:
        more = f"; and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
        text = "; ".join(error.message for error in refused[:MAX_NAMED]) + more
        fetched.failures.insert(0, EtlError(text, refused[0].hint))
    return fetched


class _ChangedError(TryLaterError):
    """This file is for the next run; the others can be fetched."""


def list_waiting(request: Request) -> list[tuple[Entry, str]]:
    """What lies on the server, and why it would be left there, "" for what would be fetched; writes nothing."""
    from systemscripts.ssh import remote

    options = parse_options(request.options, f"import {request.config.config_name}, source sftp")
    session = _open_session(request, options)
    found = [
        _complete_entry(request, options, session, entry) for entry in remote.list_entries(session, options.folder)
    ]
    with transaction(request.connection) as cursor:
        return [(entry, _find_reason(cursor, request, options, entry) or "") for entry in found]


def _list_still(request: Request, options: Options, fetched: Fetched) -> list[Entry]:
    """The new files whose size and time are the same at two looks."""
    from systemscripts.ssh import remote

    session = _open_session(request, options)

    def listed() -> list[Entry]:
        found = remote.list_entries(session, options.folder)
        return [_complete_entry(request, options, session, entry) for entry in found]

    first = _list_new(request, options, listed(), fetched)
    if not first:
        return []
    time.sleep(settings.current().sftp_still_seconds)
    second = set(listed())
    for entry in first:
        if entry not in second:
            text = f"{entry.name} is still being written at {options.name}, left for the next run"
            fetched.leave(Path(entry.name), text, "file_still_written")
        elif entry.size is None and entry.modified is None:
            fetched.warn(
                "file_size_unclear",
                f"{options.name} says neither size nor time of {entry.name}: whether it is whole cannot be known",
            )
    return sorted((entry for entry in first if entry in second), key=lambda entry: (entry.modified or 0, entry.name))


def _complete_entry(request: Request, options: Options, session: Session, entry: Entry) -> Entry:
    """An entry with what a closer look tells, where the list does not say enough of a file that may be wanted."""
    from systemscripts.ssh import remote

    if entry.is_complete or explain_unsafe_arrival(entry.name) or not _matches(request, options, entry):
        return entry
    return remote.complete_entry(session, options.join_path(entry.name), entry)


def _matches(request: Request, options: Options, entry: Entry) -> bool:
    return re.fullmatch(options.pattern or request.config.file_pattern, entry.name) is not None


def _list_new(request: Request, options: Options, entries: list[Entry], fetched: Fetched) -> list[Entry]:
    found = []
    wanted = arrival.parse_single_name(options.pattern)
    if wanted and options.settle == "keep" and wanted not in [entry.name for entry in entries]:
        fetched.warn("file_expected", f"{options.join_path(wanted)} does not exist at {options.name}")
    with transaction(request.connection) as cursor:
        reasons = [_find_reason(cursor, request, options, entry) for entry in entries]
    max_gb = settings.current().max_file_gb
    for entry, reason in zip(entries, reasons, strict=True):
        if reason is None and (entry.size or 0) > max_gb * 2**30:
            what = f"{options.join_path(entry.name)} at {options.name}"
            fetched.failures.append(TooLargeError(what, entry.size or 0, max_gb))
        elif reason is None:
            found.append(entry)
        elif reason.startswith("!"):
            shown = repr(entry.name)[1:-1] if explain_unsafe_arrival(entry.name) else entry.name
            text = f"{shown} at {options.name}{options.folder} is not fetched: {reason[1:]}"
            fetched.leave(Path(f"{options.name}/{shown}"), text)
    return found


def _find_reason(cursor: Cursor, request: Request, options: Options, entry: Entry) -> str | None:
    """Why a file is not fetched, None where it is; with ! where the operator must hear of it."""
    if reason := explain_unsafe_arrival(entry.name):
        return f"!its name must not become a file here, {reason}; ask the server's owner to rename it"
    if is_in_progress(entry.name):
        return "still being written"
    if not _matches(request, options, entry):
        return "does not match"
    if entry.is_file is False:
        ours = (options.done_folder, options.refused_folder or "refused")
        return "a folder of ours" if entry.name in ours else "!it is no file"
    if entry.size is None and entry.modified is None and options.settle == "keep":
        return None  # nothing tells whether it is another one by now: its content will
    # where files are removed once safe, the same thing in the same place later on is a new delivery
    unsettled = options.settle != "keep"
    known = file_ledger.is_known(cursor, request.config.config_name, "sftp", _build_origin(options, entry), unsettled)
    return "fetched before" if known else None


def _build_origin(options: Options, entry: Entry) -> file_ledger.Origin:
    stamp = "" if entry.modified is None else str(entry.modified)
    return file_ledger.Origin(f"{options.address}/{options.join_path(entry.name).lstrip('/')}", entry.size, stamp)


def _download_file(
    request: Request, options: Options, entry: Entry, folder: Path, tracker: progress.Tracker, fetched: Fetched
) -> file_ledger.Ticket:
    from systemscripts.ssh import download

    origin = _build_origin(options, entry)
    part = arrival.get_part_path(request, origin)
    try:
        for text in download.download_file(
            _open_session(request, options), options.join_path(entry.name), entry, part, tracker.advance
        ):
            fetched.warn("file_size_unclear", text)
    except download.ChangedError as error:
        raise _ChangedError(error.message, error.hint) from error
    if entry.modified is not None:
        os.utime(part, (entry.modified, entry.modified))  # as old as there: it has rested already
    return arrival.land_file(request, "sftp", origin, part, folder)


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Delete, move or keep the file at its server, if it is still the same there.

    Raises EtlError where the server refuses; the next run tries again.
    """
    from systemscripts.ssh import remote

    options = parse_options(request.options, f"import {request.config.config_name}, source sftp")
    if options.settle == "keep":
        return
    session, path = _open_session(request, options), options.join_path(ticket.name)
    entry = remote.find_entry(session, path)
    if entry is None or _is_another(entry, ticket):
        return  # settled by a run that was killed before it could note it, or another delivery in its place
    refused_folder = options.refused_folder or ("refused" if options.settle == "move" else "")
    if ticket.status == "refused" and refused_folder:
        remote.move_file(session, path, options.join_path(refused_folder), (ticket.file_sha256 or "")[:8])
    elif options.settle == "move":
        remote.move_file(session, path, options.join_path(options.done_folder), (ticket.file_sha256 or "")[:8])
    else:
        remote.remove_file(session, path)


def _is_another(entry: Entry, ticket: file_ledger.Ticket) -> bool:
    """Whether what lies there now is not what was fetched, as far as the server says."""
    seen = ((entry.size, ticket.source_size), (entry.modified, ticket.source_stamp and int(ticket.source_stamp)))
    return any(None not in pair and pair[0] != pair[1] for pair in seen)


def probe(written: dict[str, Any]) -> str:
    """Log in once and look at the folder, for doctor.py; what is there in words. Raises EtlError."""
    from systemscripts.ssh import connection, remote

    options = parse_options(written)
    client = connection.connect(Login.model_validate({name: getattr(options, name) for name in Login.model_fields}))
    try:
        number = len(remote.list_folder(client, options.folder))
    except OSError as error:
        raise ConfigurationError(
            f"{options.name}: {options.folder} cannot be read: {error}", "Check path, and the rights of the user there."
        ) from error
    finally:
        client.close()
    return f"{options.name} lets us in; {options.folder} holds {number} names"


def _open_session(request: Request, options: Options) -> Session:
    """The connection to a server, kept for the whole run: hundreds of files are settled one by one."""
    login = {name: getattr(options, name) for name in Login.model_fields}
    rules = uploads.get_address_rules(request.connection, request.config.config_name)
    return _get_session(Login.model_validate(login), rules)


@functools.cache
def _get_session(login: Login, rules: AddressRules) -> Session:
    from systemscripts.ssh.session import Session

    session = Session(login, rules)
    atexit.register(session.close)
    return session
