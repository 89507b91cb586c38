"""Store files that are added in the browser, each in a folder of its own, until they are loaded or too old."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
import time
import unicodedata
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from systemscripts import human_units, settings
from systemscripts.directory_management import (
    IN_PROGRESS_PREFIXES,
    Directories,
    atomic_write,
    explain_unsafe_arrival,
    shorten_name,
)
from systemscripts.errors import MissingError, TryLaterError, UsageError

# of one request: below what the server accepts, and written within its time limit on a slow line
MAX_PART_BYTES = 4 << 20
CHUNK_BYTES = 1 << 20
# a file that was neither loaded nor removed
KEEP_SECONDS = 2 * 86_400
# of one user at the same time, so that no one fills the disk with files that are never loaded
MAX_FILES_PER_USER = 20
_lock = threading.RLock()


@dataclass
class Draft:
    """A file that was added: where it is, how much of it has arrived, and what was decided about it.

    `reading`: how to read it, as far as a person says so. `edits`: what a person changed in the proposal.
    `config_name`: the import that it is for, "" for a new one. `run_uuid`: the run that loads it.
    """

    draft_id: str
    user_name: str
    file_name: str
    size: int
    received: int = 0
    config_name: str = ""
    reading: dict[str, Any] = field(default_factory=dict)
    edits: dict[str, Any] = field(default_factory=dict)
    run_uuid: str = ""
    version: int = 0
    # dataset_id of a held file, or file_id of a refused one, whose columns are changed
    review: dict[str, Any] = field(default_factory=dict)
    # counts the requests to read or try it, so that a late result of an older one is recognised
    round: int = 0

    @property
    def folder(self) -> Path:
        """Return the folder of this file."""
        return _base_folder() / self.draft_id

    @property
    def path(self) -> Path:
        """Return the path of the file itself."""
        return self.folder / "data" / self.file_name

    @property
    def is_complete(self) -> bool:
        """Return whether the whole file has arrived."""
        return self.received == self.size

    def save(self) -> None:
        """Store everything but the file itself."""
        values = dict(vars(self))
        with _lock, atomic_write(self.folder / "draft.json", durable=False) as stream:
            stream.write(json.dumps(values).encode())

    def read_result(self, name: str) -> dict[str, Any] | None:
        """Return a result of the process that reads the file, None while there is none of the last request."""
        try:
            result = json.loads((self.folder / f"{name}.json").read_text())
        except (OSError, json.JSONDecodeError):
            return None
        return result if isinstance(result, dict) and (name == "found" or result["round"] == self.round) else None

    def write_result(self, name: str, result: dict[str, Any]) -> None:
        """Store a result; `name`: found or tried."""
        with atomic_write(self.folder / f"{name}.json", durable=False) as stream:
            stream.write(json.dumps(result | {"round": self.round}, default=str).encode())

    def remove(self) -> None:
        """Remove the file and all that is known of it."""
        with _lock:
            shutil.rmtree(self.folder, ignore_errors=True)


def _base_folder() -> Path:
    folder = Directories(settings.current().etl_data_dir).var / "console" / "new_files"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


def make_safe_name(name: str) -> str:
    """Return the name under which a file is stored: without a folder, not hidden; raise UsageError if there is none."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1]).strip()
    while name.startswith(IN_PROGRESS_PREFIXES):
        name = name[1:]
    if reason := explain_unsafe_arrival(name):
        raise UsageError(f"the name of the file is not allowed: {reason}", "Rename it, then add it again.")
    return shorten_name(name)


def get_max_bytes() -> int:
    """Return the size of the largest file that is accepted."""
    return settings.current().console_max_file_mb * 10**6


def begin_draft(user_name: str, file_name: str, size: int, config_name: str = "") -> Draft:
    """Return a new draft for a file of `size` bytes, of which nothing has arrived yet.

    Raise UsageError if it is too large or empty or its name is not allowed, TryLaterError if there is no space for it.
    """
    name = make_safe_name(file_name)
    if size < 1:
        raise UsageError(f"{name} is empty", "Choose another file.")
    if size > get_max_bytes():
        raise UsageError(
            f"{name} has {human_units.format_size(size)}; a browser may add up to "
            f"{human_units.format_size(get_max_bytes())} (CONSOLE_MAX_FILE_MB)",
            "Put it into file_watcher/ on the server.",
        )
    remove_old_drafts()
    if sum(draft.user_name == user_name for draft in list_drafts()) >= MAX_FILES_PER_USER:
        raise UsageError(f"{MAX_FILES_PER_USER} files that you added are not loaded", "Load or remove one of them.")
    _check_space(size)
    draft = Draft(str(uuid.uuid4()), user_name, name, size, config_name=config_name)
    draft.path.parent.mkdir(mode=0o750, parents=True)
    draft.path.touch(mode=0o640)
    draft.save()
    return draft


def _check_space(size: int) -> None:
    free, kept = shutil.disk_usage(_base_folder()).free, settings.current().keep_free_gb * 2**30
    if free - size < kept:
        raise TryLaterError(
            f"there is no space for {human_units.format_size(size)}: {human_units.format_size(free)} are free, and "
            "KEEP_FREE_GB keeps a part of it free",
            "Free space on the server, then add the file again.",
        )


def append_part(draft: Draft, offset: int, stream: IO[bytes]) -> None:
    """Append the next bytes of a file, at most MAX_PART_BYTES, without holding them in memory.

    Raise UsageError if they do not begin where the file ends so far, or go beyond its announced size.
    """
    with _lock:
        draft.__dict__.update(vars(load_draft(draft.draft_id)))
        if offset != draft.received:
            raise UsageError(f"expected the bytes from {draft.received} on, not from {offset}", "Send those.")
        most = min(MAX_PART_BYTES, draft.size - draft.received)
        _check_space(most)
        with draft.path.open("r+b") as target:
            # a request that was interrupted may have left bytes that were not counted
            target.truncate(offset)
            target.seek(offset)
            written = 0
            while chunk := stream.read(CHUNK_BYTES):
                written += len(chunk)
                if written > most:
                    target.truncate(offset)
                    raise UsageError(
                        f"expected at most {most} bytes: a part has up to {MAX_PART_BYTES}, and the file was announced "
                        f"with {draft.size}",
                        "Send smaller parts.",
                    )
                target.write(chunk)
        draft.received += written
        draft.save()


def store_whole(user_name: str, file_name: str, stream: IO[bytes], config_name: str = "") -> Draft:
    """Return the draft of a file that came in one request, as a form without scripts sends it."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    draft = begin_draft(user_name, file_name, size, config_name)
    with draft.path.open("wb") as target:
        shutil.copyfileobj(stream, target, CHUNK_BYTES)
    draft.received = size
    draft.save()
    return draft


def copy_for_review(user_name: str, path: Path, file_name: str, config_name: str, review: dict[str, Any]) -> Draft:
    """Return the draft of a file that is here already, held or refused; raise TryLaterError if there is no space."""
    remove_old_drafts()
    size = path.stat().st_size
    _check_space(size)
    draft = Draft(str(uuid.uuid4()), user_name, make_safe_name(file_name), size, size, config_name, review=review)
    draft.path.parent.mkdir(mode=0o750, parents=True)
    shutil.copyfile(path, draft.path)
    draft.save()
    return draft


def load_draft(draft_id: str) -> Draft:
    """Return a draft; raise MissingError if it does not exist."""
    try:
        values = json.loads((_base_folder() / str(uuid.UUID(draft_id)) / "draft.json").read_text())
    except (OSError, ValueError) as error:
        raise MissingError("this file was removed, or it was added too long ago", "Add it again.") from error
    return Draft(**values)


def list_drafts() -> list[Draft]:
    """Return the files that were added and not removed, newest first."""
    drafts = []
    for folder, _changed_at in sorted(_list_folders(), key=lambda item: -item[1]):
        try:
            drafts.append(load_draft(folder.name))
        except MissingError:
            continue
    return drafts


def _list_folders() -> list[tuple[Path, float]]:
    """Return the folders of all drafts, each with the time of its last change."""
    folders = []
    for path in _base_folder().iterdir():
        # another request may remove it at this moment
        with contextlib.suppress(FileNotFoundError):
            folders.append((path, path.stat().st_mtime))
    return folders


def remove_old_drafts() -> None:
    """Remove the files that were added more than KEEP_SECONDS ago."""
    until = time.time() - KEEP_SECONDS
    for folder, changed_at in _list_folders():
        if changed_at < until:
            shutil.rmtree(folder, ignore_errors=True)
