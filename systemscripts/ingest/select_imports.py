"""Select and run imports: apply changed YAML, choose the imports, match the waiting files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from systemscripts import configuration
from systemscripts.commands import format_command
from systemscripts.configuration import ImportConfig
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.db_utils import Connection
from systemscripts.directory_management import Directories
from systemscripts.errors import ConfigurationError, UsageError, did_you_mean
from systemscripts.ingest import match_files, run_imports
from systemscripts.sources.types import local
from systemscripts.summary import Summary


def run_selected(
    connection: Connection,
    name: str | None,
    directories: Directories,
    run_uuid: str,
    options: run_imports.Options,
    datasource: str | None = None,
) -> Summary:
    """Load the waiting files of one import, or of every active one; a faulty import does not stop the others.

    `name`: the import, None for all. `datasource`: run only the imports of this data source.

    Raises UsageError for an unknown name, ConfigurationError when the import is faulty or not active.
    """
    _, faults = configuration.apply_valid_files(connection, needed=name)
    if name is not None:
        chosen = [_choose_import(connection, name, faults)]
    else:
        known, faulty_rows = configuration.load_valid_imports(connection)
        faults = faulty_rows | faults
        chosen = [config for config in known if config.is_active and config.config_name not in faults]
        if datasource is not None:
            chosen = _choose_of_datasource(chosen, known, datasource)
    renamed = [] if options.dry_run else local.rename_unusable_files(directories.file_watcher)
    summary = Summary()
    # at once: if this run is killed later, the next one finds nothing to rename
    summary.warn_all(renamed)
    waiting = WaitingNames(connection, directories)
    # no import may load what matches several
    leave = frozenset(waiting.list_ambiguous(directories.file_watcher))
    with _open_kept_file(options.only, directories) as only:
        # refused files come back to the folders
        listed = None if options.retry_refused else waiting
        options = replace(options, only=only, leave=leave, waiting=listed)
        run_imports.run_imports(connection, chosen, directories, run_uuid, options, summary)
    match_files.report_untaken_files(waiting, name, summary, {config.config_name for config in chosen})
    # the faults of other imports are reported by the runs of all imports, the watchdog and status
    return summary if name is not None else _add_faults(summary, faults)


@contextlib.contextmanager
def _open_kept_file(only: Path | None, directories: Directories) -> Iterator[Path | None]:
    """Give the file that the operator named; a path of the ledger is looked up in the archive and its zip files."""
    if only is None or only.exists():
        yield only
        return
    import zipfile

    from systemscripts.ingest import daily_zip

    with contextlib.ExitStack() as stack:
        for path in (only, only.absolute()):
            with contextlib.suppress(FileNotFoundError, zipfile.BadZipFile):
                kept = stack.enter_context(daily_zip.open_archived_file(str(path), directories))
                if kept.is_file():
                    yield kept
                    return
        yield only


def _choose_of_datasource(chosen: list[ImportConfig], known: list[ImportConfig], datasource: str) -> list[ImportConfig]:
    """Return the imports of one data source; raise UsageError when no import has it, active or not."""
    names = {config.datasource for config in known if config.datasource}
    if datasource not in names:
        raise UsageError(
            f"there is no data source {datasource!r}{did_you_mean(datasource, names)}",
            f"See: {format_command('generic_import', '--list')}",
        )
    return [config for config in chosen if config.datasource == datasource]


def list_imports(connection: Connection) -> Summary:
    """Return all imports as a table."""
    _, faults = configuration.apply_valid_files(connection)
    known, faulty_rows = configuration.load_valid_imports(connection)
    names = ("config_name", "is_active", "file_pattern", "target_table", "load_mode")
    rows = [{name: getattr(config, name) for name in names} for config in known]
    return _add_faults(Summary(headline=f"{len(known)} imports", rows=rows), faulty_rows | faults)


def _add_faults(summary: Summary, faults: dict[str, str]) -> Summary:
    for text in faults.values():
        summary.problem(text, ConfigurationError.exit_code)
    return summary


def _choose_import(connection: Connection, name: str, faults: dict[str, str]) -> ImportConfig:
    """Return the import to run; one with a faulty YAML file does not run, not even with its previous row."""
    if name in faults:
        raise ConfigurationError(faults[name])
    chosen = configuration.load_import(connection, name)
    if not chosen.is_active:
        raise ConfigurationError(
            f"the import {name} is not active",
            f"Set is_active: true in config/imports/{name}.yaml, or in its row of dba.timportconfig.",
        )
    return chosen
