"""Load client files into their targets, by configuration."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.errors import UsageError
from systemscripts.job import Summary, get_wait_seconds, job


class Phase(StrEnum):
    """A phase of loading a file."""

    fetch = "fetch"
    prepare = "prepare"
    load = "load"


Config = Annotated[str, typer.Argument(help="The import, a row of dba.timportconfig.")]
Every = Annotated[bool, typer.Option("--all", help="Every active import.")]
Datasource = Annotated[str | None, typer.Option(help="Every active import of this data source.")]
File = Annotated[Path | None, typer.Option(help="Load only this file, also one of the archive; it stays where it is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")]
Until = Annotated[Phase | None, typer.Option(help="Stop after this phase.")]
Alone = Annotated[Phase | None, typer.Option(help="Run only this phase, on the result of the one before.")]
AcceptDrop = Annotated[bool, typer.Option("--accept-drop", help="Accept an unusually small file.")]
Reload = Annotated[
    bool, typer.Option("--reload", help="Load content again whose dataset was undone, and judge held content again.")
]
RetryRefused = Annotated[bool, typer.Option("--retry-refused", help="Try refused files again.")]
ChangeTypes = Annotated[
    bool, typer.Option("--change-types", help="First change the columns of the table by the schema.")
]
Listing = Annotated[bool, typer.Option("--list", help="Show the imports.")]
Undo = Annotated[str | None, typer.Option(help="Undo this dataset; --undo --run RUN: a whole run.", metavar="INTEGER")]
Run = Annotated[str | None, typer.Option(help="Undo everything that this run loaded.")]
Cascade = Annotated[bool, typer.Option("--cascade", help="With --undo: also the later datasets that depend on it.")]
Accept = Annotated[int | None, typer.Option(help="Load the file of this held dataset.")]
ReplayRejects = Annotated[int | None, typer.Option(help="Try the rejected rows of this dataset again.")]
ExportRejects = Annotated[
    tuple[int, Path] | None, typer.Option(help="Write the rejected rows of a dataset to a .csv or .xlsx file.")
]


@job(lock="{config}")
def generic_import(
    config: Config = "", all_imports: Every = False, datasource: Datasource = None, file: File = None,
    dry_run: DryRun = False, until: Until = None, phase: Alone = None, accept_drop: AcceptDrop = False,
    reload: Reload = False, retry_refused: RetryRefused = False, change_types: ChangeTypes = False,
    list_imports: Listing = False, undo: Undo = None, run: Run = None, cascade: Cascade = False, accept: Accept = None,
    replay_rejects: ReplayRejects = None, export_rejects: ExportRejects = None,
) -> Summary:  # fmt: skip
    """Load the files that wait for an import.

    A file whose content was loaded before is recorded but not loaded again;
    a file that cannot be loaded is set aside with its reason.

    Examples:
        generic_import.py meetmax_events
        generic_import.py meetmax_events --dry-run
        generic_import.py orders --file ~/Downloads/orders.xlsx
        generic_import.py visits --phase fetch
        generic_import.py --undo 12
        generic_import.py --export-rejects 12 rejected.xlsx
    """
    from systemscripts import db_utils, log_utils, settings
    from systemscripts.directory_management import Directories

    # then the run comes as the argument
    if undo == "--run":
        undo, run, config = None, config, ""
    if undo is not None and not undo.isdecimal():
        raise UsageError(f"not the number of a dataset: {undo!r}", f"See: {format_command('datasets', 'list')}")
    actions = {
        "--undo": undo, "--run": run, "--accept": accept, "--replay-rejects": replay_rejects,
        "--export-rejects": export_rejects, "--list": list_imports or None, "--all": all_imports or None,
        "--datasource": datasource,
    }  # fmt: skip
    given = [name for name, value in actions.items() if value is not None]
    _check_one_action(given, config, bool(all_imports or datasource))
    opening = db_utils.BackgroundConnection(f"generic_import {config}".strip())
    # imported while the connection opens
    from systemscripts.ingest import run_imports, select_imports

    connection = opening.result()
    if list_imports:
        return select_imports.list_imports(connection)
    directories, run_uuid = Directories(settings.current().etl_data_dir), log_utils.get_run_uuid()
    if {"--undo", "--run", "--accept", "--replay-rejects", "--export-rejects"} & set(given):
        from systemscripts.ingest.dataset_options import DatasetOptions, run_dataset_option

        choice = DatasetOptions(undo, run, cascade, accept, replay_rejects, export_rejects)
        return run_dataset_option(connection, directories, run_uuid, choice, get_wait_seconds())
    last = phase or until
    options = run_imports.Options(
        only=file, dry_run=dry_run, until=None if last in (None, Phase.load) else last.value,
        ask_sources=phase in (None, Phase.fetch), accept_drop=accept_drop, reload=reload,
        retry_refused=retry_refused, change_types=change_types, wait_seconds=get_wait_seconds(),
    )  # fmt: skip
    return select_imports.run_selected(connection, config or None, directories, run_uuid, options, datasource)


def _check_one_action(actions: list[str], config: str, several: bool) -> None:
    """Raise UsageError unless there is exactly one action."""
    given = actions or ([config] if config else [])
    if len(given) != 1 or (config and several):
        text = f"{' and '.join(given)} do not go together" if given else "name an import, or --all"
        raise UsageError(text, f"See: {format_command('generic_import', '--list')}")


if __name__ == "__main__":
    generic_import.main()
