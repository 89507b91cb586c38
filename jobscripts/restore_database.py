"""Restore the database from a backup, or rehearse it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job

if TYPE_CHECKING:
    from systemscripts.directory_management import Directories


@job(lock="", database=False)
def restore_database(
    backup: Annotated[Path | None, typer.Argument(help="The backup; by default the newest of var/backups/.")] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Restore into a scratch database, check it, drop it.")
    ] = False,
    drop: Annotated[str, typer.Option(help="Drop a database that an earlier restore has set aside.")] = "",
) -> Summary:
    """Restore a backup into a new database, count its rows, and replace the current database with it.

    The current database is set aside under another name. --rehearse drops the new one instead.

    Examples:
        restore_database.py --rehearse
        restore_database.py var/backups/etl_20260105T043000.dump
    """
    from systemscripts import backups, settings
    from systemscripts.directory_management import Directories

    if drop:
        backups.drop_set_aside(drop)
        return Summary(headline=f"{drop} was dropped")
    directories = Directories(settings.current().etl_data_dir)
    path = backups.choose_backup(directories, backup)
    restored = backups.rehearse_restore(path) if rehearse else backups.restore_database(path)
    summary = Summary(
        rows=[{"tables": restored.tables, "rows": restored.rows, "active datasets whole": restored.datasets}]
    )
    for problem in restored.problems:
        summary.problem(problem)
    if restored.problems:
        summary.headline = f"{path} cannot be trusted; nothing was changed"
    elif rehearse:
        summary.headline = f"{path} can be restored: rehearsed in a scratch database, which was dropped"
    else:
        summary.headline = f"the database was restored from {path}"
        _add_next_steps(summary, restored.before, directories)
    return summary


def _add_next_steps(summary: Summary, before: str, directories: Directories) -> None:
    from systemscripts import backups

    if before:
        summary.details.append(f"the database as it was before is now {before}, on the same server")
        summary.next_steps.append(
            f"when it is no longer needed: {format_command('restore_database', '--drop', before)}"
        )
    later = backups.find_unknown_files(directories)
    if later:
        summary.warn(
            "files_unknown", f"{len(later)} files were archived after this backup and are unknown to the database"
        )
        summary.details += [f"  {path}" for path in later[:20]]
        summary.next_steps.append(f"to load them again, copy them to {directories.file_watcher}")


if __name__ == "__main__":
    restore_database.main()
