"""Delete what has been kept long enough."""

from __future__ import annotations

from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(lock="")
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; delete nothing.")] = False,
) -> Summary:
    """Delete files, logs, rejected rows, history and rows that are older than the KEEP_..._DAYS of the settings.

    0 days is for ever. The file of the last good load is never deleted. What is deleted cannot be brought back: a
    dataset whose rows or history went cannot be undone any more, and says so. The space of deleted rows is freed for
    new ones (a plain VACUUM); what the disk gets back is said.

    Examples:
        purge.py --dry-run
        purge.py
    """
    import contextlib
    import logging

    from systemscripts import db_utils, retention, settings
    from systemscripts.directory_management import Directories

    directories, space = Directories(settings.current().etl_data_dir), []
    with contextlib.closing(db_utils.connect(purpose="purge")) as connection:
        found = retention.due(retention.View(directories, connection, settings.now()))
        for each in found:
            if not dry_run:
                each.remove()
                logging.getLogger(__name__).info("%s: %d deleted", each.what, each.number)
        if not dry_run:
            space = retention.free_space(connection, [table for each in found for table in each.tables])
    summary = Summary(headline="nothing has had its time" if not found else "would go:" if dry_run else "gone:")
    summary.rows = [
        {"what": each.what, "older than days": each.days or "", "number": each.number, "MB": round(each.size / 1e6, 1)}
        for each in found
    ]
    summary.details += space
    return summary


if __name__ == "__main__":
    purge.main()
