"""Restore a backup of the whole house, or rehearse it: database, files, configuration and keys.

The order makes it safe to repeat after a kill: everything is unpacked and checked next to its place first, then the
database is swapped, then the files are moved to their places.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.backups import bundle, encryption, house_files, packs, put_files, restore_backup
from systemscripts.backups.bundle import Unpacked
from systemscripts.backups.restore_backup import Restored
from systemscripts.backups.restore_call import format_same_restore
from systemscripts.commands import format_command
from systemscripts.db_utils import migrations
from systemscripts.directory_management import Directories, explain_write_error
from systemscripts.errors import ConfigurationError
from systemscripts.summary import Notice, record_warning
from systemscripts.tables import temporary_files


@dataclass
class House:
    """The result of a restore: of the database, and of the files."""

    database: Restored
    # files whose content was compared with its hash
    files: int = 0
    placed: put_files.Placed = field(default_factory=put_files.Placed)


def rehearse(path: Path, passphrase_file: Path | None = None, trust_origin: bool = False) -> House:
    """Restore a backup into a scratch database, compare each row and each file with what they were, and clean up.

    `trust_origin`: no passphrase need prove who made it. Raises EtlError if it cannot be restored, ConfigurationError
    if it cannot be opened, is not proven or is of newer code.
    """
    if _is_plain_dump(path, trust_origin):
        return House(restore_backup.rehearse_dump(path))
    with _unpack(path, passphrase_file, trust_origin) as unpacked:
        packs.check_packs(path.parent, unpacked.manifest.packs)
        house = House(restore_backup.rehearse_dump(unpacked.dump, unpacked.manifest.tables))
        for _, blocks in _read_contents(path, unpacked, set(unpacked.manifest.files), passphrase_file):
            house.files += 1
            for _ in blocks:
                pass
        house.files += len(unpacked.list_names())
        return house


def restore_database(path: Path, passphrase_file: Path | None = None, trust_origin: bool = False) -> Restored:
    """Replace the present database by the one in a backup, and leave all files as they are.

    The present one is kept under another name. Raises as `restore_house` does.
    """
    if _is_plain_dump(path, trust_origin):
        return restore_backup.restore_dump(path)
    with _unpack(path, passphrase_file, trust_origin) as unpacked:
        return restore_backup.restore_dump(unpacked.dump, unpacked.manifest.tables)


def restore_house(
    path: Path, directories: Directories, passphrase_file: Path | None = None, trust_origin: bool = False
) -> House:
    """Restore the database, and put back each file that is missing here or differs; a replaced one is set aside.

    Raises TryLaterError if the database is in use, BadDataError if something is damaged or missing, ConfigurationError
    if it cannot be opened, is not proven or is of newer code; nothing is changed then.
    """
    if _is_plain_dump(path, trust_origin):
        return House(restore_backup.restore_dump(path))
    with _unpack(path, passphrase_file, trust_origin) as unpacked:
        packs.check_packs(path.parent, unpacked.manifest.packs)
        needed = {
            name: file for name, file in unpacked.manifest.files.items()
            if not put_files.has_content(house_files.find_place(name, directories), file)
        }  # fmt: skip
        _stage_contents(path, unpacked, set(needed), passphrase_file)
        database = restore_backup.restore_dump(unpacked.dump, unpacked.manifest.tables)
        if database.problems:
            return House(database)
        placed = put_files.put_back(unpacked, needed, directories)
        return House(database, len(unpacked.manifest.files) + len(unpacked.list_names()), placed)


def _is_plain_dump(path: Path, trust_origin: bool) -> bool:
    """Return whether a backup is a plain dump, as older versions made; raises ConfigurationError unless it is trusted.

    A dump brings functions and triggers that its maker chose, and no passphrase proves who that was.
    """
    if path.suffix == bundle.SUFFIX:
        return False
    text = f"{path} is a plain dump of the database, not encrypted: nothing proves who made it"
    if not trust_origin:
        raise ConfigurationError(
            text,
            f"If you know that it is yours, run: {format_same_restore(path, '--trust-origin')};"
            f" a backup with proof is made by {format_command('backup_database')}",
        )
    record_warning(Notice("origin_not_proven", f"{text}; it was trusted as --trust-origin says"), on_console=True)
    return True


@contextlib.contextmanager
def _unpack(path: Path, passphrase_file: Path | None, trust_origin: bool) -> Iterator[Unpacked]:
    """Unpack the database and the small files to a folder on the disk of the data, for the block."""
    bundle.check_checksum(path)
    passphrases = encryption.list_passphrases(passphrase_file)
    with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX) as folder:
        unpacked = bundle.unpack_bundle(path, passphrases, folder / "bundle", trust_origin)
        newest = max(migrations.list_numbers(), default=0)
        if unpacked.manifest.migration > newest:
            raise ConfigurationError(
                f"{path} has migration {unpacked.manifest.migration:04}, this code has {newest:04} at most",
                f"Update the code to version {unpacked.manifest.version} or newer, then run it again.",
            )
        yield unpacked


def _read_contents(
    path: Path, unpacked: Unpacked, names: set[str], passphrase_file: Path | None
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each content of the named files; those of one content are yielded once."""
    needed: dict[str, set[str]] = {}
    for name in names:
        file = unpacked.manifest.files[name]
        needed.setdefault(file.pack, set()).add(file.digest)
    return packs.read_contents(path.parent, needed, encryption.list_passphrases(passphrase_file))


def _stage_contents(path: Path, unpacked: Unpacked, names: set[str], passphrase_file: Path | None) -> None:
    """Write the contents of files next to the unpacked bundle, each under its hash."""
    folder = unpacked.contents
    folder.mkdir()
    for digest, blocks in _read_contents(path, unpacked, names, passphrase_file):
        try:
            with (folder / digest).open("wb") as stream:
                stream.writelines(blocks)
        except OSError as error:
            raise explain_write_error(folder, error) from error
