"""Create a backup of the whole house: the database at one instant, configuration, keys, archive, lake, waiting files.

Nothing is half: each file is written under another name, synced and renamed, the bundle last. Without its bundle a
pack is removed by the next run.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts import db_utils, log_utils, settings
from systemscripts.backups import bundle, encryption, house_files, inventory, packs, pg_programs
from systemscripts.backups.bundle import Manifest
from systemscripts.backups.fill_database import verify_dump
from systemscripts.backups.fingerprints import Fingerprints, compute_fingerprints
from systemscripts.datasets import lake
from systemscripts.directory_management import Directories, compute_sha256, explain_write_error, sync_folder
from systemscripts.errors import EtlError
from systemscripts.tables import temporary_files

# For a table that another session has locked exclusively.
LOCK_WAIT_MILLISECONDS = 10 * 60 * 1000


@dataclass(frozen=True)
class NewBackup:
    """A backup that was created: its path, how many tables and files it has, and what was written for it, in bytes."""

    path: Path
    size: int
    tables: int
    files: int
    # a sentence for each file that is not in it
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Dump:
    """A dump and what is known of the database at its instant."""

    name: str
    dump: Path
    major: int
    migration: int
    tables: Fingerprints
    lake_folders: list[Path]
    # sources of imports that are rows only: they may name keys
    texts: list[str]


def make_backup(directories: Directories) -> NewBackup:
    """Back up the installation as it is at this instant; loads that have not committed are not included.

    Raises EtlError, TryLaterError or ConfigurationError; the backups of before are untouched then.
    """
    folder = inventory.create_folder(directories)
    # before the work: it may be missing
    passphrase = encryption.choose_passphrase()
    try:
        with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX) as scratch:
            with log_utils.step("dump"):
                database = dump_database(scratch / bundle.DUMP, directories)
            stem = f"{database.name}_{settings.format_file_stamp()}"
            return _write_all(folder, stem, passphrase, database, directories)
    except OSError as error:
        raise explain_write_error(folder, error) from error


def _write_all(folder: Path, stem: str, passphrase: str, database: Dump, directories: Directories) -> NewBackup:
    known = _read_last_manifest(directories)
    writer = packs.PackWriter(folder, stem, passphrase, known.files if known else {}, known.packs if known else {})
    with log_utils.step("files"):
        files, faults = writer.store(lambda: house_files.list_large(directories, database.lake_folders))
    used = {file.pack for file in files.values()}
    manifest = Manifest(
        settings.now().isoformat(timespec="seconds"), settings.read_version(), socket.gethostname(), database.migration,
        database.major, database.tables, files, {name: pack for name, pack in writer.packs.items() if name in used},
    )  # fmt: skip
    small = house_files.list_configuration(directories, database.texts)
    unreadable = [name for name, path in small.items() if not os.access(path, os.R_OK)]
    faults += [f"{small.pop(name)} cannot be read by the user of the jobs" for name in unreadable]
    path = folder / f"{stem}{bundle.SUFFIX}"
    with log_utils.step("bundle"):
        _write_verified(path, passphrase, manifest, {bundle.DUMP: database.dump} | small)
    size = path.stat().st_size + sum(pack.stat().st_size for pack in writer.written)
    return NewBackup(path, size, len(database.tables), len(files) + len(small), faults)


def _write_verified(path: Path, passphrase: str, manifest: Manifest, members: Mapping[str, Path]) -> None:
    """Write the bundle under another name, read all of it again, and rename it after its checksums are there."""
    part = path.with_name(f".{path.name}.part")
    try:
        bundle.write_bundle(part, passphrase, manifest, members)
        bundle.read_manifest(part, [passphrase])
        part.chmod(0o660)
        digests = {name: pack.digest for name, pack in manifest.packs.items()} | {path.name: compute_sha256(part)}
        bundle.write_checksums(path.with_suffix(bundle.CHECKSUMS_SUFFIX), digests)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _read_last_manifest(directories: Directories) -> Manifest | None:
    """Return what the newest bundle contains; None if there is none, or none that opens: then all is stored again."""
    for backup in inventory.list_backups(directories):
        if backup.path.suffix == bundle.SUFFIX:
            with contextlib.suppress(EtlError):
                return bundle.read_manifest(backup.path, encryption.list_passphrases())
            return None
    return None


def dump_database(path: Path, directories: Directories, url: str = "") -> Dump:
    """Dump the database, and count and hash its rows in the same snapshot. `url`: another one than the present one."""
    url = url or db_utils.resolve_address("etl")
    with contextlib.closing(db_utils.connect_to(url, "backup_database")) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        major, name = connection.server_version // 10000, connection.info.dbname
        with db_utils.transaction(connection) as cursor:
            cursor.execute("select pg_export_snapshot()")
            snapshot = str((cursor.fetchone() or ("",))[0])
            pg_programs.run_program(
                pg_programs.find_program("pg_dump", major), "--format=custom", f"--file={path}",
                f"--lock-wait-timeout={LOCK_WAIT_MILLISECONDS}", f"--snapshot={snapshot}",
                url=url,
            )  # fmt: skip
            verify_dump(path)
            tables = compute_fingerprints(cursor)
            cursor.execute("select coalesce(max(number), 0) from dba.tmigration")
            migration = int((cursor.fetchone() or (0,))[0])
            cursor.execute(
                "select distinct target_table from dba.tdataset where target_table like %s", (f"{lake.SCHEME}%",)
            )
            folders = [lake.find_folder(str(row[0]), directories) for row in cursor.fetchall()]
            cursor.execute("select sources::text from dba.timportconfig where sources is not null")
            texts = [str(row[0]) for row in cursor.fetchall()]
    return Dump(name, path, major, migration, tables, folders, texts)
