"""Compute the sales data marts."""

from __future__ import annotations

from typing import Annotated

import typer

from systemscripts.job import Summary, get_wait_seconds, job


@job(lock="")
def sales_marts(
    engine: Annotated[str, typer.Option(help="The engine: duckdb (on this machine) or spark.")] = "duckdb",
    master: Annotated[
        str, typer.Option(help="The Spark master: local[*] or spark://host:7077; by default SPARK_MASTER.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the months that are out of date; write nothing.")
    ] = False,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute every month, after a change of a dimension.")
    ] = False,
) -> Summary:
    """Compute the months whose sales have changed and write them to every target: database, Parquet sets, bucket.

    After a failure or a kill, the same command leads to the same result.

    Examples:
        sales_marts.py
        sales_marts.py --dry-run
        sales_marts.py --engine spark --master spark://host:7077
    """
    from systemscripts import db_utils, log_utils, settings
    from systemscripts.directory_management import Directories
    from systemscripts.marts import build

    connection = db_utils.connect(purpose="sales_marts")
    directories = Directories(settings.current().etl_data_dir)
    options = build.Options(engine, master, dry_run, recompute, get_wait_seconds())
    return build.run(connection, directories, log_utils.get_run_uuid(), options)


if __name__ == "__main__":
    sales_marts.main()
