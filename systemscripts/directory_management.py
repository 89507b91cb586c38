"""The folders of an installation, and file operations that lose nothing if they are killed at any instant."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
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

from systemscripts.errors import BadDataError, ConfigurationError, DiskFullError, EtlError, UsageError

CHUNK_BYTES = 1 << 20
# The group that configure_etl_user.sh makes: it reads code and settings, which are root's.
SERVICE_GROUP = "etl_group"
_ZEROS = bytes(CHUNK_BYTES)
# Of a shortened name: a longer suffix does not tell the type of a file.
MAX_SUFFIX_BYTES = 20
# Readable and writable for the user and the group.
FILE_MODE = 0o660
# The parts of /srv, /home, /tmp: shared folders, whose owner must not be changed.
SYSTEM_FOLDER_PARTS = 2
# The disk is full, a quota is reached, ulimit -f.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Most file systems allow 255 bytes. A part file has a dot before the name and some letters and .part after it;
# .reason.txt and a part of the hash must fit after an ordinary name too.
MAX_DISK_NAME_BYTES = 255
MAX_PART_NAME_BYTES = 230
MAX_NAME_BYTES = 200
IN_PROGRESS_SUFFIXES = (".part", ".tmp", ".filepart", ".crdownload")
IN_PROGRESS_PREFIXES = ("~$", ".")

# size in bytes, time of the last change in nanoseconds
FileStat = tuple[int, int]


@dataclass(frozen=True)
class Directories:
    """The folders of one installation, all below its data folder."""

    data: Path

    @property
    def file_watcher(self) -> Path:
        """Where all files arrive."""
        return self.data / "file_watcher"

    @property
    def temporary(self) -> Path:
        """Files that are not complete yet, and the results of a stopped scan so far."""
        return self.file_watcher / "file_watcher_temp"

    @property
    def refused(self) -> Path:
        """Files set aside, each with its reason next to it."""
        return self.file_watcher / "refused"

    @property
    def archive(self) -> Path:
        """Loaded files, by year and month."""
        return self.data / "archive"

    @property
    def logs(self) -> Path:
        """One JSON-lines file per run, with its CSV and TXT."""
        return self.data / "logs"

    @property
    def var(self) -> Path:
        """The suite's own state outside the database."""
        return self.data / "var"

    @property
    def locks(self) -> Path:
        """One lock file per script and key."""
        return self.var / "locks"

    @property
    def runs(self) -> Path:
        """One marker per run that has not reached the database completely."""
        return self.var / "runs"

    @property
    def alerts(self) -> Path:
        """One state file per failing job."""
        return self.var / "alerts"

    def create(self) -> Directories:
        """Create the missing folders; raises ConfigurationError with the command that fixes missing rights."""
        for folder in (self.temporary, self.refused, self.archive, self.logs, self.locks, self.runs, self.alerts):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise explain_write_error(folder, error) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise explain_write_error(folder, PermissionError(13, "Permission denied"))
        return self


def explain_write_error(path: Path, error: OSError) -> EtlError:
    """Return the error for a folder or file that cannot be written, with how to fix it."""
    if error.errno in NO_SPACE:
        return DiskFullError(path)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        shown = shlex.quote(str(path))
        hint = f"A file has the name of a folder; check it, then run: mv {shown} {shlex.quote(f'{path}.before')}"
        return ConfigurationError(f"{path} cannot be written: {error.strerror}", hint)
    return ConfigurationError(f"{path} cannot be written: {error.strerror}", advise_access(path))


def advise_access(path: Path) -> str:
    """Return what to type so that this user may read and write a path without taking it from its owner.

    What root left behind is given to this user; another user's file stays theirs and is shared.
    """
    user = os.environ.get("USER") or str(os.geteuid())
    existing = next(parent for parent in (path, *path.parents) if os.path.exists(parent))  # noqa: PTH110 - never raises
    if belongs_to_installation(existing):
        return "Only root changes code and configuration here (docs/security.md): name a file in another folder."
    if existing not in (path, path.parent):
        return f"Run: sudo install -d -o {user} {shlex.quote(str(path.parent))}"
    shown, owner = shlex.quote(str(existing)), existing.stat().st_uid
    # a right that root gives on a link would be given on what it leads to
    if existing.is_symlink():
        return f"It is a link; see where it leads: ls -l {shown}"
    if os.geteuid() == 0:
        return f"Not even root may write: is the disk mounted read-only? See: findmnt -T {shown}"
    if owner == os.geteuid():
        return f"Run: chmod -R u+rwX {shown}"
    if owner == 0 and len(existing.parts) > SYSTEM_FOLDER_PARTS:
        return f"Run: sudo chown -hR {user} {shown}"
    if owner == 0:
        return f"Use a path below a folder that {user} may write."
    return f"To share it with {user}, run: sudo setfacl -R -m u:{user}:rwX {shown} (or use another path)"


def belongs_to_installation(path: Path) -> bool:
    """Return whether configure_etl_user.sh gave a path to root, so that the service user cannot change it."""
    state = path.stat()
    try:
        return state.st_uid == 0 and grp.getgrgid(state.st_gid).gr_name == SERVICE_GROUP
    except KeyError:
        return False


def is_in_progress(name: str) -> bool:
    """Return whether a file with this name is still being written by the program that creates it."""
    return name.lower().endswith(IN_PROGRESS_SUFFIXES) or name.startswith(IN_PROGRESS_PREFIXES)


def explain_unsafe_name(name: str) -> str:
    """Return why a name from outside must not become the name of a file here; "" if it may."""
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        return "it contains a path"
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
        return "it is not UTF-8"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in name):
        return "it contains control characters"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return ""


def explain_unsafe_arrival(name: str) -> str:
    """Return why a file with this name must not come in; "" if it may: a name that a disk can hold is shortened."""
    return explain_unsafe_name(shorten_name(name) if len(os.fsencode(name)) <= MAX_DISK_NAME_BYTES else name)


def shorten_name(name: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Return a name of at most `max_bytes` bytes: itself, or its beginning, part of its hash, and its suffix."""
    raw = os.fsencode(name)
    if len(raw) <= max_bytes:
        return name
    stem, dot, suffix = raw.rpartition(b".")
    if not stem or len(suffix) > MAX_SUFFIX_BYTES:
        stem, dot, suffix = raw, b"", b""
    mark = f"_{hashlib.sha256(raw).hexdigest()[:8]}".encode()
    kept = stem[: max_bytes - len(mark + dot + suffix)].decode(errors="ignore")
    return kept + os.fsdecode(mark + dot + suffix)


def make_hashed_name(text: str, max_characters: int) -> str:
    """Return a file name made from any text: its letters, digits and `._-`, and 8 digits of its hash."""
    safe = re.sub(r"[^\w.-]", "_", text)[:max_characters]
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def decode_name(name: str) -> str:
    """Return a name that can be stored and shown: one that is not UTF-8 is read as Windows-1252."""
    raw = os.fsencode(name)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        return "".join("_" if unicodedata.category(letter) in ("Cc", "So") else letter for letter in text)


def copy_stream(source: IO[bytes], target: IO[bytes], max_bytes: float = float("inf")) -> int:
    """Copy to the end, return the number of bytes; sparse parts stay sparse. Raises OverflowError above the limit."""
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
    """Return the SHA-256 of a file in hex; raises UsageError or BadDataError if it cannot be read."""
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
    """Yield a binary stream whose content appears at `path` complete or not at all.

    `durable`: wait until it survives a power cut; not necessary for what can be written again.
    """
    handle, part = _open_part(path)
    with os.fdopen(handle, "wb") as stream:
        try:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
            part.chmod(mode)
            # before the stream, and with it its lock, is closed
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    if durable:
        sync_folder(path.parent)


def _open_part(path: Path) -> tuple[int, Path]:
    """Open the temporary file that becomes `path`; the one of a killed writer is reused, so none is left behind.

    The writer holds a lock on it. If another process or user has it, the file gets a name of its own.
    """
    name = shorten_name(path.name, MAX_PART_NAME_BYTES)
    part = path.with_name(f".{name}.part")
    with contextlib.suppress(OSError):
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # otherwise its writer has just renamed it
            if os.path.samestat(os.fstat(handle), part.stat()):
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
    """Move a file so that there is always one complete copy; a complete target of an earlier attempt is replaced.

    Raises OSError (no space, no right); the source is then still there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # the content was loaded, not the link
        if source.is_symlink():
            raise OSError(errno.EXDEV, "a link")
        _restrict_mode(source)
        source.replace(target)
    except OSError as error:
        # another file system, or another owner's file: copy, check, remove
        if error.errno != errno.EXDEV:
            raise
        with source.open("rb") as original, atomic_write(target) as copy:
            copy_stream(original, copy)
        source.unlink()
    sync_folder(target.parent)


def move_beside(companions: Iterable[Path], source: Path, target: Path | None) -> None:
    """Move files named like `source` with something appended to where it went, or remove them where it was removed.

    Raises OSError.
    """
    for companion in companions:
        if target is None:
            companion.unlink()
        else:
            move_file(companion, target.with_name(f"{target.name}{companion.name[len(source.name) :]}"))


def try_move_file(source: Path, target: Path) -> bool:
    """Move a file within its file system; return whether the name was free. Raises OSError."""
    try:
        os.link(source, target)
    except FileExistsError:
        # the same file: an earlier attempt was killed before it removed the first name
        if not source.samefile(target):
            return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        # a file system without hard links
        source.rename(target)
        return True
    source.unlink(missing_ok=True)
    return True


def _restrict_mode(path: Path) -> None:
    """Remove the rights of other users on a file; raises OSError (EXDEV) if it belongs to another user.

    Such a file must be copied, so that its owner can no longer change it.
    """
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode) or stat.S_IMODE(state.st_mode) == FILE_MODE:
        return
    if state.st_uid != os.geteuid() and os.geteuid() != 0:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path))
    path.chmod(FILE_MODE)


def choose_free_name(target: Path, content: str, is_taken: Callable[[Path], bool]) -> Path:
    """Return `target`, or if another content has that name, one with the first 8 letters of the hash."""
    if not is_taken(target):
        return target
    for mark in (content[:8], content):
        candidate = target.with_name(shorten_name(f"{target.stem}_{mark}{target.suffix}", MAX_PART_NAME_BYTES))
        if not is_taken(candidate):
            break
    return candidate


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
    changing = set(moving)
    return still + [path for path, _ in young if path not in changing], moving
