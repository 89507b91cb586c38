"""The format of a backup of the whole house: one encrypted file, NAME_yyyyMMddTHHmmss.bundle, and the packs it names.

It is a tar: `manifest.json` first, then `database.dump` and the small files under the names of `house_files`. Next to
it, NAME_....sha256 has the hashes of the bundle and of each pack it needs, for `sha256sum --check`.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from systemscripts.backups import encryption, house_files
from systemscripts.backups.fingerprints import Fingerprints
from systemscripts.backups.packs import SUFFIX as PACK_SUFFIX
from systemscripts.backups.packs import Files, Packs
from systemscripts.backups.restore_call import format_same_restore
from systemscripts.directory_management import CHUNK_BYTES, atomic_write, compute_sha256, explain_write_error
from systemscripts.errors import BadDataError, ConfigurationError

SUFFIX, CHECKSUMS_SUFFIX = ".bundle", ".sha256"
# What this code reads; a bundle with a greater number is of newer code.
FORMAT = 1
MANIFEST, DUMP = "manifest.json", "database.dump"
# A SHA-256.
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """What a bundle contains, and on which host it was made."""

    created: str
    version: str
    host: str
    # the newest one of the database
    migration: int
    # of the server
    major: int
    tables: Fingerprints = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    packs: Packs = field(default_factory=dict)


@dataclass(frozen=True)
class Unpacked:
    """A bundle whose small files and dump are in a folder, under their names."""

    folder: Path
    manifest: Manifest

    @property
    def dump(self) -> Path:
        """The dump of the database."""
        return self.folder / DUMP

    @property
    def contents(self) -> Path:
        """The folder for contents of packs, each under its hash."""
        return self.folder.with_name("contents")

    def list_names(self) -> list[str]:
        """Return the names of the small files."""
        names = (str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())
        return sorted(name for name in names if name not in (MANIFEST, DUMP))


def write_bundle(path: Path, passphrase: str, manifest: Manifest, members: Mapping[str, Path]) -> None:
    """Write a bundle to `path`, whole or not at all."""
    content = json.dumps({"format": FORMAT, **asdict(manifest)}).encode()
    with encryption.encrypt_to(path, passphrase) as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
        member = tarfile.TarInfo(MANIFEST)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
        for name, source in members.items():
            with source.open("rb") as opened:
                # mode and time of the file, not of a link to it
                tar.addfile(tar.gettarinfo(arcname=name, fileobj=opened), opened)


def read_manifest(path: Path, passphrases: Sequence[str]) -> Manifest:
    """Return what a bundle contains; reads all of it, so that a damaged one is found."""
    with encryption.read_tar(path, passphrases) as tar:
        return _parse_manifest(tar, tar.next(), path)


def unpack_bundle(path: Path, passphrases: Sequence[str], folder: Path, is_key_enough: bool = False) -> Unpacked:
    """Unpack a bundle into an empty folder; raises BadDataError if it is damaged, ConfigurationError if it is newer."""
    with encryption.read_tar(path, passphrases, is_key_enough) as tar:
        manifest = _parse_manifest(tar, tar.next(), path)
        while member := tar.next():
            if not member.isfile() or not (member.name == DUMP or house_files.is_safe_name(member.name)):
                raise BadDataError(f"{path} contains {member.name}, which is not part of a backup", "Use another one.")
            _extract(tar, member, folder / member.name)
    if not (folder / DUMP).is_file():
        raise BadDataError(f"{path} contains no database", "Use another backup.")
    return Unpacked(folder, manifest)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            while chunk := content.read(CHUNK_BYTES):
                stream.write(chunk)
        target.chmod(member.mode & 0o770)
    except OSError as error:
        raise explain_write_error(target, error) from error


def _parse_manifest(tar: tarfile.TarFile, member: tarfile.TarInfo | None, path: Path) -> Manifest:
    content = tar.extractfile(member) if member is not None and member.name == MANIFEST else None
    if content is None:
        raise BadDataError(f"{path} is not a backup of this project", "Use another one.")
    try:
        # pydantic reads no JSON with the name of a file that is not UTF-8
        values = json.loads(content.read())
        number = values.get("format") if isinstance(values, dict) else None
        if isinstance(number, int) and number > FORMAT:
            raise ConfigurationError(f"{path} was made by newer code", "Update the code: git pull, or etl upgrade.")
        manifest = TypeAdapter(Manifest).validate_python(values)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole of it"
        raise _build_fault(path, f"a wrong value: {where}") from error
    except (ValueError, RecursionError) as error:
        raise _build_fault(path, "no JSON") from error
    _check_names(path, manifest.files, manifest.packs)
    return manifest


def _build_fault(path: Path, what: str) -> BadDataError:
    return BadDataError(f"{path} is damaged or forged: its list of contents has {what}", "Use another backup.")


def _check_names(path: Path, files: Files, packs: Packs) -> None:
    """Raise BadDataError if a name or hash, each of which becomes part of a path, would lead elsewhere."""
    digests = {*(file.digest for file in files.values()), *(pack.digest for pack in packs.values())}
    names = {*packs, *(file.pack for file in files.values())}
    wrong = [name for name in files if not house_files.is_safe_name(name)]
    wrong += [name for name in names if "/" in name or not name.endswith(PACK_SUFFIX)]
    wrong += [digest for digest in digests if not DIGEST.fullmatch(digest)]
    if wrong:
        raise BadDataError(f"{path} names {wrong[0]!r}, which is not part of a backup", "Use another one.")


def write_checksums(path: Path, digests: Mapping[str, str]) -> None:
    """Write hashes by file name as `sha256sum --check` reads them."""
    with atomic_write(path) as stream:
        stream.write("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode())


def check_checksum(path: Path) -> None:
    """Compare a bundle with the checksums next to it, if there are any; raises BadDataError."""
    checksums = path.with_suffix(CHECKSUMS_SUFFIX)
    if not checksums.is_file():
        return
    # a damaged one may have any bytes
    digest = parse_checksums(checksums.read_text(encoding="utf-8", errors="replace")).get(path.name)
    if digest not in (None, compute_sha256(path)):
        raise BadDataError(
            f"{path} is damaged or incomplete",
            f"Copy it again, or use another backup: {format_same_restore('FILE')}",
        )


def parse_checksums(text: str) -> dict[str, str]:
    """Return the hashes of a file of `write_checksums`, by file name."""
    pairs = (line.split("  ", 1) for line in text.splitlines() if "  " in line)
    # from elsewhere: none of them leads out of its folder
    return {name: digest for digest, name in pairs if "/" not in name}
