"""Generate sample sales files."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from systemscripts.job import Summary, job


class Kind(StrEnum):
    """What to generate."""

    standard = "standard"
    fewer = "fewer"
    extra = "extra"
    dates = "dates"
    customers = "customers"


@job(database=False, alert=False)
def generate_sales_data(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="fewer or extra: missing or additional columns; dates: one file per day; customers: their table."
        ),
    ] = Kind.standard,
    rows: Annotated[int, typer.Option(min=0, help="How many rows.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed generates the same rows.")] = 1,
    month: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="The month of the sales.")] = datetime(2025, 1, 1),  # noqa: DTZ001
    faults: Annotated[float, typer.Option(min=0, max=1, help="Share of damaged rows.")] = 0.0,
    customers: Annotated[int, typer.Option(min=1, help="Number of customers; 12 are in sql/sales/seed.sql.")] = 12,
    output_dir: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    upload: Annotated[bool, typer.Option("--upload", help="Also upload to the bucket, below S3_INPUT_PREFIX.")] = False,
) -> Summary:
    """Write CSV files of generated sales that fit the dimensions of sql/sales/seed.sql, or customers for their table.

    Examples:
        generate_sales_data.py standard --rows 100000 --seed 7
        generate_sales_data.py extra --month 2025-02 --faults 0.01 --upload
        generate_sales_data.py dates --rows 5000 --output-dir /tmp/sales
        generate_sales_data.py customers --rows 1000
    """
    from demo import sales_data
    from systemscripts import s3, settings
    from systemscripts.errors import UsageError

    if upload and kind is Kind.customers:
        raise UsageError("customers go into the table sales.customer, not into the bucket", "Leave out --upload.")
    first = month.date().replace(day=1)
    spec = sales_data.SalesSpec(rows, seed, first, 0, faults, customers)
    name = "customers" if kind is Kind.customers else f"sales_{kind.value}_{first:%Y%m}"
    path = output_dir / f"{name}_{seed}.csv"
    makers = {
        Kind.standard: sales_data.write_standard,
        Kind.fewer: sales_data.write_without_total,
        Kind.extra: sales_data.write_with_extra_columns,
        Kind.customers: sales_data.write_customers,
    }
    paths = sales_data.write_daily(spec, output_dir) if kind is Kind.dates else [makers[kind](spec, path)]
    summary = Summary(headline=f"{rows:,} rows in {len(paths)} file{'s' if len(paths) != 1 else ''}", files=len(paths))
    if upload:
        bucket, prefix = s3.open_bucket(), settings.current().s3_input_prefix
        for path in paths:
            bucket.upload(path, f"{prefix}{path.name}")
            summary.details.append(f"{path} -> {bucket.address}{prefix}{path.name}")
    else:
        summary.details = [str(path) for path in paths]
    return summary


if __name__ == "__main__":
    generate_sales_data.main()
