"""Files that somebody else lays into a folder of this host, such as the inbox/ of a client account.

Whoever writes there is not trusted: a link is not followed, neither to a file nor on the way to the folder (it could
lead to what only the suite may read, or to another client's files). Names are checked, and a file is copied, so that
who still holds it open changes nothing here.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from systemscripts import file_ledger, settings
from systemscripts.db_utils import transaction
from systemscripts.directory_management import (
    copy_stream,
    explain_unsafe_arrival,
    is_in_progress,
    shorten_name,
    split_still_files,
)
from systemscripts.errors import ConfigurationError, EtlError, TooLargeError
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival.open_folder import open_folder


def fetch(request: Request, folder: Path, target: Path) -> Fetched:
    """Bring the new, resting files of a folder to `target` with their tickets.

    A file that may not be read, or is too large, keeps no other. Raises ConfigurationError where the folder cannot be
    read, or a stranger's link leads to it.
    """
    fetched = Fetched()
    with _open_source_folder(request, folder) as handle:
        still, moving = split_still_files(
            _list_new(request, folder, handle, fetched), settings.current().file_still_seconds
        )
        for path in moving:
            fetched.leave(path, f"{path.name} is still being written, left for the next run", "file_still_written")
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(still):
            try:
                with _open_file(handle, path) as (stream, state):
                    fetched.tickets.append(_copy_file(request, path, stream, state, target))
            except _ChangedError as error:
                fetched.leave(path, f"{path.name} {error}, left for the next run", "file_still_written")
            except EtlError as error:
                if request.connection.closed:
                    raise
                fetched.failures.append(error)
    return fetched


@contextmanager
def copy_files(request: Request, folder: Path) -> Iterator[list[Path]]:
    """Copies of the new files of a folder, for a dry run: originals are not touched, and the copies go afterwards."""
    with (
        _open_source_folder(request, folder) as handle,
        tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as name,
    ):
        found = []
        for path in _list_new(request, folder, handle, Fetched()):
            with suppress(_ChangedError, EtlError), _open_file(handle, path) as (stream, state):
                copy = Path(name) / path.name
                with copy.open("wb") as target:
                    copy_stream(stream, target)
                os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
                found.append(copy)
        yield found


class _ChangedError(Exception):
    """The file is not what it was a moment ago."""


@contextmanager
def _open_source_folder(request: Request, folder: Path) -> Iterator[int]:
    try:
        handle = open_folder(folder, request.directories.data)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be read: {error.strerror}", "Make it readable for the suite's user, or fix path."
        ) from error
    try:
        yield handle
    finally:
        os.close(handle)


def _list_new(request: Request, folder: Path, handle: int, fetched: Fetched) -> list[Path]:
    with os.scandir(handle) as listed:
        found = sorted(listed, key=lambda entry: entry.name)
    new, max_gb = [], settings.current().max_file_gb
    wanted = arrival.parse_single_name(request.options.get("pattern") or "")
    if wanted and request.options.get("keep") and wanted not in [entry.name for entry in found]:
        fetched.warn("file_expected", f"{folder / wanted} does not exist")
    pattern = request.options.get("pattern") or request.config.file_pattern
    for entry in found:
        path = folder / entry.name
        if reason := explain_unsafe_arrival(entry.name):
            shown = repr(entry.name)[1:-1]
            fetched.leave(folder / shown, f"{shown} in {folder} is not taken: its name must not be used here, {reason}")
        elif is_in_progress(entry.name) or not re.fullmatch(pattern, entry.name):
            continue
        elif not entry.is_file(follow_symlinks=False):
            fetched.leave(path, f"{entry.name} in {folder} is not taken: it is no file")
        elif not _is_known(request, path, state := entry.stat(follow_symlinks=False)):
            if state.st_size > max_gb * 2**30:
                fetched.failures.append(TooLargeError(str(path), state.st_size, max_gb))
            else:
                new.append(path)
    return new


def _is_known(request: Request, path: Path, state: os.stat_result) -> bool:
    with transaction(request.connection) as cursor:
        origin, removes = _build_origin(path, state), not request.options.get("keep")
        return file_ledger.is_known(cursor, request.config.config_name, "local", origin, unsettled=removes)


def _build_origin(path: Path, state: os.stat_result) -> file_ledger.Origin:
    return file_ledger.Origin(str(path), state.st_size, str(state.st_mtime_ns))


@contextmanager
def _open_file(folder: int, path: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """A regular file of an open folder, opened without following a link or waiting at a pipe.

    Raises _ChangedError, EtlError where it may not be read.
    """
    try:
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError as error:
        raise _ChangedError("has gone") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _ChangedError("has become a link") from error
        raise EtlError(
            f"{path} cannot be read: {error.strerror}", "Make it readable for the suite's user, or ask its owner."
        ) from error
    with os.fdopen(handle, "rb") as stream:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise _ChangedError("is no file")
        yield stream, state


def _copy_file(
    request: Request, path: Path, stream: BinaryIO, state: os.stat_result, target: Path
) -> file_ledger.Ticket:
    part = arrival.get_part_path(request, _build_origin(path, state))
    max_gb = settings.current().max_file_gb
    try:
        with part.open("wb") as copy:
            copy_stream(stream, copy, max_gb * 2**30)
            copy.flush()
            os.fsync(copy.fileno())
    except OverflowError as error:
        part.unlink(missing_ok=True)
        raise TooLargeError(str(path), os.fstat(stream.fileno()).st_size, max_gb) from error
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EtlError(
            f"{path} cannot be copied to {part.parent}: {error.strerror}", "Free space, then run it again."
        ) from error
    after = os.fstat(stream.fileno())
    if (after.st_size, after.st_mtime_ns) != (state.st_size, state.st_mtime_ns):
        part.unlink()
        raise _ChangedError("is still being written")
    os.utime(part, ns=(state.st_atime_ns, state.st_mtime_ns))
    return arrival.land_file(request, "local", _build_origin(path, state), part, target)


def settle(ticket: file_ledger.Ticket, data: Path) -> None:
    """Remove a file that is safe here, if it is still the same; raises EtlError where that is not allowed.

    It is renamed first: what somebody lays there under its name in this instant is not removed with it. `data`: the
    data folder.
    """
    path = Path(ticket.source_path or "")
    aside = f".{shorten_name(path.name)}.{ticket.file_id}.part"
    try:
        folder = open_folder(path.parent, data)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _build_removal_error(path, error) from error
    try:
        if not _exists(folder, aside):
            if not _is_same(folder, path.name, ticket):
                return
            os.rename(path.name, aside, src_dir_fd=folder, dst_dir_fd=folder)
        if _is_same(folder, aside, ticket):
            os.unlink(aside, dir_fd=folder)
        elif not _exists(folder, path.name):
            os.rename(aside, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _build_removal_error(path, error) from error
    finally:
        os.close(folder)


def _build_removal_error(path: Path, error: OSError) -> EtlError:
    return EtlError(f"{path} cannot be removed: {error.strerror}", f"Make {path.parent} writable for the suite's user.")


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_same(folder: int, name: str, ticket: file_ledger.Ticket) -> bool:
    try:
        state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (state.st_size, str(state.st_mtime_ns)) == (ticket.source_size, ticket.source_stamp)
