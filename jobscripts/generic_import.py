"""Load client files into their targets, by configuration."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.errors import UsageError
from systemscripts.job import Summary, get_wait_seconds, job

if TYPE_CHECKING:
    from systemscripts.db_utils import Connection


class Phase(StrEnum):
    """A phase of loading a file."""

    fetch = "fetch"
    prepare = "prepare"
    load = "load"


Config = Annotated[str, typer.Argument(help="The import, a row of dba.timportconfig.")]
Every = Annotated[bool, typer.Option("--all", help="Every active import.")]
Datasource = Annotated[str | None, typer.Option(help="Every active import of this data source.")]
File = Annotated[Path | None, typer.Option(help="Load only this file and leave it there; also a path of the archive.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")]
Until = Annotated[Phase | None, typer.Option(help="Stop after this phase.")]
Alone = Annotated[Phase | None, typer.Option(help="Run only this phase, on the result of the one before.")]
AcceptDrop = Annotated[bool, typer.Option("--accept-drop", help="Accept an unusually small file.")]
Reload = Annotated[bool, typer.Option("--reload", help="Load undone content again.")]
RetryRefused = Annotated[bool, typer.Option("--retry-refused", help="Try refused files again.")]
Listing = Annotated[bool, typer.Option("--list", help="Show the imports.")]
Undo = Annotated[str | None, typer.Option(help="Undo this dataset; --undo --run RUN: a whole run.", metavar="INTEGER")]
Run = Annotated[str | None, typer.Option(help="Undo everything that this run loaded.")]
Cascade = Annotated[bool, typer.Option("--cascade", help="With --undo: also the later datasets on top.")]
Accept = Annotated[int | None, typer.Option(help="Load the file of this held dataset.")]
ReplayRejects = Annotated[int | None, typer.Option(help="Try the rejected rows of this dataset again.")]
ExportRejects = Annotated[
    tuple[int, Path] | None, typer.Option(help="Write the rejected rows of a dataset to a .csv or .xlsx file.")
]


@job(lock="{config}")
def generic_import(
    config: Config = "", all_imports: Every = False, datasource: Datasource = None, file: File = None,
    dry_run: DryRun = False, until: Until = None, phase: Alone = None, accept_drop: AcceptDrop = False,
    reload: Reload = False, retry_refused: RetryRefused = False, list_imports: Listing = False, undo: Undo = None,
    run: Run = None, cascade: Cascade = False, accept: Accept = None, replay_rejects: ReplayRejects = None,
    export_rejects: ExportRejects = None,
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
    _check_one_action(
        [name for name, value in actions.items() if value is not None], config, bool(all_imports or datasource)
    )
    opening = db_utils.BackgroundConnection(f"generic_import {config}".strip())
    # imported while the connection opens
    from systemscripts.ingest import run_imports, select_imports

    connection = opening.result()
    if list_imports:
        return select_imports.list_imports(connection)
    if decided := _decide_datasets(connection, undo, run, cascade, accept, replay_rejects, export_rejects):
        return decided
    last = phase or until
    options = run_imports.Options(
        only=file, dry_run=dry_run, until=None if last in (None, Phase.load) else last.value,
        ask_sources=phase in (None, Phase.fetch), accept_drop=accept_drop, reload=reload,
        retry_refused=retry_refused, wait_seconds=get_wait_seconds(),
    )  # fmt: skip
    directories = Directories(settings.current().etl_data_dir)
    run_uuid = log_utils.get_run_uuid()
    return select_imports.run_selected(connection, config or None, directories, run_uuid, options, datasource)


def _decide_datasets(
    connection: Connection, undo: str | None, run: str | None, cascade: bool, accept: int | None,
    replay_rejects: int | None, export_rejects: tuple[int, Path] | None,
) -> Summary | None:  # fmt: skip
    """Carry out the one option about loaded or held datasets; return None if there is none."""
    from systemscripts import log_utils, settings
    from systemscripts.directory_management import Directories

    run_uuid, wait_seconds = log_utils.get_run_uuid(), get_wait_seconds()
    directories = Directories(settings.current().etl_data_dir)
    if accept is not None:
        from systemscripts.ingest.accept_held import accept_dataset

        return accept_dataset(connection, directories, run_uuid, accept, wait_seconds)
    if undo is not None or run is not None:
        from systemscripts.ingest.undo import undo_datasets

        return undo_datasets(connection, run_uuid, int(undo) if undo else None, run, cascade, wait_seconds)
    if replay_rejects is not None:
        from systemscripts.ingest.replay_rejects import replay_rejects as replay

        return replay(connection, replay_rejects, wait_seconds, directories)
    if export_rejects is not None:
        from systemscripts.ingest.export_rejects import export_rejects as export

        return export(connection, *export_rejects)
    return None


def _check_one_action(actions: list[str], config: str, several: bool) -> None:
    """Raise UsageError unless there is exactly one action."""
    given = actions or ([config] if config else [])
    if len(given) != 1 or (config and several):
        text = f"{' and '.join(given)} do not go together" if given else "name an import, or --all"
        raise UsageError(text, f"See: {format_command('generic_import', '--list')}")


if __name__ == "__main__":
    generic_import.main()
