"""Find and record the Parquet files of datasets: one file for each, which counts once its dataset's row names it.

A kill leaves at most a file that no row names, and the next load into the folder removes it. Undo changes only the row.
Rejected rows that are loaded later make a new file, which replaces the old one with the commit.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts.directory_management import Directories, sync_folder

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# a target_table that begins with it is a folder
SCHEME = "parquet:"


@dataclass(frozen=True)
class Lake:
    """The folder of one target. `months_of`: the date column whose months are recorded for each dataset."""

    name: str  # parquet:folder
    folder: Path
    months_of: str = ""
    # False: check everything, write nothing (--dry-run)
    write: bool = True

    def path(self, dataset_id: int, generation: int = 1) -> Path:
        """Return the path of a dataset's file; each replay of rejected rows raises the generation."""
        return self.folder / (f"dataset_{dataset_id}" + (f"_{generation}" if generation > 1 else "") + ".parquet")


@dataclass(frozen=True)
class DatasetFile:
    """The rows of one current dataset."""

    dataset_id: int
    path: Path
    months: tuple[date, ...]


def find_folder(name: str, directories: Directories) -> Path:
    """Return the folder of a target `parquet:folder`, in the data folder unless it is absolute."""
    return directories.data / name.removeprefix(SCHEME)


def record_file(cursor: Cursor, dataset_id: int, path: Path, months: Iterable[date]) -> None:
    """Record the file of a dataset and its months; readers see it with the commit."""
    cursor.execute("update dba.tdataset set file_name = %s where dataset_id = %s", (path.name, dataset_id))
    cursor.execute("delete from dba.tdatasetmonth where dataset_id = %s", (dataset_id,))
    cursor.executemany(
        "insert into dba.tdatasetmonth (dataset_id, month) values (%s, %s)", [(dataset_id, month) for month in months]
    )


def find_file_name(cursor: Cursor, dataset_id: int) -> str | None:
    """Return the name of the file with a dataset's rows, None if it has none."""
    cursor.execute("select file_name from dba.tdataset where dataset_id = %s", (dataset_id,))
    row = cursor.fetchone()
    return row[0] if row else None


def list_current_files(cursor: Cursor, config_name: str, directories: Directories) -> list[DatasetFile]:
    """Return the files of an import's current datasets, ordered by dataset."""
    cursor.execute(
        """select d.dataset_id, d.target_table, d.file_name,
                  array(select m.month from dba.tdatasetmonth m where m.dataset_id = d.dataset_id order by m.month)
           from dba.v_current_dataset v join dba.tdataset d using (dataset_id)
           where d.config_name = %s and d.file_name is not null order by d.dataset_id""",
        (config_name,),
    )
    return [
        DatasetFile(dataset_id, find_folder(target, directories) / name, tuple(months))
        for dataset_id, target, name, months in cursor.fetchall()
    ]


def find_columns(cursor: Cursor, name: str) -> set[str]:
    """Return the columns of the active datasets of a target."""
    cursor.execute(
        "select distinct unnest(columns) from dba.tdataset where target_table = %s and status = 'active'", (name,)
    )
    return {row[0] for row in cursor.fetchall()}


def remove_leftovers(cursor: Cursor, lake: Lake) -> None:
    """Remove the files of killed loads; call it only under the lock of the target, when no load is running."""
    if not lake.folder.is_dir():
        return
    cursor.execute("select file_name from dba.tdataset where target_table = %s and file_name is not null", (lake.name,))
    named = {row[0] for row in cursor.fetchall()}
    for path in lake.folder.iterdir():
        if path.name in named or not path.name.lstrip(".").startswith("dataset_"):
            continue
        if path.is_dir():
            # DuckDB's folder for data that does not fit into memory
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    sync_folder(lake.folder)
