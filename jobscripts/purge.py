"""Delete data older than the settings KEEP_..._DAYS allow."""

from __future__ import annotations

from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(lock="")
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")] = False,
    clock_is_right: Annotated[bool, typer.Option("--clock-is-right", help="Trust the clock after it jumped.")] = False,
) -> Summary:
    """Delete files, logs, rejected rows, history and rows that are older than the KEEP_..._DAYS of the settings.

    0 days means never. The file of the last good load is never deleted. Deleted data cannot be restored: a dataset
    whose rows or history were deleted can no longer be undone. The space of deleted rows is freed for new rows (a plain
    VACUUM); the summary shows what was returned to the disk. Nothing is deleted while the clock of the host may be
    wrong: it jumped, or shows a time more than 45 days after the last run.

    Examples:
        purge.py --dry-run
        purge.py
    """
    import contextlib
    import logging

    from systemscripts import db_utils, retention, settings
    from systemscripts.directory_management import Directories
    from systemscripts.retention import clock_guard

    directories, space = Directories(settings.current().etl_data_dir), []
    with contextlib.closing(db_utils.connect(purpose="purge")) as connection:
        if clock_is_right:
            clock_guard.note_look(directories)
        if not dry_run:
            clock_guard.refuse_after_jump(directories, connection)
        due_items = retention.list_due(retention.View(directories, connection, settings.now()))
        for item in [] if dry_run else due_items:
            item.remove()
            logging.getLogger(__name__).info("%s: %d deleted", item.what, item.number)
        if not dry_run:
            space = retention.free_space(connection, [table for item in due_items for table in item.tables])
    summary = Summary(headline="would be deleted:" if dry_run else "deleted:")
    if not due_items:
        summary.headline = "nothing has expired"
    summary.rows = [
        {"what": item.what, "older than days": item.days or "", "number": item.number, "MB": round(item.size / 1e6, 1)}
        for item in due_items
    ]
    summary.details += space
    return summary


if __name__ == "__main__":
    purge.main()
