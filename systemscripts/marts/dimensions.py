"""Export the dimensions of schema sales as Parquet files, so that every engine reads the same.

Each is read from PostgreSQL, or from the MySQL or MariaDB of its setting, with the columns and types that schema sales
gives it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts import duck, mysql_client
from systemscripts.commands import format_command
from systemscripts.directory_management import explain_write_error
from systemscripts.errors import BadDataError, ConfigurationError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from systemscripts.db_utils import Cursor

# PostgreSQL's types -> DuckDB's, where the names differ
_TYPES = {"numeric(18,2)": "decimal(18, 2)", "text": "varchar"}
# the column by which the sales find their row: two rows with one value would count each sale twice
_KEYS = {"customer": "customer_id", "store": "id", "product": "name", "sales_team": "id"}
_NULL = "\\N"
# of a column such as char(1), which other systems use where there is no type for it
_BOOLEANS = {"Y": "true", "N": "false"}


def export_dimensions(cursor: Cursor, names: tuple[str, ...], folder: Path) -> None:
    """Write sales.NAME of each name to folder/NAME.parquet.

    Raises ConfigurationError for a table or column that is missing, BadDataError for a key that occurs twice, EtlError
    if the disk is full.
    """
    with duck.open_session(folder / "spill") as connection:
        for name in names:
            columns = _list_columns(cursor, name)
            text, target_path = folder / f"{name}.csv", folder / f"{name}.parquet"
            address = mysql_client.find_address(f"sales.{name}")
            try:
                if address is None:
                    _copy_from_postgresql(cursor, name, text)
                else:
                    _copy_from_mysql(address, name, columns, text)
            except OSError as error:
                raise explain_write_error(text, error) from error
            types = ", ".join(f"{duck.quote_literal(key)}: {duck.quote_literal(name)}" for key, name in columns.items())
            duck.run_statement(
                connection,
                f"copy (select * from read_csv({duck.quote_path(text)}, auto_detect = false, header = false, "
                f"""delim = ',', quote = '"', escape = '"', nullstr = '{_NULL}', columns = {{{types}}})) """
                f"to {duck.quote_literal(str(target_path))} (format parquet)",
                target_path,
            )
            text.unlink()
            _refuse_twins(connection, name, target_path, str(address or "postgresql"))


def _copy_from_postgresql(cursor: Cursor, name: str, text: Path) -> None:
    statement = sql.SQL("copy {} to stdout with (format csv, null {}, force_quote *)").format(
        sql.Identifier("sales", name), sql.Literal(_NULL)
    )
    with text.open("wb") as stream:
        cursor.copy_expert(statement.as_string(cursor), stream)


def _copy_from_mysql(address: mysql_client.Address, name: str, columns: dict[str, str], text: Path) -> None:
    existing = mysql_client.list_columns(address, name)
    if missing := [column for column in columns if column not in existing]:
        what = f"the columns {', '.join(missing)}" if existing else "the table"
        raise ConfigurationError(
            f"the dimension sales.{name}: {address} lacks {what}",
            f"Create what is missing (docs/sales.md), or correct {address.setting}.",
        )
    booleans = [index for index, type_name in enumerate(columns.values()) if type_name == "boolean"]
    with text.open("w", encoding="utf-8", newline="") as stream:
        for rows in mysql_client.read_rows(address, name, list(columns)):
            for row in rows:
                fields = list(row)
                for index in booleans:
                    fields[index] = _BOOLEANS.get(str(fields[index]).upper(), fields[index])
                stream.write(",".join(map(_quote_field, fields)) + "\n")


def _quote_field(value: str | None) -> str:
    return _NULL if value is None else '"' + value.replace('"', '""') + '"'


def _refuse_twins(connection: DuckDBPyConnection, name: str, path: Path, where: str) -> None:
    """Raise BadDataError if two rows of a dimension have one key: every sale with it would count twice."""
    key = _KEYS[name]
    with duck.translate_errors(path):
        twins = connection.execute(
            f"select {key}, count(*) from read_parquet({duck.quote_path(path)}) where {key} is not null "
            "group by 1 having count(*) > 1 order by 1"
        ).fetchall()
    if twins:
        value, count = twins[0]
        more = f" ({len(twins):,} such values)" if len(twins) > 1 else ""
        raise BadDataError(
            f"the dimension sales.{name} ({where}) has {count} rows with {key} {value}{more}: its sales would count "
            f"{count} times",
            f"Leave one row of each, then run: {format_command('sales_marts')}",
        )


def _list_columns(cursor: Cursor, name: str) -> dict[str, str]:
    cursor.execute(
        """select attname, format_type(atttypid, atttypmod) from pg_attribute
           where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum""",
        (f"sales.{name}",),
    )
    return {column: _TYPES.get(name, name) for column, name in cursor.fetchall()}
