"""Zip the past days of the archive."""

from __future__ import annotations

from typing import Annotated

import typer

from systemscripts.job import Summary, get_wait_seconds, job


@job(lock="")
def zip_archive(
    config: Annotated[str, typer.Argument(help="Only this import.")] = "",
) -> Summary:
    """Pack the archived files of each past day into one zip file, for imports with archive_policy: daily_zip.

    The zip is read back and compared with the hashes of the loaded files before the individual files are deleted.

    Examples:
        zip_archive.py
        zip_archive.py visits
    """
    from systemscripts import configuration, db_utils, settings
    from systemscripts.directory_management import Directories
    from systemscripts.errors import UsageError
    from systemscripts.ingest import daily_zip

    connection = db_utils.connect(purpose=f"zip_archive {config}")
    known = [configuration.load_import(connection, config)] if config else configuration.load_imports(connection)
    chosen = [row for row in known if row.archive_policy == "daily_zip"]
    if config and not chosen:
        raise UsageError(f"the import {config} keeps single files", "Set archive_policy: daily_zip.")
    summary = Summary()
    for row in chosen:
        daily_zip.zip_days(connection, row, Directories(settings.current().etl_data_dir), summary, get_wait_seconds())
    summary.headline = f"{summary.files} archived files zipped" if summary.rows else "nothing to do: no day is finished"
    return summary


if __name__ == "__main__":
    zip_archive.main()
