"""archive_policy daily_zip: the single files of each finished day become one verified zip file.

A file of the archive that lies in a zip has the zip's path with its name behind it as dba.tfile.keep_path:
archive/2026/01/visits-2026-01-05.zip/report_7.txt. Order of things, so that a kill at any point loses nothing: the zip
is written whole under another name and read back, renamed, noted, and only then do the single files go.
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
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import CHUNK_BYTES, Directories, compute_sha256, sync_folder
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
    """Zip the finished days of one import; what cannot be zipped stays as it is and is a problem of the summary.

    Raises TryLaterError when an import is at work.
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
                summary.problem(f"{text} The single files stay.", code)


def _find_finished_days(cursor: Cursor, config: ImportConfig) -> dict[str, list[ArchivedFile]]:
    """The single files by the zip they belong into: that of the day on which they came to the archive."""
    cursor.execute(
        """select file_id, keep_path, file_sha256, (archived_at at time zone current_setting('TimeZone'))::date
           from dba.tfile
           where config_name = %s and archived_at is not null and keep_path is not null and status <> 'refused'
             and keep_path not like '%%.zip/%%' and archived_at < date_trunc('day', %s::timestamptz)
           order by keep_path, file_id""",
        (config.config_name, settings.now()),
    )
    found: dict[str, list[ArchivedFile]] = defaultdict(list)
    for row in cursor.fetchall():
        kept = ArchivedFile(*row)
        folder = kept.keep_path.rpartition("/")[0]
        found[f"{folder}/{config.config_name}-{kept.day}{ZIP_SUFFIX}"].append(kept)
    return found


def _zip_day(
    connection: Connection, directories: Directories, zip_path: str, kept: list[ArchivedFile], summary: Summary
) -> None:
    place = file_ledger.to_real_path(zip_path, directories)
    there = [each for each in kept if file_ledger.to_real_path(each.keep_path, directories).is_file()]
    if missing := len({each.keep_path for each in kept} - {each.keep_path for each in there}):
        summary.problem(f"{missing} files of {zip_path} are not in the archive", EtlError.exit_code)
    hashes = {each.keep_path: each.file_sha256 for each in there}
    if not hashes:
        return
    part = place.with_name(f".{place.name}.part")
    try:
        _write_zip(part, place, [file_ledger.to_real_path(path, directories) for path in hashes])
        _verify_zip(part, {path.rpartition("/")[2]: digest for path, digest in hashes.items()})
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(place.parent)
    with transaction(connection) as cursor:
        for each in there:
            name = each.keep_path.rpartition("/")[2]
            cursor.execute(
                "update dba.tfile set keep_path = %s where file_id = %s", (f"{zip_path}/{name}", each.file_id)
            )
    for path in hashes:
        _remove_single(file_ledger.to_real_path(path, directories))
    summary.files += len(hashes)
    summary.rows.append({"zip": zip_path, "files": len(hashes), "bytes": place.stat().st_size})


def _remove_single(path: Path) -> None:
    """The file lies in its zip by now, and the ledger says so."""
    path.unlink()


def _write_zip(part: Path, before: Path, paths: list[Path]) -> None:
    """Write a zip of some files, with what an earlier zip of that day holds."""
    names = {path.name for path in paths}
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
        if before.exists():
            with zipfile.ZipFile(before) as old:
                for entry in (entry for entry in old.infolist() if entry.filename not in names):
                    with old.open(entry) as source, made.open(entry.filename, "w") as goal:
                        shutil.copyfileobj(source, goal, CHUNK_BYTES)
        for path in paths:
            made.write(path, path.name)
    with part.open("rb") as stream:
        os.fsync(stream.fileno())


def _verify_zip(part: Path, hashes: dict[str, str]) -> None:
    """Read every file of a zip back; raises BadDataError when one is not what was loaded."""
    with zipfile.ZipFile(part) as made:
        for name in made.namelist():
            digest = hashlib.sha256()
            with made.open(name) as stream:  # its CRC is compared at the end
                while chunk := stream.read(CHUNK_BYTES):
                    digest.update(chunk)
            if name in hashes and digest.hexdigest() != hashes[name]:
                raise BadDataError(
                    f"{name} in the archive is not the file that was loaded (its hash differs)",
                    "Bring the right one back, or find out who changed it.",
                )


def _remove_zipped_files(cursor: Cursor, config: ImportConfig, directories: Directories) -> None:
    """Single files that a killed run left beside the zip that has them by now."""
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
    """Whether a path is where the ledger says that some file lies."""
    cursor.execute(
        "select exists (select from dba.tfile where keep_path = %s)", (file_ledger.to_stored_path(path, directories),)
    )
    return cursor.fetchone() == (True,)


@contextmanager
def open_archived_file(keep_path: str, directories: Directories) -> Iterator[Path]:
    """A file of the archive as a path, unpacked for the while where it lies in a zip.

    Raises FileNotFoundError where the archive does not have it.
    """
    zip_path, _, name = keep_path.rpartition("/")
    if not zip_path.endswith(ZIP_SUFFIX):
        yield file_ledger.to_real_path(keep_path, directories)
        return
    with (
        zipfile.ZipFile(file_ledger.to_real_path(zip_path, directories)) as found,
        temporary_files.create_folder(temporary_files.UNZIPPED_PREFIX) as folder,
    ):
        try:
            source = found.open(name)
        except KeyError as error:
            raise FileNotFoundError(keep_path) from error
        with source, (folder / name).open("wb") as goal:
            shutil.copyfileobj(source, goal, CHUNK_BYTES)
        yield folder / name
