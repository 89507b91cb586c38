"""Fetch the waiting files of an import from its SFTP servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.job import Summary, get_wait_seconds, job

if TYPE_CHECKING:
    from systemscripts.ingest.ingest_context import Context


@job(lock="{config}")
def sftp_pull(
    config: Annotated[str, typer.Argument(help="The import, a row of dba.timportconfig with a source of type sftp.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files on the server; fetch nothing.")] = False,
) -> Summary:
    """Fetch the waiting files of an import from its SFTP servers into file_watcher/, without loading them.

    Each file is fetched completely or not at all. It stays on the server until it is loaded.

    Examples:
        sftp_pull.py visits
        sftp_pull.py visits --dry-run
    """
    from systemscripts import configuration, db_utils, log_utils, settings
    from systemscripts.directory_management import Directories
    from systemscripts.errors import ConfigurationError, UsageError
    from systemscripts.ingest import run_imports
    from systemscripts.ingest.ingest_context import Context

    connection = db_utils.connect(purpose=f"sftp_pull {config}")
    _, faults = configuration.apply_valid_files(connection, needed=config)
    if config in faults:
        raise ConfigurationError(faults[config])
    chosen = configuration.load_import(connection, config)
    if not any(source.type == "sftp" for source in chosen.sources):
        raise UsageError(f"the import {config} has no source of type sftp", "See docs/sftp.md.")
    directories, run_uuid = Directories(settings.current().etl_data_dir), log_utils.get_run_uuid()
    if dry_run:
        return _list_waiting(Context(connection, chosen, directories, run_uuid))
    options = run_imports.Options(until="fetch", wait_seconds=get_wait_seconds())
    return run_imports.run_imports(connection, [chosen], directories, run_uuid, options)


def _list_waiting(context: Context) -> Summary:
    from systemscripts.sources.types import sftp

    summary = Summary(headline="dry run, nothing fetched")
    for source in context.config.sources:
        if source.type == "sftp":
            for entry, reason in sftp.list_waiting(context.request(source.options)):
                summary.rows.append(
                    {"file": repr(entry.name)[1:-1], "bytes": entry.size, "would be": reason.lstrip("!") or "fetched"}
                )
    return summary


if __name__ == "__main__":
    sftp_pull.main()
