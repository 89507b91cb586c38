"""Propose the configuration for a new kind of file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job(database=False)
def suggest_import(
    files: Annotated[list[Path], typer.Argument(help="Files of one kind; with --from-history: the name of an import.")],
    name: Annotated[str, typer.Option(help="Name of the import; by default from the file name.")] = "",
    output: Annotated[
        Path | None, typer.Option(help="Where to write the YAML; by default config/imports/NAME.yaml.")
    ] = None,
    from_history: Annotated[
        bool, typer.Option("--from-history", help="Propose expect: of an import from the files that it has loaded.")
    ] = False,
) -> Summary:
    """Read whole files and write the YAML of their import: columns with proposed types and reasons, a key, a pattern.

    Nothing is loaded. Read the YAML and correct it, then try it with generic_import.py --dry-run.

    Examples:
        suggest_import.py ~/Downloads/orders_20260105.csv
        suggest_import.py incoming/*.xlsx --name orders
        suggest_import.py orders --from-history
    """
    if from_history:
        return _propose_from_history(str(files[0]))
    from systemscripts import progress
    from systemscripts.configuration.import_rows import FOLDER
    from systemscripts.directory_management import atomic_write
    from systemscripts.errors import UsageError
    from systemscripts.imports.suggest import infer_types, profile_table, render_yaml
    from systemscripts.summary import add_prefix
    from systemscripts.tables.column_names import make_column_names
    from systemscripts.tables.open_table import open_table

    chosen = name or _name_import(files[0])
    path = output or FOLDER / f"{chosen}.yaml"
    if path.exists():
        raise UsageError(f"{path} exists already", "Give another --name or --output.")
    summary, proposals, notes = Summary(), {}, []
    for file in files:
        with open_table(file) as table, progress.track(file.name) as tracker:
            columns = make_column_names(table.columns)
            profiles, rows = profile_table.profile_columns(table, columns, tracker.advance)
            warned = [notice.text for notice in table.warnings]
            notes += [f"{file.name}: {text}" for text in dict.fromkeys([*table.detected.notes, *warned])]
            summary.warn_all(add_prefix(table.warnings, file.name))
        for proposal in infer_types.infer_columns(columns, profiles, table.detected.delimiter):
            if proposal.column not in proposals or proposal.declared == {"type": "text"}:
                proposals[proposal.column] = proposal
        keys = [column for column, profile in zip(columns, profiles, strict=True) if profile.is_unique and rows > 1]
        summary.files += 1
        summary.counts.read += rows
        summary.counts.skipped += rows
    with atomic_write(path) as stream:
        stream.write(render_yaml.render_import(files, chosen, list(proposals.values()), keys, notes).encode())
    summary.rows = [{"column": p.column, "proposed": p.declared["type"], "why": p.reason} for p in proposals.values()]
    summary.headline = f"{path} written: {len(proposals)} columns from {summary.counts.read:,} rows"
    summary.next_steps = [
        f"generic_import.py {chosen} --file {files[0]} --dry-run",
        f"generic_import.py {chosen} --file {files[0]}",
    ]
    return summary


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


def _name_import(file: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"[\d_-]{4,}", "_", file.stem.lower())).strip("_")
    return words if words[:1].isalpha() else f"import_{words}".strip("_")


if __name__ == "__main__":
    suggest_import.main()
