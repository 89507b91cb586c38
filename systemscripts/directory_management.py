"""Where everything lies, and how files are moved so that a kill at any instant loses none."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shlex
import stat
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from systemscripts.errors import BadDataError, ConfigurationError, EtlError, UsageError

CHUNK_BYTES = 1 << 20
_ZEROS = bytes(CHUNK_BYTES)
MAX_SUFFIX_BYTES = 20  # of a name that is cut: what is longer is not the kind of a file
# For the user and the group.
FILE_MODE = 0o660
SYSTEM_FOLDER_PARTS = 2  # of /srv, /home, /tmp: folders of everyone, whose owner is nobody's to change
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, ulimit -f
MAX_PART_NAME_BYTES = 230  # with a dot before it, and some letters and .part behind it
MAX_NAME_BYTES = 200  # 255 on most file systems; .part, .reason.txt and marks must fit too
MAX_DISK_NAME_BYTES = 255  # bytes of a name on most file systems
IN_PROGRESS_SUFFIXES = (".part", ".tmp", ".filepart", ".crdownload")
IN_PROGRESS_PREFIXES = ("~$", ".")

FileStat = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


@dataclass(frozen=True)
class Directories:
    """The folders of one installation, all below its data folder."""

    data: Path

    @property
    def file_watcher(self) -> Path:
        """The only door in."""
        return self.data / "file_watcher"

    @property
    def temporary(self) -> Path:
        """Files that are not whole yet, and what a stopped scan has so far."""
        return self.file_watcher / "file_watcher_temp"

    @property
    def refused(self) -> Path:
        """Whole files kept aside, each with its reason beside it."""
        return self.file_watcher / "refused"

    @property
    def archive(self) -> Path:
        """What was loaded, by year and month."""
        return self.data / "archive"

    @property
    def logs(self) -> Path:
        """One JSON-lines file per run, with its CSV and TXT."""
        return self.data / "logs"

    @property
    def var(self) -> Path:
        """What the suite itself remembers outside the database."""
        return self.data / "var"

    @property
    def locks(self) -> Path:
        """One lock file per script and key."""
        return self.var / "locks"

    @property
    def runs(self) -> Path:
        """One marker per run whose end has not reached the database yet."""
        return self.var / "runs"

    @property
    def alerts(self) -> Path:
        """One state file per job that has been bad."""
        return self.var / "alerts"

    def create(self) -> Directories:
        """Make what is missing; raises ConfigurationError with the command that mends missing rights."""
        for folder in (self.temporary, self.refused, self.archive, self.logs, self.locks, self.runs, self.alerts):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise explain_write_error(folder, error) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise explain_write_error(folder, PermissionError(13, "Permission denied"))
        return self


def explain_write_error(path: Path, error: OSError) -> EtlError:
    """The error for a folder or file that cannot be written, with what mends it."""
    if error.errno in NO_SPACE:
        return EtlError(f"no space left for {path}", "Free space, then run it again.")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        shown = shlex.quote(str(path))
        hint = f"A file has the name of a folder: look at it, then: mv {shown} {shown}.before"
        return ConfigurationError(f"{path} cannot be written: {error.strerror}", hint)
    return ConfigurationError(f"{path} cannot be written: {error.strerror}", advise_access(path))


def advise_access(path: Path) -> str:
    """Return what to type so that this user may read and write a path; nobody's own file or folder is taken away.

    What root left behind is given to this user; another user's file stays theirs and is shared.
    """
    user = os.environ.get("USER") or str(os.geteuid())
    existing = next(found for found in (path, *path.parents) if os.path.exists(found))  # noqa: PTH110 - never raises
    if existing not in (path, path.parent):
        return f"Run: sudo install -d -o {user} {shlex.quote(str(path.parent))}"
    shown, owner = shlex.quote(str(existing)), existing.stat().st_uid
    if os.geteuid() == 0:
        return f"Not even root may: is the disk mounted read-only? See: findmnt -T {shown}"
    if owner == os.geteuid():
        return f"Run: chmod -R u+rwX {shown}"
    if owner == 0 and len(existing.parts) > SYSTEM_FOLDER_PARTS:
        return f"Run: sudo chown -R {user} {shown}"
    if owner == 0:
        return f"Name a path below a folder that {user} may write."
    return f"It stays its owner's and is shared by: sudo setfacl -R -m u:{user}:rwX {shown} (or name another path)"


def is_in_progress(name: str) -> bool:
    """Whether a file of this name is still being written by the program that makes it."""
    return name.lower().endswith(IN_PROGRESS_SUFFIXES) or name.startswith(IN_PROGRESS_PREFIXES)


def explain_unsafe_name(name: str) -> str:
    """Why a name that somebody else chose must not become the name of a file here, "" where it may."""
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        return "it holds a path"
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
        return "it is not UTF-8"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in name):
        return "it holds control characters"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return ""


def explain_unsafe_arrival(name: str) -> str:
    """Return why a file of this name must not come in, "" where it may: one that a disk can hold is shortened here."""
    return explain_unsafe_name(shorten_name(name) if len(os.fsencode(name)) <= MAX_DISK_NAME_BYTES else name)


def shorten_name(name: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Return a name of at most `max_bytes` bytes: itself, or its beginning, 8 letters of its hash, and its ending."""
    raw = os.fsencode(name)
    if len(raw) <= max_bytes:
        return name
    stem, dot, ending = raw.rpartition(b".")
    if not stem or len(ending) > MAX_SUFFIX_BYTES:
        stem, dot, ending = raw, b"", b""
    mark = f"_{hashlib.sha256(raw).hexdigest()[:8]}".encode()
    kept = stem[: max_bytes - len(mark + dot + ending)].decode(errors="ignore")
    return kept + os.fsdecode(mark + dot + ending)


def make_hashed_name(text: str, max_characters: int) -> str:
    """Return a file name made from any text: its letters, digits and `._-`, and 8 digits of its hash."""
    safe = re.sub(r"[^\w.-]", "_", text)[:max_characters]
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def decode_name(name: str) -> str:
    """Return a name that the database and the screen can show: one that is not UTF-8 is read as Windows-1252."""
    raw = os.fsencode(name)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        return "".join("_" if unicodedata.category(letter) in ("Cc", "So") else letter for letter in text)


def copy_stream(source: IO[bytes], target: IO[bytes], max_bytes: float = float("inf")) -> int:
    """Copy to the end and return the number of bytes; what is sparse stays so. Raises OverflowError above the limit."""
    size = 0
    while chunk := source.read(CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise OverflowError(size)
        if not chunk[0] and chunk == _ZEROS[: len(chunk)]:
            target.seek(len(chunk), os.SEEK_CUR)
        else:
            target.write(chunk)
    target.truncate(size)
    return size


def compute_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex; raises UsageError or BadDataError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except OSError as error:
        raise BadDataError(
            f"{path} cannot be read: {error.strerror}", f"Run: chmod g+r {shlex.quote(str(path))}"
        ) from error
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_write(path: Path, mode: int = 0o660, durable: bool = True) -> Iterator[IO[bytes]]:
    """Give a binary stream whose content appears at `path` whole or not at all.

    `durable`: it is there after a power cut too; what can be written again does not wait for the disk.
    """
    handle, part = _part(path)
    with os.fdopen(handle, "wb") as stream:
        try:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
            part.chmod(mode)
            part.replace(path)  # before the stream, and so its lock, is closed
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    if durable:
        sync_folder(path.parent)


def _part(path: Path) -> tuple[int, Path]:
    """The file that becomes `path`, open; what a killed writer left is taken over, so nothing is left for good.

    Its writer holds a lock. Beside another writer, or where the leftover is somebody else's, it gets a name of its own.
    """
    name = shorten_name(path.name, MAX_PART_NAME_BYTES)
    part = path.with_name(f".{name}.part")
    with contextlib.suppress(OSError):
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), part.stat()):  # else its writer renamed it just now
                os.ftruncate(handle, 0)
                return handle, part
        except OSError:
            pass
        os.close(handle)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{name}.", suffix=".part")
    return handle, Path(name)


def sync_folder(folder: Path) -> None:
    """Make renames in this folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_file(source: Path, target: Path) -> None:
    """Move a file without ever having less than one whole copy; a whole target of an earlier try is replaced.

    Raises OSError (no space, no right); the source is then still there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if source.is_symlink():  # what was loaded are its bytes
            raise OSError(errno.EXDEV, "a link")
        _give_mode(source)
        source.replace(target)
    except OSError as error:
        # another file system, or another owner's file: copy, make sure, remove
        if error.errno != errno.EXDEV:
            raise
        with source.open("rb") as original, atomic_write(target) as copy:
            copy_stream(original, copy)
        source.unlink()
    sync_folder(target.parent)


def move_without_overwriting(source: Path, target: Path) -> bool:
    """Move a file within its file system to a name that is free; return false where it is not. Raises OSError."""
    try:
        os.link(source, target)
    except FileExistsError:
        # its own other name: an earlier try was killed before it took the first one away
        if not source.samefile(target):
            return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        source.rename(target)  # a file system without hard links
        return True
    source.unlink(missing_ok=True)
    return True


def _give_mode(path: Path) -> None:
    """Close a file to others, whatever mode it came with; raises OSError (EXDEV) for one of another owner.

    Only a copy can be closed then, and its owner can no longer change it.
    """
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode) or stat.S_IMODE(state.st_mode) == FILE_MODE:
        return
    if state.st_uid != os.geteuid() and os.geteuid() != 0:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path))
    path.chmod(FILE_MODE)


def choose_free_name(target: Path, content: str, taken: Callable[[Path], bool]) -> Path:
    """A path beside `target` that is not taken by another content: the name, else with the hash's first 8 letters."""
    if not taken(target):
        return target
    for mark in (content[:8], content):
        marked = target.with_name(shorten_name(f"{target.stem}_{mark}{target.suffix}", MAX_PART_NAME_BYTES))
        if not taken(marked):
            break
    return marked


def read_file_stat(path: Path) -> FileStat | None:
    """Return size and time of a file, None where it cannot be found."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def split_still_files(paths: Iterable[Path], seconds: float) -> tuple[list[Path], list[Path]]:
    """Return the files that have stopped changing, and those that are still being written.

    Files younger than `seconds` are checked twice, that far apart; older ones need no wait.
    """
    still, young = [], []
    for path in paths:
        file_stat = read_file_stat(path)
        if file_stat is None:
            continue
        if time.time() - file_stat[1] / 1e9 < seconds:
            young.append((path, file_stat))
        else:
            still.append(path)
    if young:
        newest = max(file_stat[1] for _, file_stat in young) / 1e9
        time.sleep(min(max(newest + seconds - time.time(), 0.0), seconds))
    moving = [path for path, file_stat in young if read_file_stat(path) != file_stat]
    return still + [path for path, _ in young if path not in moving], moving
