"""Reads Parquet by DuckDB, which writes each value as exact text; lists and structures as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from systemscripts.duck import quote_identifier, quote_path
from systemscripts.tables.parsers import confined_duckdb
from systemscripts.tables.parsers.workbook import Book, Row, Sheet

SYSTEM_PATHS = confined_duckdb.SYSTEM_PATHS
FETCHED_ROWS = 2000
DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")
# how a column is declared -> DuckDB's types; all others are text
KINDS = {
    "integer": ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"),
    "bigint": ("BIGINT", "UINTEGER"),
    "numeric": ("UBIGINT", "HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE"),
    "timestamp": ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE",),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
    "time": ("TIME",),
}
TYPES = {written: declared for declared, all_written in KINDS.items() for written in all_written}


def open_book(path: Path) -> Book:
    """Open a Parquet file. Raises duckdb.Error where it is truncated or damaged."""
    connection = confined_duckdb.connect()
    # times with a zone are moments, whatever the zone of this host is
    connection.execute("set timezone = 'UTC'")
    described = connection.execute(f"describe select * from read_parquet({quote_path(path)})").fetchall()
    columns = {str(row[0]): str(row[1]) for row in described}
    types = {name: declared for name, written in columns.items() if (declared := _declare(written))}
    sheet = Sheet("", lambda: _read_rows(connection, path, columns))
    return Book("parquet", [sheet], header_known=True, column_types=types)


def _declare(written: str) -> dict[str, Any] | None:
    if decimal := DECIMAL.fullmatch(written):
        return {"type": "numeric", "scale": int(decimal[1])}
    return {"type": TYPES[written]} if written in TYPES else None


def _read_rows(connection: duckdb.DuckDBPyConnection, path: Path, columns: dict[str, str]) -> Iterator[tuple[int, Row]]:
    """Yield the names as row 0, then each row, numbered from 1."""
    yield 0, list(columns)
    texts = ", ".join(_write_text(quote_identifier(name), written) for name, written in columns.items())
    result = connection.cursor().execute(f"select {texts} from read_parquet({quote_path(path)})")
    number = 0
    while rows := result.fetchmany(FETCHED_ROWS):
        for row in rows:
            number += 1
            yield number, row


def _write_text(column: str, written: str) -> str:
    is_nested = written.endswith("]") or written.startswith(("STRUCT", "MAP", "UNION"))
    text = f"to_json({column})" if is_nested else column
    if written == "TIMESTAMP WITH TIME ZONE":
        return f"coalesce(cast({column} at time zone 'UTC' as varchar) || 'Z', '')"
    return f"coalesce(cast({text} as varchar), '')"
