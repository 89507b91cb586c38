"""Back up the installation, verify the backup, remove old ones, and deliver it elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(lock="")
def backup_database(
    to: Annotated[str, typer.Option(help="Also deliver it to a target, config/targets/NAME.yaml.")] = "",
) -> Summary:
    """Back up the installation to var/backups/, encrypted, verify the backup, remove old backups.

    The backup contains the database at the time of the start, configuration, keys, archive, lake and waiting files;
    jobs may continue meanwhile. BACKUP_KEEP_DAILY, BACKUP_KEEP_WEEKLY and BACKUP_KEEP_MONTHLY set how many are kept.

    Examples:
        backup_database.py
        backup_database.py --to safe_place
    """
    from systemscripts import backups, log_utils, settings, targets
    from systemscripts.directory_management import Directories
    from systemscripts.errors import EtlError
    from systemscripts.human_units import format_size

    # a misspelt name fails before the work
    target = targets.load_target(to) if to else None
    directories = Directories(settings.current().etl_data_dir)
    backup = backups.make_backup(directories)
    summary = Summary(files=1)
    summary.headline = (
        f"{backup.path}: {backup.tables} tables, {backup.files} files, {format_size(backup.size)} written,"
        " read back from end to end"
    )
    for fault in backup.faults:
        summary.warn("file_not_in_backup", fault)
    if target is not None:
        try:
            with log_utils.step(f"deliver to {to}"):
                delivery = backups.deliver_backup(target, backup.path)
            summary.details.append(
                f"delivered to {to}: {delivery.files} files, {format_size(delivery.size)}, read back and compared;"
                f" {len(delivery.removed)} old ones removed there"
            )
            if delivery.fault:
                summary.warn("other", f"old backups stay at {to}: {delivery.fault}")
        except EtlError as error:
            summary.problem(
                f"the backup is in {backup.path}, but could not be delivered to {to}: {error}", error.exit_code
            )
    removed = backups.remove_old(directories)
    summary.details.append(f"{len(backups.list_backups(directories))} backups kept, {len(removed)} removed")
    return summary


if __name__ == "__main__":
    backup_database.main()
