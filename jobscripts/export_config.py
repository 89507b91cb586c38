"""Write a row of dba.timportconfig as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from systemscripts.job import Summary, job


@job()
def export_config(
    name: Annotated[str, typer.Argument(help="The import.")],
    output: Annotated[Path | None, typer.Option(help="File to write; by default standard output.")] = None,
) -> Summary:
    """Write a row of dba.timportconfig as a YAML file.

    Examples:
        export_config.py orders
        export_config.py orders --output config/imports/orders.yaml
    """
    import contextlib

    from systemscripts import configuration, db_utils
    from systemscripts.configuration import yaml_row_sync
    from systemscripts.directory_management import atomic_write

    with contextlib.closing(db_utils.connect(purpose="export_config")) as connection:
        text = yaml_row_sync.render_yaml(configuration.load_import(connection, name))
    if output is None:
        return Summary(headline=text.rstrip())
    with atomic_write(output) as stream:
        stream.write(text.encode())
    return Summary(headline=f"{output} written")


if __name__ == "__main__":
    export_config.main()
