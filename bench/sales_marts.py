"""Compares CSV to Parquet, and the sales marts, with bare DuckDB scripts, Spark and pandas.

    .venv/bin/python -m bench.sales_marts --rows 10000000
    .venv/bin/python -m bench.sales_marts --rows 10000000 --spark --pandas --repeats 1
    .venv/bin/python -m bench.sales_marts --rows 100000000 --lake --spark --repeats 1

The bare scripts read the same files and write the same output: the Parquet file; the marts in PostgreSQL and the
Parquet sets. Ours are whole commands: start-up, SHA-256, checks of every value, lookups, ledger, versions.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from bench import measurement
from bench.installation import PROJECT, Bench, create_installation
from bench.measurement import Run
from demo import sales_data

CUSTOMERS = 100_000
# in a lake that is written directly
DATASETS = 10
SQL = PROJECT / "sql" / "sales"

CONVERT = """
import duckdb, sys
duckdb.execute(f"copy (from read_csv('{sys.argv[1]}')) to '{sys.argv[2]}' (format parquet)")
"""
MARTS = """
import duckdb, glob, os, psycopg2, shutil, sys
lake, dimensions, output, sql, url = sys.argv[1:]
shutil.rmtree(output, ignore_errors=True)
os.makedirs(output)
c = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": output + "/spill"})
c.execute("set preserve_insertion_order = false")
c.execute(f"create view sales as from read_parquet('{lake}/*.parquet')")
for name in ("customer", "store", "product", "sales_team"):
    c.execute(f"create view {name} as from '{dimensions}/{name}.parquet'")
c.execute("create view touched_month as select distinct date_trunc('month', sales_date)::date as month from sales")
read = lambda name: open(f"{sql}/{name}.sql").read()
c.execute("create view touched_sales as " + read("touched_sales"))
for name, by in (("enriched_sales", "sales_month"), ("customers_data_mart", "sales_date_month"),
                 ("sales_team_data_mart", "sales_month, store_id")):
    c.execute(f"copy ({read(name)}) to '{output}/{name}' (format parquet, partition_by ({by}))")
pg = psycopg2.connect(url)
for name, columns in (
    ("customers_data_mart", "customer_id, full_name, address, phone_number, sales_date_month, total_sales"),
    ("sales_team_data_mart", "store_id, sales_person_id, full_name, sales_month, total_sales, incentive"),
):
    c.execute(f"copy (select {columns} from read_parquet('{output}/{name}/**/*.parquet', hive_partitioning = true)) "
              f"to '{output}/{name}.csv' (format csv, header false)")
    with pg.cursor() as cursor, open(f"{output}/{name}.csv") as stream:
        cursor.execute(f"delete from sales.{name}")
        cursor.copy_expert(f"copy sales.{name} ({columns}) from stdin with (format csv)", stream)
pg.commit()
"""
PANDAS = """
import glob, sys, duckdb, pandas
lake, dimensions = sys.argv[1:3]
# pandas reads Parquet only by way of pyarrow, which is not needed otherwise: DuckDB hands the columns over
sales = duckdb.execute(f"select customer_id, store_id, sales_person_id, sales_date, "
                       f"(total_cost * 100)::bigint as cents from read_parquet('{lake}/*.parquet')").df()
sales["month"] = sales["sales_date"].dt.to_period("M")
customers = sales.groupby(["customer_id", "month"])["cents"].sum().reset_index()
team = sales.groupby(["store_id", "sales_person_id", "month"])["cents"].sum().reset_index()
best = team.groupby(["store_id", "month"])["cents"].transform("max")
team["incentive"] = ((team["cents"] + 50) // 100).where(team["cents"] == best, 0)
customer = duckdb.execute(f"from '{dimensions}/customer.parquet'").df()
customers = customers.merge(customer, on="customer_id", how="left")
enriched = sales.merge(customer, on="customer_id", how="left")
print(len(customers), len(team), len(enriched))
"""


def main() -> None:
    """Generate, load, compute, in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lake", action="store_true", help="write the Parquet files directly, and time only the marts")
    parser.add_argument("--spark", action="store_true", help="also Spark on this machine, local[*]")
    parser.add_argument("--pandas", action="store_true", help="also pandas, in memory, writing nothing")
    options = parser.parse_args()
    with create_installation() as bench:
        _fill_dimensions(bench)
        if options.lake:
            with ProcessPoolExecutor(1, get_context("spawn")) as other:
                other.submit(_write_lake, bench.folder / "var" / "lake" / "sales", options.rows).result()
            _note_lake(bench, options.rows)
        else:
            file = _prepare_file(bench, options.rows)
            print(f"{options.rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB of CSV")
            _measure_conversion(bench, file, options.repeats)
        _measure_marts(bench, options)


def _fill_dimensions(bench: Bench) -> None:
    bench.psql((SQL / "seed.sql").read_text())
    customers = sales_data.write_customers(sales_data.SalesSpec(CUSTOMERS), bench.folder / "customers.csv")
    bench.psql("delete from sales.customer")
    bench.psql(f"\\copy sales.customer from '{customers}' with (format csv, header)")


def _write_lake(folder: Path, rows: int) -> None:
    """Write the files of ten datasets as the import would."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    names, prices = list(sales_data.PRODUCTS), [f"{price}::decimal(18, 2)" for price in sales_data.PRODUCTS.values()]
    for number in range(1, DATASETS + 1):
        duckdb.execute(
            f"""copy (
                select {number}::integer as dataset_id, (i + 2)::integer as source_row,
                    (hash(i, {number}, 1) % {CUSTOMERS} + 1)::integer as customer_id,
                    {list(sales_data.STORES)}[1 + (hash(i, {number}, 2) % 3)::integer]::integer as store_id,
                    {names}[product] as product_name,
                    date '2025-01-01' + (hash(i, {number}, 3) % 90)::integer as sales_date,
                    (hash(i, {number}, 4) % {sales_data.PERSONS} + 1)::integer as sales_person_id,
                    [{", ".join(prices)}][product] as price, quantity,
                    (price * quantity)::decimal(18, 2) as total_cost, null::varchar as additional_column
                from (select i, 1 + (hash(i, {number}, 5) % {len(names)})::integer as product,
                    (hash(i, {number}, 6) % 9 + 1)::integer as quantity from range({rows // DATASETS}) numbers(i)))
                to '{folder}/dataset_{number}.parquet' (format parquet)"""
        )


def _note_lake(bench: Bench, rows: int) -> None:
    """Record those files in the ledger as the import would."""
    bench.job("generic_import", "sales")  # Nothing waits, but the configuration becomes a row.
    rows_each = rows // DATASETS
    bench.psql(
        f"""insert into dba.tdataset (dataset_id, config_name, status, load_mode, target_table, content_sha256, columns,
                rows_read, rows_loaded, rows_rejected, rows_skipped, file_name, run_uuid) overriding system value
            select n, 'sales', 'active', 'append', 'parquet:var/lake/sales', 'bench ' || n, '{{customer_id}}',
                {rows_each}, {rows_each}, 0, 0, 'dataset_' || n || '.parquet', gen_random_uuid()
            from generate_series(1, {DATASETS}) n;
            insert into dba.tdatasetmonth
            select n, month from generate_series(1, {DATASETS}) n, unnest(array['2025-01-01', '2025-02-01',
                '2025-03-01']::date[]) month"""
    )


def _prepare_file(bench: Bench, rows: int) -> Path:
    """Write one file of sales in another process, so that measured processes do not inherit its memory."""
    wish = sales_data.SalesSpec(rows, month=date(2025, 1, 1), days=90, customers=CUSTOMERS)
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        return other.submit(sales_data.write_standard, wish, bench.folder / "sales.csv").result()


def _measure_conversion(bench: Bench, file: Path, repeats: int) -> None:
    bare, ours = [], []
    for number in range(repeats + 1):  # the first turn is a warm-up
        bench.settle()
        one = measurement.run_command([sys.executable, "-c", CONVERT, str(file), str(bench.folder / "bare.parquet")])
        two = _load_file(bench, file)
        if number:
            bare.append(one)
            ours.append(two)
    print(
        measurement.format_table([("DuckDB, CSV to Parquet", bare), ("generic_import sales", ours)], bare), flush=True
    )


def _load_file(bench: Bench, file: Path) -> Run:
    bench.psql(
        "delete from dba.trejectedrow; delete from dba.tdatasetmonth; delete from dba.tfile; delete from dba.tdataset"
    )
    waiting = bench.folder / "file_watcher" / "sales_bench.csv"
    waiting.unlink(missing_ok=True)
    waiting.hardlink_to(file)
    bench.settle()
    return bench.job("generic_import", "sales")


def _measure_marts(bench: Bench, options: argparse.Namespace) -> None:
    lake, dimensions = bench.folder / "var" / "lake" / "sales", bench.folder / "dimensions"
    dimensions.mkdir()
    _export_dimensions(bench, dimensions)
    arguments = [str(lake), str(dimensions), str(bench.folder / "bare"), str(SQL), bench.url]
    runs: dict[str, list[Run]] = {"DuckDB, bare": [], "sales_marts": []}
    warm_ups = 0 if options.lake else 1  # Data larger than memory stays cold anyway.
    for number in range(options.repeats + warm_ups):
        bench.settle()
        bare = measurement.run_command([sys.executable, "-c", MARTS, *arguments])
        bench.settle()
        ours = bench.job("sales_marts", "--recompute")
        print(f"bare {bare.seconds:.1f} s, sales_marts {ours.seconds:.1f} s", flush=True)
        if number >= warm_ups:
            runs["DuckDB, bare"].append(bare)
            runs["sales_marts"].append(ours)
    for is_requested, name, command in (
        (options.spark, "sales_marts on Spark", ["--recompute", "--engine", "spark", "--master", "local[*]"]),
        (options.pandas, "pandas, in memory", []),
    ):
        for _ in range(options.repeats if is_requested else 0):
            bench.settle()
            run = bench.job("sales_marts", *command) if command else measurement.run_command(
                [sys.executable, "-c", PANDAS, *arguments[:2]]
            )  # fmt: skip
            runs.setdefault(name, []).append(run)
    print(measurement.format_table(list(runs.items()), runs["DuckDB, bare"]), flush=True)


def _export_dimensions(bench: Bench, folder: Path) -> None:
    import duckdb

    for name in ("customer", "store", "product", "sales_team"):
        bench.psql(f"\\copy sales.{name} to '{folder / name}.csv' with (format csv, header)")
        duckdb.execute(f"copy (from read_csv('{folder / name}.csv')) to '{folder / name}.parquet' (format parquet)")


if __name__ == "__main__":
    main()
