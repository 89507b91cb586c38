"""Restore the database from a backup, or rehearse it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.job import Summary, job

if TYPE_CHECKING:
    from systemscripts.directory_management import Directories


@job(lock="", database=False)
def restore_database(
    backup: Annotated[Path | None, typer.Argument(help="The backup; the newest of var/backups/ unless named.")] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Into a scratch database, which is looked at and dropped.")
    ] = False,
    drop: Annotated[str, typer.Option(help="Drop a database that an earlier restore has set aside.")] = "",
) -> Summary:
    """Restore a backup into a new database, count its rows, and let it take the place of the present one.

    The present database is not touched but set aside under another name. --rehearse drops the new one again.

    Examples:
        restore_database.py --rehearse
        restore_database.py var/backups/etl_20260105T043000.dump
    """
    from systemscripts import backups, settings
    from systemscripts.backups import inventory
    from systemscripts.directory_management import Directories

    if drop:
        backups.drop_set_aside(drop)
        return Summary(headline=f"{drop} is dropped")
    directories = Directories(settings.current().etl_data_dir)
    path = inventory.chosen(directories, backup)
    found = backups.rehearse(path) if rehearse else backups.restore(path)
    summary = Summary(rows=[{"tables": found.tables, "rows": found.rows, "active datasets whole": found.datasets}])
    for problem in found.problems:
        summary.problem(problem)
    if found.problems:
        summary.headline = f"{path} cannot be trusted; nothing was changed"
    elif rehearse:
        summary.headline = f"{path} restores: rehearsed in a scratch database, which is gone again"
    else:
        summary.headline = f"{path} is the database now"
        _say_what_now(summary, found.before, directories)
    return summary


def _say_what_now(summary: Summary, before: str, directories: Directories) -> None:
    from systemscripts import backups

    if before:
        summary.details.append(f"the database as it was is {before} now, on the same server")
        summary.next_steps.append(f"when it is not needed any more: restore_database.py --drop {before}")
    later = backups.unknown_files(directories)
    if later:
        summary.warn("files_unknown", f"files archived after this backup, unknown to the database: {len(later)}")
        summary.details += [f"  {path}" for path in later[:20]]
        summary.next_steps.append(f"copy them into {directories.file_watcher}, and they load again")


if __name__ == "__main__":
    restore_database.main()
