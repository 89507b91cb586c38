"""Bring the YAML file and the row of an import together."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from systemscripts.job import Summary, job


class Winner(StrEnum):
    """Whose values count."""

    file = "file"
    row = "row"


@job(lock="")
def apply_config(
    name: Annotated[str, typer.Argument(help="The import; none: every YAML file that changed.")] = "",
    take: Annotated[Winner | None, typer.Option(help="Whose values count where both changed.")] = None,
) -> Summary:
    """Apply config/imports/NAME.yaml to dba.timportconfig.

    Changed files are applied at the start of every import too; this script settles what an import refuses, because the
    row was edited as well. Without --take it shows the difference.

    Examples:
        apply_config.py
        apply_config.py orders
        apply_config.py orders --take row
    """
    import contextlib

    from systemscripts import configuration, db_utils
    from systemscripts.configuration import exchange

    with contextlib.closing(db_utils.connect(purpose="apply_config")) as connection:
        if not name:
            done = configuration.apply_files(connection)
            return Summary(headline=f"applied: {', '.join(done)}" if done else "nothing changed")
        if take is None:
            rows = exchange.difference(connection, name)
            steps = [f"apply_config.py {name} --take file", f"apply_config.py {name} --take row"] if rows else []
            return Summary(headline=f"{name}: {len(rows)} keys differ", rows=rows, next_steps=steps)
        exchange.take(connection, name, take.value)
    return Summary(headline=f"{name}: file and row hold what the {take.value} held")


if __name__ == "__main__":
    apply_config.main()
