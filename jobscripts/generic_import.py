"""Load client files into their targets, by configuration."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.errors import ConfigurationError, UsageError
from systemscripts.job import Summary, job, wait_seconds

if TYPE_CHECKING:
    from systemscripts.configuration import ImportConfig
    from systemscripts.db_utils import Connection


class Phase(StrEnum):
    """Where to stop."""

    fetch = "fetch"
    prepare = "prepare"


@job(lock="{config}")
def generic_import(
    config: Annotated[str, typer.Argument(help="The import, a row of dba.timportconfig.")] = "",
    all_imports: Annotated[bool, typer.Option("--all", help="Every active import.")] = False,
    file: Annotated[Path | None, typer.Option(help="Load this file alone; the original stays where it is.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")] = False,
    until: Annotated[Phase | None, typer.Option(help="Stop after this phase.")] = None,
    accept_drop: Annotated[bool, typer.Option("--accept-drop", help="This time far fewer rows are right.")] = False,
    reload: Annotated[bool, typer.Option("--reload", help="Load undone content again.")] = False,
    retry_refused: Annotated[bool, typer.Option("--retry-refused", help="Try refused files again.")] = False,
    list_imports: Annotated[bool, typer.Option("--list", help="Show the imports.")] = False,
    undo: Annotated[int | None, typer.Option(help="Take this dataset back.")] = None,
    run: Annotated[str | None, typer.Option(help="Take back all that this run loaded.")] = None,
    cascade: Annotated[bool, typer.Option("--cascade", help="With --undo: also the later datasets on top.")] = False,
    accept: Annotated[int | None, typer.Option(help="Make this held dataset current.")] = None,
    replay_rejects: Annotated[int | None, typer.Option(help="Try the rejected rows of this dataset again.")] = None,
    export_rejects: Annotated[
        tuple[int, Path] | None, typer.Option(help="Write the rejected rows of a dataset to a .csv or .xlsx file.")
    ] = None,
) -> Summary:
    """Load the files that wait for an import.

    A file whose content is there already is noted, not loaded again; a file that does not fit is kept aside with its
    reason.

    Examples:
        generic_import.py meetmax_events
        generic_import.py meetmax_events --dry-run
        generic_import.py orders --file ~/Downloads/orders.xlsx
        generic_import.py --undo 12
        generic_import.py --export-rejects 12 rejected.xlsx
    """
    from systemscripts import configuration, db_utils, log_utils, settings
    from systemscripts.directory_management import Directories

    connection = db_utils.connect(purpose=f"generic_import {config}")
    run_uuid, patience = log_utils.current_run_uuid(), wait_seconds()
    if undo is not None or run is not None or accept is not None:
        from systemscripts.journey import undo as undoing

        if accept is not None:
            return undoing.accept_dataset(connection, accept, patience)
        return undoing.undo_datasets(connection, run_uuid, undo, run, cascade, patience)
    if replay_rejects is not None or export_rejects is not None:
        from systemscripts.journey import replay

        if export_rejects is not None:
            return replay.export_rejects(connection, *export_rejects)
        return replay.replay_rejects(connection, replay_rejects or 0, patience)
    _, faults = configuration.apply_each(connection)
    known = configuration.load_all(connection)
    if list_imports:
        summary = _listed(known)
    else:
        from systemscripts.journey import travel

        directories = Directories(settings.current().etl_data_dir)
        options = travel.Options(
            only=file, dry_run=dry_run, until=until.value if until else None, accept_drop=accept_drop, reload=reload,
            retry_refused=retry_refused, wait_seconds=patience, leave=travel.ambiguous(known, directories),
        )  # fmt: skip
        chosen = _chosen(connection, config, all_imports, known, faults)
        summary = travel.run_imports(connection, chosen, directories, run_uuid, options)
        summary.warnings += travel.unmatched(known, directories)
    for text in faults.values():
        summary.problem(text, ConfigurationError.exit_code)
    return summary


def _chosen(
    connection: Connection, name: str, all_imports: bool, known: list[ImportConfig], faults: dict[str, str]
) -> list[ImportConfig]:
    """The imports to run; one whose YAML is faulty is not run by its old row."""
    from systemscripts import configuration

    if all_imports:
        return [config for config in known if config.is_active and config.config_name not in faults]
    if not name:
        raise UsageError("name an import, or --all", "See: generic_import.py --list")
    if name in faults:
        raise ConfigurationError(faults[name])
    chosen = configuration.load(connection, name)
    if not chosen.is_active:
        raise ConfigurationError(f"the import {name} is not active", "Set is_active to true.")
    return [chosen]


def _listed(known: list[ImportConfig]) -> Summary:
    names = ("config_name", "is_active", "file_pattern", "target_table", "load_mode")
    rows = [{name: getattr(config, name) for name in names} for config in known]
    return Summary(headline=f"{len(known)} imports", rows=rows)


if __name__ == "__main__":
    generic_import.main()
