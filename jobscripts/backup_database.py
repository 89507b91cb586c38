"""Back up the database, verified; keep some days, weeks and months; deliver elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(lock="")
def backup_database(
    to: Annotated[str, typer.Option(help="Also deliver it: a name of config/targets/NAME.yaml.")] = "",
) -> Summary:
    """Back the whole database up in var/backups/, read that from end to end, remove backups that need not stay.

    It shows the database as it was when the backup began; jobs may go on meanwhile. How many stay is set by
    BACKUP_KEEP_DAILY, BACKUP_KEEP_WEEKLY and BACKUP_KEEP_MONTHLY.

    Examples:
        backup_database.py
        backup_database.py --to safe_place
    """
    from systemscripts import backups, log_utils, settings, targets
    from systemscripts.directory_management import Directories
    from systemscripts.errors import EtlError

    target = targets.load_target(to) if to else None  # a name that is misspelt, before the work
    directories = Directories(settings.current().etl_data_dir)
    with log_utils.step("dump"):
        made = backups.make(directories)
    size = f"{made.size / 1e6:.1f} MB"
    summary = Summary(headline=f"{made.path}: {made.tables} tables, {size}, read back from end to end", files=1)
    if target is not None:
        try:
            with log_utils.step(f"deliver to {to}"):
                targets.deliver(target, [made.path])
            summary.details.append(f"delivered to {to}")
        except EtlError as error:
            summary.problem(f"the backup is in {made.path}, but did not reach {to}: {error}", error.exit_code)
    removed = backups.remove_old(directories)
    summary.details.append(f"{len(backups.on_shelf(directories))} backups stay, {len(removed)} removed")
    return summary


if __name__ == "__main__":
    backup_database.main()
