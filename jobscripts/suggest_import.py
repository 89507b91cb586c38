"""Propose the configuration for a new kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(database=False)
def suggest_import(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files of one kind, optionally followed by their import; with --from-history: only the import."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the import; by default from the file name.")] = "",
    output: Annotated[
        Path | None, typer.Option(help="Where to write the YAML; by default config/imports/NAME.yaml.")
    ] = None,
    from_history: Annotated[
        bool, typer.Option("--from-history", help="Propose expect: of an import from the files that it has loaded.")
    ] = False,
) -> Summary:
    """Read whole files and write the YAML of their import: file names, dates, rows to skip, a key, types with reasons.

    Nothing is loaded. Read the YAML and correct it, then try it with generic_import.py --dry-run.
    For an import that exists it shows what would change, and writes nothing.

    Examples:
        suggest_import.py ~/Downloads/orders_20260105.csv
        suggest_import.py incoming/*.xlsx --name orders
        suggest_import.py ~/Downloads/orders_20260112.csv orders
        suggest_import.py orders --from-history
    """
    if from_history:
        return _propose_from_history(str(files[0]))
    from systemscripts.imports.suggest import suggest_files

    return suggest_files.suggest_import(files, name, output)


def _propose_from_history(config_name: str) -> Summary:
    """Show what was true of every good file of an import, as lines for its YAML; nothing is written."""
    import yaml

    from systemscripts import configuration, db_utils
    from systemscripts.findings.values.propose_expectations import propose_expectations

    connection = db_utils.connect(purpose="suggest_import")
    # a wrong name is reported with the nearest right one
    configuration.load_import(connection, config_name)
    with db_utils.transaction(connection) as cursor:
        proposal, count = propose_expectations(cursor, config_name)
    connection.close()
    if not proposal:
        return Summary(headline=f"{config_name} has {count} good files with a profile: too few to propose anything")
    text = yaml.safe_dump({"expect": proposal}, sort_keys=False, allow_unicode=True, default_flow_style=None)
    summary = Summary(
        headline=f"true of the last {count} good files of {config_name}; for config/imports/{config_name}.yaml:"
    )
    summary.details = text.rstrip().splitlines()
    return summary


if __name__ == "__main__":
    suggest_import.main()
