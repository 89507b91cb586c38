"""Put the files of a backup back: to their places where this user may write, else set aside with the command to type.

A file that differs here is moved aside first, so nothing is lost. Where things are on this host (its database, its
folders) stays as it is.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import shutil
import stat
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts import settings
from systemscripts.backups import house_files
from systemscripts.backups.bundle import Unpacked
from systemscripts.backups.packs import Files, StoredFile
from systemscripts.configuration import yaml_folders
from systemscripts.directory_management import (
    FILE_MODE,
    Directories,
    compute_sha256,
    explain_write_error,
    move_file,
)

# Folders of keys: gpg and ssh refuse them if others may enter.
PRIVATE_FOLDERS = {".ssh", "pgp"}
# Where this host has its database and folders: not those of the host that the backup comes from.
PLACES = ("DATABASE_URL", "DATABASE_READER_URL", "ETL_DATA_DIR", "ETL_LOCAL_DIR")


@dataclass
class Placed:
    """What a restore did with the files, for people."""

    written: int = 0
    # of this host, moved here because the backup has other contents
    replaced: list[Path] = field(default_factory=list)
    # differ, but belong to another version of the project; what is in the backup is in `aside`
    left: list[Path] = field(default_factory=list)
    # the folder with what could not be written to its place
    aside: Path | None = None
    # for root: what puts it there
    next_steps: list[str] = field(default_factory=list)


def has_content(path: Path, file: StoredFile) -> bool:
    """Return whether a file here has the content of one in a backup; of equal size and time it is not read."""
    try:
        state = path.stat()
    except OSError:
        return False
    if state.st_size != file.size:
        return False
    return state.st_mtime_ns == file.modified_ns or compute_sha256(path) == file.digest


def put_back(unpacked: Unpacked, needed: Files, directories: Directories) -> Placed:
    """Put the small files, and the needed ones of the packs, to their places; raises EtlError (no space)."""
    work = _Work(directories, unpacked.manifest.version == settings.read_version())
    try:
        for name in unpacked.list_names():
            source = unpacked.folder / name
            if name == house_files.SETTINGS_NAME:
                source.write_text(_merge_settings(source), encoding="utf-8")
            # the installed cron file is made from the pipelines
            if not name.startswith("cron/"):
                work.place(name, source)
        uses = Counter(file.digest for file in needed.values())
        for name, file in needed.items():
            uses[file.digest] -= 1
            source = unpacked.contents / file.digest
            if uses[file.digest]:
                copied = source.with_name("copy")
                shutil.copyfile(source, copied)
                source = copied
            source.chmod(FILE_MODE)
            os.utime(source, ns=(file.modified_ns, file.modified_ns))
            work.place(name, source)
    except OSError as error:
        raise explain_write_error(Path(error.filename or directories.data), error) from error
    return work.finish()


class _Work:
    """Places files one by one and notes what was done."""

    def __init__(self, directories: Directories, is_same_version: bool) -> None:
        self.directories, self.is_same_version = directories, is_same_version
        self.aside = directories.var / f"restored_{settings.format_file_stamp()}"
        self.placed = Placed()
        # by this host itself, before anything is put back
        self.named = house_files.list_named()
        # set aside because this user may not write it
        self.forbidden: list[str] = []

    def place(self, name: str, source: Path) -> None:
        """Move a file to its place, or set it aside."""
        target = house_files.find_place(name, self.directories)
        exists = target.is_file()
        if exists and compute_sha256(target) == compute_sha256(source):
            return
        part = name.partition("/")[0]
        if exists and part == "project" and not self.is_same_version:
            self.placed.left.append(target)
            self._move(source, self.aside / "other_version" / name)
        elif not yaml_folders.can_write(target.parent) or (exists and not os.access(target, os.W_OK)):
            self.forbidden.append(name)
            self._move(source, self.aside / name)
        else:
            if exists:
                self.placed.replaced.append(target)
                shutil.copy2(target, self._prepare(self.aside / "replaced" / name))
            self._move(source, target)
            self.placed.written += 1

    def finish(self) -> Placed:
        """Return what was done, with the commands for what this user may not write."""
        if self.aside.is_dir():
            self.placed.aside = self.aside
        commands = [
            format_command(name, self.aside / name, house_files.find_place(name, self.directories), self.named)
            for name in sorted(self.forbidden)
        ]
        self.placed.next_steps = [f"as root put back what only root may write: {text}" for text in commands if text]
        if left := commands.count(""):
            self.placed.next_steps.append(
                f"{left} files in {self.aside} belong where this host's own configuration names nothing;"
                " docs/backup.md says how root puts them back"
            )
        return self.placed

    def _move(self, source: Path, target: Path) -> None:
        """Move a file with its mode, to where it appears whole."""
        self._prepare(target)
        mode = stat.S_IMODE(source.stat().st_mode)
        move_file(source, target)
        target.chmod(mode)

    def _prepare(self, target: Path) -> Path:
        """Create the folders of a file: for the owner alone where keys are, or what was set aside."""
        missing = [parent for parent in target.parents if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir(exist_ok=True)
            if parent.is_relative_to(self.aside) or PRIVATE_FOLDERS & set(parent.parts):
                parent.chmod(0o700)
        return target


def format_command(name: str, source: Path, target: Path, named: Collection[Path]) -> str:
    """Return what root types to put a file that is set aside to its place; "" where that is for root to decide.

    It is the place only if this host itself names it (its folders of configuration, or a path of `named`) and all
    folders above are of other users: what is set aside, and the backup, may be of the user of the jobs alone.
    """
    folder = next(parent for parent in target.parents if parent.exists())
    is_own = any(parent.stat().st_uid == os.geteuid() != 0 for parent in (folder, *folder.parents))
    part = name.partition("/")[0]
    if is_own or not (part in (house_files.SETTINGS_NAME, "project", "local") or (part == "host" and target in named)):
        return ""
    if part == house_files.SETTINGS_NAME:
        return yaml_folders.format_copy(source, target)
    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    read = shlex.join(["sudo", "-u", user, "cat", str(source)])
    mode = "750" if os.access(source, os.X_OK) else "640"
    write = ["sudo", "install", "-D", "-m", mode, "-o", folder.owner(), "-g", group, "/dev/stdin", str(target)]
    return f"{read} | {shlex.join(write)}"


def _merge_settings(path: Path) -> str:
    """Return the settings of the backup, except where things are: that is as this host has it."""
    own = {name: text for name, text in read_settings(settings.settings_file()) if name in PLACES}
    if not own:
        own["DATABASE_URL"] = "DATABASE_URL=embedded\n"
    # in their lines, so that the same settings give the same text
    parts = [own.pop(name, "") if name in PLACES else text for name, text in read_settings(path)]
    return "".join([*parts, *own.values()])


def read_settings(path: Path) -> list[tuple[str, str]]:
    """Return the parts of a settings file: the name that each sets ("" for none), and its text."""
    from dotenv.parser import parse_stream

    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as stream:
        return [(binding.key or "", binding.original.string) for binding in parse_stream(stream)]
