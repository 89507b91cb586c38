"""Write the rows of a query as a Parquet file, with the types that PostgreSQL gave them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from systemscripts import duck
from systemscripts.tables import temporary_files

# DuckDB, numeric types: digits of DECIMAL, and of BIGINT
MAX_DIGITS, MAX_WHOLE = 38, 2**63 - 1
PREFIX = "report_"


def build_parquet(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Return a Parquet file; raises EtlError, such as for two columns of one name."""
    types = [
        _choose_type([row[position] for row in rows if row[position] is not None]) for position in range(len(columns))
    ]
    with temporary_files.create_folder(PREFIX) as folder:
        # DuckDB reads text much faster than it takes single values
        plain, target = folder / "rows.csv", folder / "rows.parquet"
        with plain.open("w", encoding="utf-8", newline="") as stream:
            for row in rows:
                stream.write(",".join(map(_format_cell, row)) + "\n")
        listed = ", ".join(f"{_quote(name)}: '{column_type}'" for name, column_type in zip(columns, types, strict=True))
        with duck.open_session(folder / "spill") as session:
            duck.run_statement(session, f"copy (select * from {_read_text(plain, listed)}) to {_quote(target)}", target)
        return target.read_bytes()


def _read_text(path: Path, listed: str) -> str:
    # a quoted blank is a text without letters, an unquoted one is NULL
    return (
        f"read_csv({_quote(path)}, header = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n', "
        f"allow_quoted_nulls = false, auto_detect = false, max_line_size = 1000000000, columns = {{{listed}}})"
    )


def _quote(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _format_cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dict | list):
        text = json.dumps(cell, ensure_ascii=False, default=str)
    elif isinstance(cell, datetime):
        text = cell.isoformat(" ")
    elif isinstance(cell, Decimal):
        text = f"{cell:f}"
    else:
        text = str(cell)
    return '"' + text.replace('"', '""') + '"'


def _choose_type(values: Sequence[Any]) -> str:
    """Return the type of a column that holds all of these values exactly."""
    kinds = {type(value) for value in values}
    if not kinds:
        return "VARCHAR"
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT" if all(abs(value) <= MAX_WHOLE for value in values) else "VARCHAR"
    if kinds == {float}:
        return "DOUBLE"
    if kinds == {date}:
        return "DATE"
    if kinds == {datetime}:
        zones = {value.tzinfo is not None for value in values}
        return "VARCHAR" if len(zones) > 1 else "TIMESTAMPTZ" if zones.pop() else "TIMESTAMP"
    if kinds <= {Decimal, int} and all(Decimal(value).is_finite() for value in values):
        return _choose_decimal([Decimal(value) for value in values])
    return "VARCHAR"


def _choose_decimal(values: Sequence[Decimal]) -> str:
    scale = max(max(-int(value.as_tuple().exponent), 0) for value in values)
    whole = max(max(value.adjusted() + 1, 0) for value in values)
    return f"DECIMAL({max(whole + scale, 1)},{scale})" if whole + scale <= MAX_DIGITS else "VARCHAR"
