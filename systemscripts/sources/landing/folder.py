"""Files that somebody else lays into a folder of this host, such as the inbox/ of a client account.

Whoever writes there is not trusted: a link is not followed (it could name a file that only the suite may read), names
are checked, and a file is copied, so that who still holds it open changes nothing here.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from systemscripts import files, settings
from systemscripts.db_utils import transaction
from systemscripts.directory_management import CHUNK, in_progress, unsafe_name
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.sources import Fetched, Request, landing


def fetch(request: Request, folder: Path, target: Path) -> Fetched:
    """Bring the new, resting files of a folder to `target` with their tickets.

    Raises ConfigurationError where the folder cannot be read, EtlError where the disk is full.
    """
    fetched = Fetched()
    still, moving = files.still_files(_new(request, folder, fetched), settings.current().file_still_seconds)
    for path in moving:
        fetched.leave(path, f"{path.name} is still being written, left for the next run", "file_still_written")
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(still):
        try:
            with _opened(path) as (stream, state):
                fetched.tickets.append(_bring(request, path, stream, state, target))
        except _ChangedError as error:
            fetched.leave(path, f"{path.name} {error}, left for the next run", "file_still_written")
    return fetched


@contextmanager
def copies(request: Request, folder: Path) -> Iterator[list[Path]]:
    """Copies of the new files of a folder, for a dry run: originals are not touched, and the copies go afterwards."""
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as name:
        found = []
        for path in _new(request, folder, Fetched()):
            with suppress(_ChangedError), _opened(path) as (stream, state):
                copy = Path(name) / path.name
                with copy.open("wb") as target:
                    shutil.copyfileobj(stream, target, CHUNK)
                os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
                found.append(copy)
        yield found


class _ChangedError(Exception):
    """The file is not what it was a moment ago."""


def _new(request: Request, folder: Path, fetched: Fetched) -> list[Path]:
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be read: {error.strerror}", "Make it readable for the suite's user, or mend path."
        ) from error
    new = []
    wanted = landing.one_name(request.options.get("pattern") or "")
    if wanted and request.options.get("keep") and wanted not in [entry.name for entry in found]:
        fetched.warn("file_expected", f"{folder / wanted} does not exist")
    pattern = request.options.get("pattern") or request.config.file_pattern
    for entry in found:
        if reason := unsafe_name(entry.name):
            shown = repr(entry.name)[1:-1]
            fetched.leave(folder / shown, f"{shown} in {folder} is not taken: its name must not be used here, {reason}")
        elif in_progress(entry.name) or not re.fullmatch(pattern, entry.name):
            continue
        elif not entry.is_file(follow_symlinks=False):
            fetched.leave(folder / entry.name, f"{entry.name} in {folder} is not taken: it is no file")
        elif not _known(request, folder / entry.name, entry.stat(follow_symlinks=False)):
            new.append(folder / entry.name)
    return new


def _known(request: Request, path: Path, state: os.stat_result) -> bool:
    with transaction(request.connection) as cursor:
        origin, removes = _origin(path, state), not request.options.get("keep")
        return files.known(cursor, request.config.config_name, "local", origin, unsettled=removes)


def _origin(path: Path, state: os.stat_result) -> files.Origin:
    return files.Origin(str(path), state.st_size, str(state.st_mtime_ns))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """A regular file, opened without following a link or waiting at a pipe; raises _ChangedError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _ChangedError("has gone") from error
    except OSError as error:
        raise _ChangedError(f"cannot be read ({error.strerror})") from error
    with os.fdopen(handle, "rb") as stream:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise _ChangedError("is no file")
        yield stream, state


def _bring(request: Request, path: Path, stream: BinaryIO, state: os.stat_result, target: Path) -> files.Ticket:
    part = landing.part_path(request, _origin(path, state))
    try:
        with part.open("wb") as copy:
            while chunk := stream.read(CHUNK):
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
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
    return landing.land(request, "local", _origin(path, state), part, target)


def settle(ticket: files.Ticket) -> None:
    """Remove a file that is safe here, if it is still the same; raises EtlError where that is not allowed.

    It is renamed first: what somebody lays there under its name in this instant is not removed with it.
    """
    path = Path(ticket.source_path or "")
    aside = path.with_name(f".{path.name}.{ticket.file_id}.part")
    try:
        if not aside.exists():
            if not _is_same(path, ticket):
                return
            path.rename(aside)
        if _is_same(aside, ticket):
            aside.unlink()
        elif not path.exists():
            aside.rename(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise EtlError(
            f"{path} cannot be removed: {error.strerror}", f"Make {path.parent} writable for the suite's user."
        ) from error


def _is_same(path: Path, ticket: files.Ticket) -> bool:
    try:
        state = path.lstat()
    except FileNotFoundError:
        return False
    return (state.st_size, str(state.st_mtime_ns)) == (ticket.source_size, ticket.source_stamp)
