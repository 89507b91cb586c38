"""What computes the marts: one module for each engine, found by listing this package.

An engine is a module with one function:
    compute(work: Work) -> None     write every result of `work` as Parquet files; raises EtlError
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType

from systemscripts import plugins, settings
from systemscripts.errors import UsageError

SQL = settings.PROJECT / "sql" / "sales"
DIMENSIONS = ("customer", "store", "product", "sales_team")
# the results, each with the columns that its folders are named by (Hive's way, which DuckDB and Spark share)
RESULTS = {
    "enriched_sales": ("sales_month",),
    "customers_data_mart": ("sales_date_month",),
    "sales_team_data_mart": ("sales_month", "store_id"),
}


@dataclass(frozen=True)
class Work:
    """What an engine gets. Each result goes to output/NAME/COLUMN=VALUE/.../*.parquet."""

    sales: tuple[Path, ...]
    months: tuple[date, ...]
    dimensions: Path  # a folder with NAME.parquet for each of DIMENSIONS
    output: Path
    master: str = ""  # where a distributed engine computes

    def views(self) -> dict[str, str]:
        """The statements' own views: name -> SQL, in their order."""
        months = " union all ".join(f"select cast('{month}' as date) as month" for month in self.months)
        return {"touched_month": months, "touched_sales": read_statement("touched_sales")}


def read_statement(name: str) -> str:
    """The text of a file of sql/sales/, which both engines run as it stands."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def load_module(name: str) -> ModuleType:
    """The module of an engine; raises UsageError with the nearest name."""
    return plugins.load_module(__name__, name, "engine", UsageError)
