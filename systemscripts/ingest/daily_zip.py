"""archive_policy daily_zip: replace the archived files of each finished day by one verified zip file.

dba.tfile.keep_path of a zipped file is the path of the zip followed by the file's name:
archive/2026/01/visits-2026-01-05.zip/report_7.txt. A kill at any point loses nothing: the zip is written under another
name, read back, renamed and recorded, and only then are the single files removed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from systemscripts import file_ledger, settings
from systemscripts.configuration import ImportConfig, sidecar_files
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import CHUNK_BYTES, Directories, compute_sha256, move_beside, sync_folder
from systemscripts.errors import BadDataError, EtlError
from systemscripts.summary import Summary
from systemscripts.tables import temporary_files

ZIP_SUFFIX = ".zip"


@dataclass(frozen=True)
class ArchivedFile:
    """A single file of the archive."""

    file_id: int
    keep_path: str
    file_sha256: str
    day: date


def zip_days(
    connection: Connection, config: ImportConfig, directories: Directories, summary: Summary, wait_seconds: float
) -> None:
    """Zip the finished days of one import; a day that cannot be zipped stays and is a problem in the summary.

    Raises TryLaterError when the import is running.
    """
    with advisory_lock(connection, f"import {config.config_name}", wait_seconds):
        with transaction(connection) as cursor:
            _remove_zipped_files(cursor, config, directories)
            days = _find_finished_days(cursor, config)
        for zip_path, kept in sorted(days.items()):
            try:
                _zip_day(connection, directories, zip_path, kept, summary)
            except (EtlError, OSError, zipfile.BadZipFile) as error:
                code = error.exit_code if isinstance(error, EtlError) else EtlError.exit_code
                text = str(error) if isinstance(error, EtlError) else f"{zip_path}: {error}"
                summary.problem(f"{text} The single files are kept.", code, error)


def _find_finished_days(cursor: Cursor, config: ImportConfig) -> dict[str, list[ArchivedFile]]:
    """Return the single files by the path of their zip: one for each day on which files were archived."""
    cursor.execute(
        """select file_id, keep_path, file_sha256, (archived_at at time zone current_setting('TimeZone'))::date
           from dba.tfile
           where config_name = %s and archived_at is not null and keep_path is not null and status <> 'refused'
             and keep_path not like '%%.zip/%%' and archived_at < date_trunc('day', %s::timestamptz)
           order by keep_path, file_id""",
        (config.config_name, settings.now()),
    )
    files_by_zip: dict[str, list[ArchivedFile]] = defaultdict(list)
    for row in cursor.fetchall():
        kept = ArchivedFile(*row)
        folder = kept.keep_path.rpartition("/")[0]
        files_by_zip[f"{folder}/{config.config_name}-{kept.day}{ZIP_SUFFIX}"].append(kept)
    return files_by_zip


def _zip_day(
    connection: Connection, directories: Directories, zip_path: str, kept: list[ArchivedFile], summary: Summary
) -> None:
    target = file_ledger.to_real_path(zip_path, directories)
    present = [file for file in kept if file_ledger.to_real_path(file.keep_path, directories).is_file()]
    if missing := len({file.keep_path for file in kept} - {file.keep_path for file in present}):
        summary.problem(f"{missing} files of {zip_path} are not in the archive", EtlError.exit_code)
    hashes = {file.keep_path: file.file_sha256 for file in present}
    if not hashes:
        return
    part = target.with_name(f".{target.name}.part")
    try:
        singles = [file_ledger.to_real_path(path, directories) for path in hashes]
        beside = [sidecar for path in singles for sidecar in sidecar_files.list_sidecars(path)]
        _write_zip(part, target, [*singles, *beside])
        _verify_zip(part, {path.rpartition("/")[2]: digest for path, digest in hashes.items()})
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    with transaction(connection) as cursor:
        for file in present:
            name = file.keep_path.rpartition("/")[2]
            cursor.execute(
                "update dba.tfile set keep_path = %s where file_id = %s", (f"{zip_path}/{name}", file.file_id)
            )
    for path in singles:
        _remove_single(path)
    summary.files += len(hashes)
    summary.rows.append({"zip": zip_path, "files": len(hashes), "bytes": target.stat().st_size})


def _remove_single(path: Path) -> None:
    """Remove a file that is in its zip, where the ledger says it is."""
    move_beside(sidecar_files.list_sidecars(path), path, None)
    path.unlink()


def _write_zip(part: Path, before: Path, paths: list[Path]) -> None:
    """Write a zip of some files and of the contents of `before`, an earlier zip of that day."""
    names = {path.name for path in paths}
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        if before.exists():
            with zipfile.ZipFile(before) as old:
                for entry in (entry for entry in old.infolist() if entry.filename not in names):
                    with old.open(entry) as source, archive.open(entry.filename, "w") as target:
                        shutil.copyfileobj(source, target, CHUNK_BYTES)
        for path in paths:
            archive.write(path, path.name)
    with part.open("rb") as stream:
        os.fsync(stream.fileno())


def _verify_zip(part: Path, hashes: dict[str, str]) -> None:
    """Read every file of a zip back; raise BadDataError when one is not the file that was loaded."""
    with zipfile.ZipFile(part) as archive:
        for name in archive.namelist():
            digest = hashlib.sha256()
            # reading to the end also compares the CRC
            with archive.open(name) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    digest.update(chunk)
            if name in hashes and digest.hexdigest() != hashes[name]:
                raise BadDataError(
                    f"{name} in the archive is not the file that was loaded (its hash differs)",
                    "Restore the original file from a backup, or find out what changed it.",
                )


def _remove_zipped_files(cursor: Cursor, config: ImportConfig, directories: Directories) -> None:
    """Remove single files that a killed run left although their zip contains them."""
    cursor.execute(
        """select keep_path, file_sha256 from dba.tfile
           where config_name = %s and keep_path like '%%.zip/%%'
             and archived_at > %s::timestamptz - interval '40 days'""",
        (config.config_name, settings.now()),
    )
    for keep_path, digest in cursor.fetchall():
        zip_path, _, name = keep_path.rpartition("/")
        single = file_ledger.to_real_path(f"{zip_path.rpartition('/')[0]}/{name}", directories)
        if single.is_file() and compute_sha256(single) == digest and not _is_in_ledger(cursor, single, directories):
            single.unlink()


def _is_in_ledger(cursor: Cursor, path: Path, directories: Directories) -> bool:
    """Return whether the ledger has an archived file at a path."""
    cursor.execute(
        "select exists (select from dba.tfile where keep_path = %s)", (file_ledger.to_stored_path(path, directories),)
    )
    return cursor.fetchone() == (True,)


@contextmanager
def open_archived_file(keep_path: str, directories: Directories) -> Iterator[Path]:
    """Give the path of an archived file, extracted to a temporary folder if it is in a zip.

    Raises FileNotFoundError when the archive does not have it.
    """
    zip_path, _, name = keep_path.rpartition("/")
    if not zip_path.endswith(ZIP_SUFFIX):
        yield file_ledger.to_real_path(keep_path, directories)
        return
    with (
        zipfile.ZipFile(file_ledger.to_real_path(zip_path, directories)) as archive,
        temporary_files.create_folder(temporary_files.UNZIPPED_PREFIX) as folder,
    ):
        try:
            source = archive.open(name)
        except KeyError as error:
            raise FileNotFoundError(keep_path) from error
        with source, (folder / name).open("wb") as target:
            shutil.copyfileobj(source, target, CHUNK_BYTES)
        yield folder / name
