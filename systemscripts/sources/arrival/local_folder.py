"""Fetch files from a folder that others write to, such as the inbox/ of a client account.

Those who write there are not trusted. No link is followed, neither to a file nor in the path of the folder, because it
could lead to files of other clients. Names are checked, and files are copied, so that a program that still has one open
changes nothing here.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from systemscripts import file_ledger, settings
from systemscripts.bounded_patterns import NamePattern, compile_pattern
from systemscripts.configuration import sidecar_files
from systemscripts.directory_management import (
    copy_stream,
    explain_unsafe_arrival,
    is_in_progress,
    shorten_name,
    split_still_files,
)
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.sources import Fetched, Request, arrival
from systemscripts.sources.arrival import archived_files, size_limits
from systemscripts.sources.arrival.open_folder import open_folder

HARD_LINK_TEXT = "it is a hard link, so its content may be another client's; deliver a copy"


def fetch(request: Request, folder: Path, target: Path) -> Fetched:
    """Copy the new files of a folder that have stopped changing to `target`, with their tickets.

    A file that cannot be read or is too large is a failure in the result; the others are fetched. Raises
    ConfigurationError if the folder cannot be read or its path has a link that another user made.
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
                    fetched.tickets += _copy_file(request, path, stream, state, target)
            except _ChangedError as error:
                fetched.leave(path, f"{path.name} {error}, left for the next run", "file_still_written")
            except EtlError as error:
                if request.connection.closed:
                    raise
                fetched.failures.append(error)
    return fetched


@contextmanager
def copy_files(request: Request, folder: Path, fetched: Fetched | None = None) -> Iterator[list[Path]]:
    """Yield copies of the new files of a folder, with their times; they are removed afterwards.

    `fetched`: gets what is left or fails, also files that still change; None, for a dry run: nothing is reported.
    """
    said = fetched or Fetched()
    with (
        _open_source_folder(request, folder) as handle,
        tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as name,
    ):
        copies = []
        new = _list_new(request, folder, handle, said)
        seconds = settings.current().file_still_seconds
        still, moving = split_still_files(new, seconds) if fetched is not None else (new, [])
        for path in moving:
            said.leave(path, f"{path.name} is still being written, left for the next run", "file_still_written")
        for path in still:
            try:
                with _open_file(handle, path) as (stream, state):
                    copy = Path(name) / path.name
                    with copy.open("wb") as target, suppress(OverflowError):
                        copy_stream(stream, target, state.st_size)
                    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
                    copies.append(copy)
            except _ChangedError as error:
                said.leave(path, f"{path.name} {error}, left for the next run", "file_still_written")
            except EtlError as error:
                said.failures.append(error)
        yield copies


class _ChangedError(Exception):
    """The file changed while it was read."""


@contextmanager
def _open_source_folder(request: Request, folder: Path) -> Iterator[int]:
    try:
        handle = open_folder(folder, request.directories.data)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be read: {error.strerror}", "Make it readable for the user of the jobs, or correct path."
        ) from error
    try:
        yield handle
    finally:
        os.close(handle)


def _list_new(request: Request, folder: Path, handle: int, fetched: Fetched) -> list[Path]:
    with os.scandir(handle) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    meant: dict[file_ledger.Origin, tuple[Path, os.stat_result]] = {}
    expected = arrival.parse_single_name(request.options.get("pattern") or "")
    if expected and request.options.get("keep") and expected not in [entry.name for entry in entries]:
        fetched.warn("file_expected", f"{folder / expected} does not exist")
    pattern = compile_pattern(request.options.get("pattern") or request.config.file_pattern)
    for entry in entries:
        path = folder / entry.name
        if reason := explain_unsafe_arrival(entry.name):
            shown = repr(entry.name)[1:-1]
            fetched.leave(folder / shown, f"{shown} in {folder} was not fetched: its name is not allowed, {reason}")
            continue
        if not _is_meant(entry.name, pattern):
            continue
        if not entry.is_file(follow_symlinks=False):
            fetched.leave(path, f"{entry.name} in {folder} was not fetched: it is not a file")
            continue
        state = entry.stat(follow_symlinks=False)
        if state.st_nlink > 1:
            fetched.leave(path, f"{entry.name} in {folder} was not fetched: {HARD_LINK_TEXT}")
            continue
        meant[_build_origin(path, state)] = path, state
    removes = not request.options.get("keep")
    known = archived_files.list_known(request, "local", list(meant), is_unsettled=removes)
    limits = size_limits.SizeLimits(request, fetched)
    return [
        path
        for origin, (path, state) in meant.items()
        if origin not in known and limits.try_admit(str(path), state.st_size, state.st_blocks * size_limits.BLOCK_BYTES)
    ]


def _is_meant(name: str, pattern: NamePattern) -> bool:
    """Return whether a name is that of a whole file of the import, and not of its totals or checksum."""
    is_sidecar = sidecar_files.is_about_known(name, pattern.fullmatch)
    return not is_in_progress(name) and not is_sidecar and pattern.fullmatch(name) is not None


def _build_origin(path: Path, state: os.stat_result) -> file_ledger.Origin:
    return file_ledger.Origin(str(path), state.st_size, str(state.st_mtime_ns))


@contextmanager
def _open_file(folder: int, path: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """Open a regular file of an open folder, without following a link or waiting at a pipe.

    Raises _ChangedError, or EtlError if it cannot be read.
    """
    try:
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError as error:
        raise _ChangedError("has disappeared") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _ChangedError("has become a link") from error
        raise EtlError(
            f"{path} cannot be read: {error.strerror}", "Make it readable for the user of the jobs, or ask its owner."
        ) from error
    with os.fdopen(handle, "rb") as stream:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
            raise _ChangedError("is no longer a file of its own")
        size_limits.refuse_holes(str(path), handle)
        yield stream, state


def _copy_file(
    request: Request, path: Path, stream: BinaryIO, state: os.stat_result, target: Path
) -> list[file_ledger.Ticket]:
    part = arrival.get_part_path(request, _build_origin(path, state))
    try:
        with part.open("wb") as copy:
            # no more than was looked at: a file that grows is fetched when it is complete
            copy_stream(stream, copy, state.st_size)
            copy.flush()
            os.fsync(copy.fileno())
    except OverflowError as error:
        part.unlink(missing_ok=True)
        raise _ChangedError("is still being written") from error
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EtlError(
            f"{path} cannot be copied to {part.parent}: {error.strerror}",
            "Free space, then run it again.",
        ) from error
    after = os.fstat(stream.fileno())
    # its owner can set the other time back
    if (after.st_size, after.st_mtime_ns, after.st_ctime_ns) != (state.st_size, state.st_mtime_ns, state.st_ctime_ns):
        part.unlink()
        raise _ChangedError("is still being written")
    os.utime(part, ns=(state.st_atime_ns, state.st_mtime_ns))
    return arrival.land_files(request, "local", [(_build_origin(path, state), part)], target)


def settle(ticket: file_ledger.Ticket, data: Path) -> None:
    """Remove a loaded file from its folder, if it did not change; raises EtlError if that is not allowed.

    It is renamed first, so that a new file of its name is not removed. `data` is the data folder.
    """
    path = Path(ticket.source_path or "")
    renamed = f".{shorten_name(path.name)}.{ticket.file_id}.part"
    try:
        folder = open_folder(path.parent, data)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _build_removal_error(path, error) from error
    try:
        if not _exists(folder, renamed):
            if not _is_same(folder, path.name, ticket):
                return
            os.rename(path.name, renamed, src_dir_fd=folder, dst_dir_fd=folder)
        if _is_same(folder, renamed, ticket):
            os.unlink(renamed, dir_fd=folder)
        elif not _exists(folder, path.name):
            os.rename(renamed, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _build_removal_error(path, error) from error
    finally:
        os.close(folder)


def _build_removal_error(path: Path, error: OSError) -> EtlError:
    return EtlError(
        f"{path} cannot be removed: {error.strerror}", f"Make {path.parent} writable for the user of the jobs."
    )


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
