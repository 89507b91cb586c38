"""Find months whose sums do not fit into the marts, before anything is computed.

A sale may be as large as a column of numeric(18,2) allows, so that the sum of several does not fit. A file with such
sales must stop only its own months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import duck

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# total_sales and incentive are numeric(18,2), in the tables and in the Parquet sets
LIMIT = Decimal(10) ** 16
GROUPS = ("customer_id", "store_id, sales_person_id")
_MONTH = "cast(date_trunc('month', sales_date) as date)"


@dataclass(frozen=True)
class OversizedMonth:
    """A month that cannot be summed, and the largest sale in it."""

    month: date
    dataset_id: int
    source_row: int
    total_cost: Decimal


def find_oversized_months(files: Sequence[Path], months: Sequence[date], spill: Path) -> list[OversizedMonth]:
    """Return those of `months` in which the sum of a group is too large, sorted; raises EtlError.

    `files` are the Parquet files of the sales, `spill` the folder for what does not fit into memory. The statistics of
    the files nearly always show that there is none, without reading a row.
    """
    if not files:
        return []
    listed = ", ".join(duck.quote_path(path) for path in files)
    with duck.open_session(spill) as connection, duck.translate_errors(spill):
        if _compute_bound(connection, listed) < LIMIT:
            return []
        sales = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        month_list = ", ".join(f"date '{month}'" for month in months)
        too_large: set[date] = set()
        for group in GROUPS:
            rows = connection.execute(
                f"select distinct month from (select {_MONTH} as month, sum(total_cost) as total from {sales} "
                f"where {_MONTH} in ({month_list}) group by month, {group}) where abs(total) >= {LIMIT}"
            ).fetchall()
            too_large |= {row[0] for row in rows}
        return [_find_largest_sale(connection, sales, month) for month in sorted(too_large)]


def _compute_bound(connection: DuckDBPyConnection, listed: str) -> Decimal:
    """Return an upper bound of every sum in the files, LIMIT if they have no statistics."""
    rows = connection.execute(
        "select num_values, stats_min_value, stats_max_value "
        f"from parquet_metadata([{listed}]) where path_in_schema = 'total_cost'"
    ).fetchall()
    bound = Decimal(0)
    for count, low, high in rows:
        if low is None or high is None:
            return LIMIT
        bound += count * max(abs(Decimal(low)), abs(Decimal(high)))
    return bound


def _find_largest_sale(connection: DuckDBPyConnection, sales: str, month: date) -> OversizedMonth:
    row = connection.execute(
        f"select dataset_id, source_row, total_cost from {sales} where {_MONTH} = date '{month}' "
        "order by abs(total_cost) desc, dataset_id, source_row limit 1"
    ).fetchone()
    assert row is not None
    return OversizedMonth(month, *row)
