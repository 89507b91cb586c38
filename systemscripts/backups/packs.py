"""Store each content of the archive, the lake and file_watcher/ once: in packs, encrypted files next to the backups.

A pack is a tar whose members have the SHA-256 of their content as names. Each backup adds packs with the contents that
no earlier pack has, and names the packs it needs. A pack that no kept backup needs is removed; one whose contents are
mostly no longer in use is written again, without those.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

from pydantic import Field

from systemscripts.backups import encryption
from systemscripts.directory_management import CHUNK_BYTES, compute_sha256
from systemscripts.errors import BadDataError, EtlError

SUFFIX = ".files"
# Of a pack before it is compressed: what is repeated when an upload fails, and what S3 and SFTP servers take easily.
MAX_PACK_BYTES = 4 * 2**30
# Each listing after the first one has little to do; files that still move then have no end.
MAX_LISTINGS = 20
# What a file system can store: about the year 2262.
MAX_NANOSECONDS = 2**63 - 1


@dataclass(frozen=True)
class StoredFile:
    """One file of a backup: its size and time, the hash of its content, and the pack that has it."""

    size: int
    modified_ns: Annotated[int, Field(ge=-MAX_NANOSECONDS, le=MAX_NANOSECONDS)]
    digest: str
    pack: str


@dataclass(frozen=True)
class Pack:
    """A pack: the hash and size of the file, and the bytes of all its contents before compression."""

    digest: str
    size: int
    content_bytes: int


Files = dict[str, StoredFile]
Packs = dict[str, Pack]


class PackWriter:
    """Add the contents that are new to packs in a folder; `finish` gives what the backup has to name."""

    def __init__(self, folder: Path, stem: str, passphrase: str, files: Files, packs: Packs) -> None:
        self.folder, self.stem, self.passphrase = folder, stem, passphrase
        # name -> what the last backup knows of it
        self.known_files = files
        self.packs = {name: pack for name, pack in packs.items() if _is_there(folder / name, pack)}
        self.pack_of: dict[str, str] = {}
        self.written: list[Path] = []

    def store(self, list_paths: Callable[[], Mapping[str, Path]]) -> tuple[Files, list[str]]:
        """Store the files that `list_paths` lists, by name; return them, and a sentence for each that is left out.

        Files move meanwhile (into the archive, into the zip of a day): they are listed again, and what is new or has
        changed is stored, until all that were listed before are still there.
        """
        stored: Files = {}
        faults: dict[str, str] = {}
        before: set[str] = set()
        for number in range(MAX_LISTINGS):
            paths = list_paths()
            if number == 0:
                self._choose_packs(paths)
            lost = self._store_listed(paths, stored, faults)
            # the second time is needed also if none is lost: one may have moved while it was listed first
            if number and not lost and before <= paths.keys():
                break
            before = set(paths)
        else:
            return stored, [*faults.values(), "files moved all the time; the next backup has those that are missing"]
        # one with a fault that is gone was stored where it is now
        return stored, [text for name, text in faults.items() if name in paths]

    def _store_listed(self, paths: Mapping[str, Path], stored: Files, faults: dict[str, str]) -> set[str]:
        """Store what is not in `stored` as it is now; return the names of those that have disappeared."""
        lost: set[str] = set()
        new: list[tuple[str, Path, StoredFile]] = []
        total = 0
        for name, path in paths.items():
            try:
                if name in stored and _is_unchanged(path, stored[name]):
                    continue
                file = self._describe(name, path)
            except (OSError, EtlError) as error:
                if FileNotFoundError in (type(error), type(error.__cause__)):
                    lost.add(name)
                else:
                    faults[name] = f"{path}: {getattr(error, 'strerror', None) or error}"
                continue
            if file.pack:
                stored[name] = file
                faults.pop(name, None)
                continue
            new.append((name, path, file))
            total += file.size
            if total >= MAX_PACK_BYTES:
                lost |= self._write_pack(new, stored, faults)
                new, total = [], 0
        if new:
            lost |= self._write_pack(new, stored, faults)
        return lost

    def _choose_packs(self, paths: Mapping[str, Path]) -> None:
        """Go on with the packs of which at least half is still in use; by and by, nothing that was deleted stays."""
        used: dict[str, dict[str, int]] = {}
        for name, file in self.known_files.items():
            if name in paths:
                used.setdefault(file.pack, {})[file.digest] = file.size
        self.packs = {
            name: pack
            for name, pack in self.packs.items()
            if sum(used.get(name, {}).values()) * 2 >= pack.content_bytes
        }
        self.pack_of = {file.digest: file.pack for file in self.known_files.values() if file.pack in self.packs}

    def _describe(self, name: str, path: Path) -> StoredFile:
        """Return what is known of a file; its pack is "" if no pack has its content. Reads only changed files."""
        state = path.stat()
        known = self.known_files.get(name)
        if known is not None and (known.size, known.modified_ns) == (state.st_size, state.st_mtime_ns):
            digest = known.digest
        else:
            digest = compute_sha256(path)
        return StoredFile(state.st_size, state.st_mtime_ns, digest, self.pack_of.get(digest, ""))

    def _write_pack(
        self, new: Sequence[tuple[str, Path, StoredFile]], stored: Files, faults: dict[str, str]
    ) -> set[str]:
        """Write one pack and add its files to `stored`; one that changes meanwhile is left out.

        Return the names of those that have disappeared.
        """
        name = f"{self.stem}-{len(self.written) + 1:03}{SUFFIX}"
        part = self.folder / f".{name}.part"
        sizes: dict[str, int] = {}
        changed: set[str] = set()
        lost: set[str] = set()
        with encryption.encrypt_to(part, self.passphrase) as target, tarfile.open(fileobj=target, mode="w|") as tar:
            for file_name, path, file in new:
                if file.digest not in sizes and file.digest not in changed:
                    try:
                        is_added = _try_add(tar, path, file)
                    except FileNotFoundError:
                        lost.add(file_name)
                        continue
                    if is_added:
                        sizes[file.digest] = file.size
                    else:
                        # under its name the pack has something else now
                        changed.add(file.digest)
                if file.digest in changed:
                    faults[file_name] = f"{path}: it changed while it was read; the next backup has it"
                    continue
                stored[file_name] = StoredFile(file.size, file.modified_ns, file.digest, name)
                faults.pop(file_name, None)
        if not sizes:
            part.unlink()
            return lost
        part.chmod(0o660)
        pack = Pack(compute_sha256(part), part.stat().st_size, sum(sizes.values()))
        part.replace(self.folder / name)
        self.packs[name] = pack
        self.pack_of |= dict.fromkeys(sizes, name)
        self.written.append(self.folder / name)
        return lost


def _is_there(path: Path, pack: Pack) -> bool:
    return path.is_file() and path.stat().st_size == pack.size


def _is_unchanged(path: Path, file: StoredFile) -> bool:
    state = path.stat()
    return (state.st_size, state.st_mtime_ns) == (file.size, file.modified_ns)


def _try_add(tar: tarfile.TarFile, path: Path, file: StoredFile) -> bool:
    """Add a content under its hash; return False if it is no longer what it was, and then it is never looked up.

    Raises FileNotFoundError, and then nothing was added.
    """
    member = tarfile.TarInfo(file.digest)
    member.size = file.size
    with path.open("rb") as stream:
        reader = _PaddedReader(stream)
        tar.addfile(member, reader)
    return reader.hash.hexdigest() == file.digest


class _PaddedReader:
    """Read a file, followed by zeros: a tar has announced its size, and the file may have become shorter."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.hash = stream, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """Return as many bytes as are needed."""
        chunk = self.stream.read(size)
        self.hash.update(chunk)
        return chunk + bytes(size - len(chunk))


def check_packs(folder: Path, packs: Packs) -> None:
    """Compare each pack with the hash that a backup has of it; raises BadDataError, also if one is missing."""
    for name, pack in sorted(packs.items()):
        path = folder / name
        if not path.is_file():
            raise BadDataError(f"{path} is missing, which this backup needs", "Copy it there, then run it again.")
        if compute_sha256(path) != pack.digest:
            raise BadDataError(f"{path} is damaged", "Copy it again, or use an older backup.")


def read_contents(
    folder: Path, needed: Mapping[str, set[str]], passphrases: Sequence[str]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each needed content once: its hash, and its blocks. `needed`: hashes by pack.

    Raises BadDataError if one is missing or has another hash; each must be read to its end.
    """
    for name, digests in sorted(needed.items()):
        left = set(digests)
        # a key is enough: the hashes come from the bundle
        with encryption.read_tar(folder / name, passphrases, is_key_enough=True) as tar:
            while member := tar.next():
                if member.name in left:
                    left.remove(member.name)
                    yield member.name, _read_checked(tar, member, folder / name)
        if left:
            raise BadDataError(f"{folder / name} lacks {len(left)} files of the backup", "Use another backup.")


def _read_checked(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Iterator[bytes]:
    content = tar.extractfile(member)
    digest = hashlib.sha256()
    while content is not None and (chunk := content.read(CHUNK_BYTES)):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != member.name:
        raise BadDataError(f"{path} has a damaged content", "Use another backup.")
