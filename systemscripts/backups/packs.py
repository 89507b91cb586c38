"""Store each content of the archive, the lake and file_watcher/ once: in packs, encrypted files next to the backups.

A pack is a tar whose members have the SHA-256 of their content as names. Each backup adds packs with the contents that
no earlier pack has, and names the packs it needs. A pack that no kept backup needs is removed; one whose contents are
mostly no longer in use is written again, without those.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from systemscripts.backups import encryption
from systemscripts.directory_management import CHUNK_BYTES, compute_sha256
from systemscripts.errors import BadDataError, EtlError

SUFFIX = ".files"
# Of a pack before it is compressed: what is repeated when an upload fails, and what S3 and SFTP servers take easily.
MAX_PACK_BYTES = 4 * 2**30


@dataclass(frozen=True)
class StoredFile:
    """One file of a backup: its size and time, the hash of its content, and the pack that has it."""

    size: int
    modified_ns: int
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

    def store(self, paths: Mapping[str, Path]) -> tuple[Files, list[str]]:
        """Store files, by name; return them, and a sentence for each that is left out.

        One that disappears meanwhile was archived, and is found there.
        """
        self._choose_packs(paths)
        stored: Files = {}
        faults: list[str] = []
        waiting = iter(paths.items())
        new: list[tuple[str, Path, StoredFile]] = []
        total = 0
        for name, path in waiting:
            try:
                file = self._describe(name, path)
            except FileNotFoundError:
                continue
            except (OSError, EtlError) as error:
                faults.append(f"{path}: {getattr(error, 'strerror', None) or error}")
                continue
            if file.pack:
                stored[name] = file
                continue
            new.append((name, path, file))
            total += file.size
            if total >= MAX_PACK_BYTES:
                self._write_pack(new, stored, faults)
                new, total = [], 0
        if new:
            self._write_pack(new, stored, faults)
        return stored, faults

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

    def _write_pack(self, new: Sequence[tuple[str, Path, StoredFile]], stored: Files, faults: list[str]) -> None:
        """Write one pack and add its files to `stored`; one that changes meanwhile is left out."""
        name = f"{self.stem}-{len(self.written) + 1:03}{SUFFIX}"
        part = self.folder / f".{name}.part"
        sizes: dict[str, int] = {}
        changed: set[str] = set()
        with encryption.encrypt_to(part, self.passphrase) as target, tarfile.open(fileobj=target, mode="w|") as tar:
            for file_name, path, file in new:
                if file.digest not in sizes and file.digest not in changed:
                    if _try_add(tar, path, file):
                        sizes[file.digest] = file.size
                    else:
                        # under its name the pack has something else now
                        changed.add(file.digest)
                if file.digest in changed:
                    faults.append(f"{path}: it changed while it was read; the next backup has it")
                    continue
                stored[file_name] = StoredFile(file.size, file.modified_ns, file.digest, name)
        if not sizes:
            part.unlink()
            return
        part.chmod(0o660)
        pack = Pack(compute_sha256(part), part.stat().st_size, sum(sizes.values()))
        part.replace(self.folder / name)
        self.packs[name] = pack
        self.pack_of |= dict.fromkeys(sizes, name)
        self.written.append(self.folder / name)


def _is_there(path: Path, pack: Pack) -> bool:
    return path.is_file() and path.stat().st_size == pack.size


def _try_add(tar: tarfile.TarFile, path: Path, file: StoredFile) -> bool:
    """Add a content under its hash; return False if it is no longer what it was, and then it is never looked up."""
    member = tarfile.TarInfo(file.digest)
    member.size = file.size
    try:
        with path.open("rb") as stream:
            reader = _PaddedReader(stream)
            tar.addfile(member, reader)
    except FileNotFoundError:
        return False
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
