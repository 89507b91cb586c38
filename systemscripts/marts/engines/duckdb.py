"""DuckDB in this process: the default. Data larger than DUCKDB_MEMORY_GB spill to disk."""

from __future__ import annotations

from systemscripts import duck
from systemscripts.marts.engines import DIMENSIONS, RESULTS, Work, read_statement


def compute(work: Work) -> None:
    """Run every statement; raises EtlError if disk or memory is full."""
    work.output.mkdir(parents=True, exist_ok=True)
    with duck.open_session(work.output.with_name(f"{work.output.name}.spill")) as connection:
        connection.execute("set preserve_insertion_order = false")
        files = ", ".join(duck.quote_path(path) for path in work.sales)
        views = {"sales": f"select * from read_parquet([{files}], union_by_name = true, hive_partitioning = false)"}
        for name in DIMENSIONS:
            views[name] = f"select * from read_parquet({duck.quote_path(work.dimensions / f'{name}.parquet')})"
        for name, text in (views | work.build_views()).items():
            duck.run_statement(connection, f"create view {name} as {text}", work.output)
        for name, columns in RESULTS.items():
            result_path = work.output / name
            target = f"{duck.quote_literal(str(result_path))} (format parquet, partition_by ({', '.join(columns)}))"
            duck.run_statement(connection, f"copy ({read_statement(name)}) to {target}", result_path)
