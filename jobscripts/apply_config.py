"""Apply changed YAML files to the rows of dba.timportconfig."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, get_wait_seconds, job


class Winner(StrEnum):
    """Whose values are kept."""

    file = "file"
    row = "row"


@job(lock="")
def apply_config(
    name: Annotated[str, typer.Argument(help="The import; by default every YAML file that changed.")] = "",
    take: Annotated[Winner | None, typer.Option(help="Whose values to use if both changed.")] = None,
) -> Summary:
    """Apply config/imports/NAME.yaml to dba.timportconfig, and a changed schema to existing tables.

    Every import applies changed files when it starts. Use this script for what an import refuses: a row that was edited
    as well (without --take it shows the difference), and columns whose type or name changed in the schema.

    Examples:
        apply_config.py
        apply_config.py orders
        apply_config.py orders --take row
    """
    import contextlib

    from systemscripts import configuration, db_utils, log_utils
    from systemscripts.configuration import yaml_row_sync
    from systemscripts.imports import change_types

    with contextlib.closing(db_utils.connect(purpose="apply_config")) as connection:
        if not name:
            applied = configuration.apply_files(connection)
            summary = Summary(headline=f"applied: {', '.join(applied)}" if applied else "nothing changed")
        elif take is not None:
            yaml_row_sync.resolve_difference(connection, name, take.value)
            summary = Summary(headline=f"{name}: file and row have the values of the {take.value}")
        else:
            rows = yaml_row_sync.compare_row(connection, name)
            steps = [format_command("apply_config", name, "--take", winner) for winner in Winner if rows]
            summary = Summary(headline=f"{name}: {len(rows)} keys differ", rows=rows, next_steps=steps)
            if rows:
                return summary
        chosen = (
            [configuration.load_import(connection, name)] if name else configuration.load_valid_imports(connection)[0]
        )
        for config in chosen:
            summary.details += change_types.apply_changes(
                connection, config, log_utils.get_run_uuid(), get_wait_seconds()
            )
    return summary


if __name__ == "__main__":
    apply_config.main()
