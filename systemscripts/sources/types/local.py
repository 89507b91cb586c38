r"""Files in a folder of this host: the folder where they wait (by default file_watcher/), or another one.

sources:
  - type: local                        # the default
  - type: local
    path: /srv/client_sftp/acme/inbox  # a folder that others write to: files are copied, then removed there
  - type: local
    path: incoming                     # below the data folder
    pattern: .*\.csv                   # instead of the import's file_pattern
    keep: true                         # originals stay; a file is fetched again when its size or time changed
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from systemscripts import configuration, file_ledger, settings
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.configuration import ImportConfig, sidecar_files
from systemscripts.configuration.source_options.local import Options
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.db_utils import transaction
from systemscripts.directory_management import (
    Directories,
    atomic_write,
    choose_free_name,
    compute_sha256,
    copy_stream,
    decode_name,
    is_in_progress,
    shorten_name,
    split_still_files,
    try_move_file,
)
from systemscripts.errors import (
    BadDataError,
    ConfigurationError,
    EtlError,
    TooLargeError,
    TryLaterError,
    UsageError,
    describe_faults,
)
from systemscripts.sources import Fetched, Request
from systemscripts.sources.arrival import size_limits
from systemscripts.sources.arrival.open_folder import open_folder
from systemscripts.summary import Notice

# settled files are gone
LIVE = False


def fetch(request: Request) -> Fetched:
    """Write a ticket for every file that matches the pattern of the import and is no longer being written.

    Raises UsageError if the requested file does not exist.
    """
    if other_folder := _find_other_folder(request):
        from systemscripts.sources.arrival import local_folder

        return local_folder.fetch(request, other_folder, get_folder(request.config, request.directories))
    name, fetched = request.config.config_name, Fetched()
    if request.config.source_directory:
        _refuse_links(request)
    fetched.warnings += rename_unusable_files(get_folder(request.config, request.directories))
    with transaction(request.connection) as cursor:
        placed = file_ledger.list_unarchived_paths(cursor, name)
    paths = [_bring_file(request.only, request)] if request.only else _list_files(request, fetched)
    paths = [path for path in paths if file_ledger.to_stored_path(path, request.directories) not in placed]
    paths = [path for path in paths if _has_its_totals(path, request.config, fetched)]
    beside = {path: sidecar_files.list_sidecars(path) for path in paths}
    _, moving = split_still_files([*paths, *itertools.chain(*beside.values())], settings.current().file_still_seconds)
    changing = set(moving)
    moving = [path for path in paths if not changing.isdisjoint((path, *beside[path]))]
    still = [path for path in paths if changing.isdisjoint((path, *beside[path]))]
    for path in moving:
        fetched.leave(path, f"{path.name} is still being written, left for the next run", "file_still_written")
    still = [path for path in still if _is_ready(path, fetched)]
    with transaction(request.connection, durable=False) as cursor:
        for path in still:
            ticket = file_ledger.register_file(cursor, name, path, request.directories, request.run_uuid, "local")
            fetched.tickets.append(ticket)
    return fetched


def _list_files(request: Request, fetched: Fetched) -> list[Path]:
    """Return the files that wait for the import; matching names that are not files are noted as left."""
    matching = list_matching(request.config, request.directories, request.waiting)
    paths = [path for path in matching if path.name not in request.leave]
    others = {path for path in paths if not path.is_file()}
    # those that are gone were moved since their folder was listed
    for path in filter(os.path.lexists, sorted(others)):
        file_type = "a folder" if path.is_dir() else "a broken link" if path.is_symlink() else "a device"
        fetched.leave(path, f"{path.name} is {file_type}, not a file; it was left there")
    return [path for path in paths if path not in others]


def _has_its_totals(path: Path, config: ImportConfig, fetched: Fetched) -> bool:
    """Return whether the file with the totals of a file has come, where the import takes them from there."""
    suffix = sidecar_files.CONTROL_SUFFIX
    if not config.control.has_source("sidecar") or sidecar_files.find_sidecar(path, suffix):
        return True
    fetched.leave(path, f"{path.name} waits for its totals in {path.name}{suffix}", "sidecar_missing")
    return False


def _refuse_links(request: Request) -> None:
    """Raise ConfigurationError if the path of the waiting folder has a link that another user made."""
    # a folder that does not exist yet has no files
    with contextlib.suppress(OSError):
        os.close(open_folder(get_folder(request.config, request.directories), request.directories.data))


def _is_ready(path: Path, fetched: Fetched) -> bool:
    """Return whether a waiting file can be loaded; a link is first replaced by a copy of its file.

    So the same bytes are hashed, loaded and archived.
    """
    max_gb = settings.current().max_file_gb
    try:
        state = path.stat()
        if state.st_size > max_gb * 2**30:
            raise TooLargeError(str(path), state.st_size, max_gb)
        if path.is_symlink():
            _replace_link(path)
        elif size_limits.may_have_holes(state):
            with path.open("rb") as stream:
                size_limits.refuse_holes(str(path), stream.fileno())
    except BadDataError as error:
        fetched.failures.append(error)
        return False
    except OSError as error:
        fetched.failures.append(EtlError(f"{path} cannot be read: {error.strerror}", "Put the file itself there."))
        return False
    return True


def _replace_link(path: Path) -> None:
    """Replace a link by a copy of its file; raises OSError, PermissionError for a link of another user."""
    handle = os.open(_resolve_own_link(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as original, atomic_write(path) as stream:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "the link does not lead to a file")
        try:
            copy_stream(original, stream, state.st_size)
        except OverflowError as error:
            raise OSError(errno.EBUSY, "it is still being written") from error
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def _resolve_own_link(path: Path) -> Path:
    """Return the target of a link; raises PermissionError for a link of another user."""
    # through a handle, because another link may take its place: owner and target must belong to the same one
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(handle).st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, "it is a link that another user has made")
        return path.parent / os.readlink("", dir_fd=handle)
    finally:
        os.close(handle)


def rename_unusable_files(folder: Path) -> list[Notice]:
    """Rename the files of a folder whose names are not UTF-8, and return a notice for each."""
    warnings = []
    unusable = [name for name in _list_folder(folder) if decode_name(name) != name]
    for path in [folder / name for name in sorted(unusable)]:
        name = decode_name(path.name)
        if is_in_progress(path.name) or path.is_symlink() or not path.is_file():
            continue
        free = (folder / f"{'' if number == 1 else f'{number}_'}{shorten_name(name)}" for number in itertools.count(1))
        try:
            next(target for target in free if try_move_file(path, target))
        except FileNotFoundError:
            # another run, or its sender, was quicker
            continue
        shown = repr(path.name)[1:-1]
        text = f"the name of {shown} is not UTF-8: it was renamed to {name}"
        warnings.append(Notice("file_renamed", text))
    return warnings


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Remove the original of a file that was copied from another folder, unless `keep` is set."""
    if ticket.source_stamp is not None and not request.options.get("keep"):
        from systemscripts.sources.arrival import local_folder

        local_folder.settle(ticket, request.directories.data)


@contextlib.contextmanager
def preview_files(request: Request) -> Iterator[list[Path]]:
    """Yield copies of the files that a source with a `path` would fetch, for a dry run; they are removed afterwards."""
    other_folder = _find_other_folder(request)
    if other_folder is None or not other_folder.is_dir():
        yield []
        return
    from systemscripts.sources.arrival import local_folder

    with local_folder.copy_files(request, other_folder) as paths:
        yield paths


def address(written: dict[str, Any]) -> str:
    """Return the beginning of every `source_path` of a source with these options."""
    return f"{_build_path(written['path'])}/" if written.get("path") else ""


def _find_other_folder(request: Request) -> Path | None:
    """Return the folder of a source with a `path`, None without one; raises ConfigurationError for invalid keys."""
    try:
        options = Options.model_validate(request.options)
    except ValidationError as error:
        faults = describe_faults(error)
        raise ConfigurationError(f"import {request.config.config_name}, source local: {faults}") from error
    if not options.path or request.only is not None:
        return None
    folder = _build_path(options.path)
    if configuration.is_uploaded(request.connection, request.config.config_name):
        from systemscripts.configuration import uploads

        if fault := uploads.find_path_fault(str(folder)):
            raise ConfigurationError(f"{request.config.config_name} was uploaded: {fault}")
    return folder


def _build_path(path: str) -> Path:
    return Path(os.path.normpath(settings.current().etl_data_dir / path))


def get_folder(config: ImportConfig, directories: Directories) -> Path:
    """Return the folder in which the files of an import wait."""
    return directories.data / config.source_directory if config.source_directory else directories.file_watcher


def list_matching(config: ImportConfig, directories: Directories, waiting: WaitingNames | None = None) -> list[Path]:
    """Return the paths that match the pattern of an import, sorted, without unfinished files and our own folders.

    `waiting`: what was found in the folder before; some of it may be gone.
    """
    folder = get_folder(config, directories)
    pattern = compile_pattern(config.file_pattern)
    ours = (directories.temporary, directories.refused)
    if waiting is not None:
        names = waiting.list_names(folder, config.config_name)
    else:
        names = [name for name in _list_folder(folder) if pattern.fullmatch(name)]
    return sorted(
        path
        for path in (folder / name for name in names if not is_in_progress(name))
        if path not in ours and not sidecar_files.is_sidecar(path, pattern.fullmatch)
    )


def list_waiting(config: ImportConfig, directories: Directories, waiting: WaitingNames | None = None) -> list[Path]:
    """Return the files that match the pattern of an import, sorted; `waiting` as in `list_matching`."""
    return [path for path in list_matching(config, directories, waiting) if path.is_file()]


def _list_folder(folder: Path) -> list[str]:
    """Return the names in a folder; none where it does not exist."""
    return os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - a Path for each of many names takes longer


def _bring_file(path: Path, request: Request) -> Path:
    """Return the path of a requested file in the waiting folder; a file from elsewhere is copied and stays there."""
    whole, folder = path.absolute(), get_folder(request.config, request.directories)
    if not whole.is_file():
        raise UsageError(f"{path} " + ("is not a file" if whole.exists() else "does not exist"))
    if whole.parent.resolve() == folder.resolve():
        return folder / whole.name
    growing = TryLaterError(f"{path} is still being written", "Run the same command again when it is complete.")
    if split_still_files([whole], settings.current().file_still_seconds)[1]:
        raise growing
    folder.mkdir(parents=True, exist_ok=True)
    content, state = compute_sha256(whole), whole.stat()
    copy = choose_free_name(
        folder / decode_name(whole.name), content, lambda taken: taken.exists() and compute_sha256(taken) != content
    )
    with whole.open("rb") as original, atomic_write(copy) as stream:
        try:
            copy_stream(original, stream, state.st_size)
        except OverflowError as error:
            raise growing from error
    # as old as the original, so that the run does not wait for it to stop changing
    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
    return copy
