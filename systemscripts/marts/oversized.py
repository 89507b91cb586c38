"""Months whose sums are larger than the marts hold: found before anything is computed, and named with their sales.

Every sale may be as large as a column of numeric(18,2) takes; some of that size add up to more. One such file must stop
its own months, not all of them.
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

LIMIT = Decimal(10) ** 16  # total_sales and incentive are numeric(18,2), in the tables and in the Parquet sets
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
    """Return the months of `months` in which a group's sum is too large, in order. Raises EtlError.

    files: the Parquet files of the sales. spill: where DuckDB may put what memory does not hold. What the files say of
    their smallest and largest values nearly always tells that there is none, without reading a row.
    """
    if not files:
        return []
    listed = ", ".join(duck.quote_path(path) for path in files)
    with duck.open_session(spill) as connection, duck.translate_errors(spill):
        if _bound(connection, listed) < LIMIT:
            return []
        sales = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        wanted = ", ".join(f"date '{month}'" for month in months)
        found: set[date] = set()
        for group in GROUPS:
            rows = connection.execute(
                f"select distinct month from (select {_MONTH} as month, sum(total_cost) as total from {sales} "
                f"where {_MONTH} in ({wanted}) group by month, {group}) where abs(total) >= {LIMIT}"
            ).fetchall()
            found |= {row[0] for row in rows}
        return [_largest(connection, sales, month) for month in sorted(found)]


def _bound(connection: DuckDBPyConnection, listed: str) -> Decimal:
    """Return what no sum of the files can exceed; the limit itself where they do not say."""
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


def _largest(connection: DuckDBPyConnection, sales: str, month: date) -> OversizedMonth:
    row = connection.execute(
        f"select dataset_id, source_row, total_cost from {sales} where {_MONTH} = date '{month}' "
        "order by abs(total_cost) desc, dataset_id, source_row limit 1"
    ).fetchone()
    assert row is not None
    return OversizedMonth(month, *row)
