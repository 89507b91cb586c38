"""The engines that compute the marts: one module for each, found by listing this package.

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
# the results, each with the columns in the names of its folders (Hive partitions, which DuckDB and Spark support)
RESULTS = {
    "enriched_sales": ("sales_month",),
    "customers_data_mart": ("sales_date_month",),
    "sales_team_data_mart": ("sales_month", "store_id"),
}


@dataclass(frozen=True)
class Work:
    """The input of an engine; each result goes to output/NAME/COLUMN=VALUE/.../*.parquet."""

    sales: tuple[Path, ...]
    months: tuple[date, ...]
    # a folder with NAME.parquet for each of DIMENSIONS
    dimensions: Path
    output: Path
    # the address of a distributed engine
    master: str = ""

    def build_views(self) -> dict[str, str]:
        """Return the views that the statements use: name -> SQL, in their order."""
        months = " union all ".join(f"select cast('{month}' as date) as month" for month in self.months)
        return {"touched_month": months, "touched_sales": read_statement("touched_sales")}


def read_statement(name: str) -> str:
    """Return the text of a file of sql/sales/, which both engines run unchanged."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def load_module(name: str) -> ModuleType:
    """Return the module of an engine; raises UsageError with the nearest name."""
    return plugins.load_module(__name__, name, "engine", UsageError)
