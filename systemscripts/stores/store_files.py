"""List, download, move, remove and upload the files of a store; whole files only."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from systemscripts import settings
from systemscripts.directory_management import explain_write_error
from systemscripts.errors import EtlError, TooLargeError, TryLaterError
from systemscripts.stores.store_session import BusyError, RefusedError, StoreSession

PATH_HINT = "Correct path: the folder as the server shows it to this user."
# what stores of fsspec call the time of the last change
TIME_KEYS = ("mtime", "modified", "last_modified", "LastModified", "updated")


class ChangedError(TryLaterError):
    """The file changed on the server since it was listed; a later run fetches it."""


@dataclass(frozen=True)
class StoreEntry:
    """One entry of a list. `name` may be anything the server likes: see `directory_management.explain_unsafe_name`.

    None where the store does not say.
    """

    name: str
    size: int | None
    # by the clock of the server
    modified: float | None
    is_file: bool | None
    # ETag or time
    stamp: str


def list_entries(session: StoreSession, folder: str) -> list[StoreEntry]:
    """Return the entries of a folder; raises EtlError if it does not exist or cannot be read."""
    try:
        entries = session.call(f"the list of {folder}", lambda store: store.ls(folder, detail=True))
    except FileNotFoundError as error:
        raise EtlError(f"{session.login.name}: there is no folder {folder}", PATH_HINT) from error
    return [entry for entry in map(_build_entry, entries) if entry.name]


def find_entry(session: StoreSession, path: str) -> StoreEntry | None:
    """Return the entry of a file, None if it does not exist."""
    try:
        return _build_entry(session.call(f"reading the attributes of {path}", lambda store: store.info(path)))
    except FileNotFoundError:
        return None


def complete_entry(session: StoreSession, path: str, entry: StoreEntry) -> StoreEntry:
    """Return an entry of a list, completed by the attributes of the file itself where the list has none."""
    if entry.is_file is not None:
        return entry
    return find_entry(session, path) or entry


def _build_entry(info: dict[str, Any]) -> StoreEntry:
    name = str(info["name"]).rstrip("/").rpartition("/")[2]
    given = next((info[key] for key in TIME_KEYS if info.get(key) is not None), None)
    modified = given.timestamp() if isinstance(given, datetime) else given if isinstance(given, int | float) else None
    stamp = str(info.get("etag") or info.get("ETag") or ("" if given is None else modified or given))
    is_file = info["type"] == "file" if info.get("type") else None
    size = info.get("size")
    return StoreEntry(name, int(size) if isinstance(size, int) and is_file else None, modified, is_file, stamp)


def download_file(
    session: StoreSession, path: str, entry: StoreEntry, part: Path, advance: Callable[[int], None]
) -> None:
    """Download a file to `part`, after the bytes of an earlier attempt, and read it to its end.

    Raises TryLaterError when the connection is lost: `part` is kept for the next attempt. Otherwise `part` is removed:
    raises ChangedError if the file changed meanwhile, EtlError if the server refuses or the local disk is full,
    TooLargeError for more than MAX_FILE_GB.
    """
    try:
        session.call(f"the download of {path}", lambda store: _read_on(store, session, path, entry, part, advance))
        _compare(session, path, entry, part)
    except FileNotFoundError as error:
        part.unlink(missing_ok=True)
        raise ChangedError(f"{session.login.name}: {path} is gone", "Nothing is to be done.") from error
    except BusyError as error:
        raise ChangedError(error.message, error.hint) from error
    except TryLaterError as error:
        if isinstance(error, ChangedError):
            part.unlink(missing_ok=True)
        raise
    except EtlError:
        # it may still send
        session.close()
        part.unlink(missing_ok=True)
        raise


def _read_on(
    store: Any, session: StoreSession, path: str, entry: StoreEntry, part: Path, advance: Callable[[int], None]
) -> None:
    # without a time or ETag the bytes that are there may be of another version of that size
    can_resume = entry.size is not None and bool(entry.stamp)
    done = part.stat().st_size if can_resume and part.exists() else 0
    if entry.size is not None and done > entry.size:
        done = 0
    max_gb = settings.current().max_file_gb
    with part.open("r+b" if done else "wb") as target, store.open(path, "rb") as stream:
        target.seek(done)
        if done:
            stream.seek(done)
        while block := stream.read(session.block_bytes):
            try:
                target.write(block)
                target.flush()
            except OSError as error:
                raise explain_write_error(part, error) from error
            done += len(block)
            # what is read from its beginning again counts as no progress: attempts must end
            session.progress += len(block) if can_resume else 0
            advance(len(block))
            if done > max_gb * 2**30:
                raise TooLargeError(f"{session.login.name}: {path}", done, max_gb)


def _compare(session: StoreSession, path: str, entry: StoreEntry, part: Path) -> None:
    """Compare what came with the list and with what is there now; a file that is gone now came whole."""
    current = find_entry(session, path)
    if current is not None and (current.size, current.stamp) != (entry.size, entry.stamp):
        raise ChangedError(f"{session.login.name}: {path} changed while it was fetched", "A later run fetches it.")
    if entry.size is not None and part.stat().st_size != entry.size:
        raise EtlError(
            f"{session.login.name}: {path} ends after {part.stat().st_size:,} of {entry.size:,} bytes",
            "Run the same command again; if it fails again, ask the owner of the server.",
        )


def remove_file(session: StoreSession, path: str) -> None:
    """Delete a file if it exists; raises EtlError if that is not allowed."""
    with contextlib.suppress(FileNotFoundError):
        session.call(f"deleting {path}", lambda store: store.rm_file(path))


def move_file(session: StoreSession, path: str, folder: str, mark: str) -> None:
    """Move a file to another folder, which is created if it does not exist.

    No file is overwritten: if the name is taken, `mark` is added to it. Raises EtlError if the move is not allowed.
    """
    name = path.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    target_path = f"{folder}/{name}"
    if find_entry(session, folder) is None:
        make_folder(session, folder)
    elif find_entry(session, target_path) is not None:
        target_path = f"{folder}/{stem}_{mark}.{suffix}" if dot else f"{folder}/{name}_{mark}"
    # an earlier attempt may have moved it, and its answer was lost
    with contextlib.suppress(FileNotFoundError):
        session.call(f"moving {path} to {folder}", lambda store: store.mv(path, target_path))


def make_folder(session: StoreSession, folder: str) -> None:
    """Create a folder; one that another run has created meanwhile is fine."""
    try:
        session.call(f"creating {folder}", lambda store: store.mkdir(folder, create_parents=False))
    except RefusedError:
        if find_entry(session, folder) is None:
            raise


def put_aside(session: StoreSession, source: Path, part: str) -> None:
    """Upload a file under a temporary name; raises EtlError if the server refuses it or has fewer bytes then."""
    size, what = source.stat().st_size, f"the upload of {source.name}"
    try:
        session.call(what, lambda store: store.put_file(str(source), part))
    except FileNotFoundError as error:
        folder = part.rpartition("/")[0]
        raise EtlError(f"{session.login.name}: there is no folder {folder}", PATH_HINT) from error
    arrived = find_entry(session, part)
    if arrived is None or arrived.size not in (None, size):
        raise EtlError(
            f"{session.login.name}: {what} ended with {(arrived and arrived.size) or 0} of {size} bytes",
            "Run the same command again; if it fails again, ask the owner of the server whether its disk is full.",
        )


def publish_part(session: StoreSession, part: str, target_path: str) -> None:
    """Give an uploaded file its name, replacing one of that name; without a temporary file it has it already."""
    if find_entry(session, part) is None:
        return

    def rename(store: Any) -> None:
        if hasattr(store, "replace"):
            store.replace(part, target_path)
        else:
            store.mv(part, target_path)

    # an earlier attempt may have renamed it, and its answer was lost
    with contextlib.suppress(FileNotFoundError):
        session.call(f"renaming {part}", rename)


def remove_older_parts(session: StoreSession, folder: str, name: str) -> None:
    """Remove parts of killed uploads of other content, unless the server forbids it; not those of reports."""
    is_part = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part").fullmatch
    with contextlib.suppress(EtlError):
        for entry in list_entries(session, folder):
            if is_part(entry.name):
                remove_file(session, session.login.join_path(entry.name))
