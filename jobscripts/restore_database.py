"""Restore the installation from a backup, or rehearse it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job

if TYPE_CHECKING:
    from systemscripts.backups import House
    from systemscripts.directory_management import Directories


@job(lock="", database=False)
def restore_database(
    backup: Annotated[Path | None, typer.Argument(help="The backup; by default the newest of var/backups/.")] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Restore into a scratch database, compare everything, clean up.")
    ] = False,
    database_only: Annotated[
        bool, typer.Option("--database-only", help="Leave files, configuration and keys as they are.")
    ] = False,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="The file with the passphrase of a backup of another host.")
    ] = None,
    trust_origin: Annotated[
        bool,
        typer.Option("--trust-origin", "--trust-key", help="Accept one that no passphrase proves: you know its maker."),
    ] = False,
    from_target: Annotated[str, typer.Option("--from", help="Fetch it from a target, config/targets/NAME.yaml.")] = "",
    drop: Annotated[str, typer.Option(help="Drop a database that an earlier restore has set aside.")] = "",
) -> Summary:
    """Restore a backup: database, files, configuration and keys, each compared with what it was.

    The current database is set aside under another name, and so are files that differ. --rehearse changes nothing.

    Examples:
        restore_database.py --rehearse
        restore_database.py var/backups/etl_20260105T043000.bundle
        restore_database.py /mnt/usb/etl_20260105T043000.bundle --passphrase-file /mnt/key/passphrase
        restore_database.py --from safe_place --rehearse
    """
    from systemscripts import backups, settings, targets
    from systemscripts.directory_management import Directories

    if drop:
        backups.drop_set_aside(drop)
        return Summary(headline=f"{drop} was dropped")
    directories = Directories(settings.current().etl_data_dir)
    fetched = (
        backups.fetch_backup(targets.load_target(from_target), backup.name if backup else "")
        if from_target
        else contextlib.nullcontext(backups.choose_backup(directories, backup))
    )
    mode = "--rehearse" if rehearse else "--database-only" if database_only else ""
    with backups.note_call(from_target, mode), fetched as path:
        return _restore(path, directories, (passphrase_file, trust_origin), rehearse, database_only)


def _restore(
    path: Path, directories: Directories, proof: tuple[Path | None, bool], rehearse: bool, database_only: bool
) -> Summary:
    from systemscripts import backups

    if rehearse:
        house = backups.rehearse(path, *proof)
    elif database_only:
        house = backups.House(backups.restore_database(path, *proof))
    else:
        house = backups.restore_house(path, directories, *proof)
    restored = house.database
    counts = {"tables": restored.tables, "rows": restored.rows, "active datasets whole": restored.datasets}
    summary = Summary(rows=[counts | {"files": house.files}])
    for problem in restored.problems:
        summary.problem(problem)
    if restored.problems:
        summary.headline = f"{path} cannot be trusted; nothing was changed"
    elif rehearse:
        summary.headline = f"{path} can be restored: rehearsed in a scratch database, which was dropped"
        backups.queue_proof(path, house, directories)
    else:
        summary.headline = f"the {'database was' if database_only else 'installation was'} restored from {path}"
        _describe_files(summary, house)
        _add_next_steps(summary, restored.before, directories)
    return summary


def _describe_files(summary: Summary, house: House) -> None:
    placed = house.placed
    summary.details.append(f"{placed.written} files were put back")
    if placed.replaced:
        summary.details.append(f"{len(placed.replaced)} that differed are now in {placed.aside}/replaced")
    if placed.left:
        summary.warn(
            "files_differ",
            f"{len(placed.left)} files of the project are of another version here and were left as they are;"
            f" those of the backup are in {placed.aside}/other_version",
        )
    summary.next_steps += placed.next_steps


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
