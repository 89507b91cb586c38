"""Find the files that a restored database does not know: those archived after its backup was made."""

from __future__ import annotations

import contextlib
from pathlib import Path

from systemscripts import db_utils
from systemscripts.configuration import sidecar_files
from systemscripts.directory_management import Directories


def find_unknown_files(directories: Directories) -> list[Path]:
    """Return the archived files that no row of dba.tfile names; a zip of a day if none of its files is named."""
    with (
        contextlib.closing(db_utils.connect(purpose="restore_database")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        cursor.execute("select keep_path from dba.tfile where keep_path is not null")
        known = {str(row[0]) for row in cursor.fetchall()}
    zips = {f"{path.partition('.zip/')[0]}.zip" for path in known if ".zip/" in path}
    archived = sorted(
        path for path in directories.archive.rglob("*") if path.is_file() and not path.name.startswith(".")
    )
    names = {path.rpartition("/")[2] for path in known}
    archived = [path for path in archived if not sidecar_files.is_sidecar(path, names.__contains__)]
    return [path for path in archived if not {str(path), str(path.relative_to(directories.data))} & (known | zips)]
