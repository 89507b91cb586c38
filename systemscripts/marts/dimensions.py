"""Export the dimensions of schema sales as Parquet files, so that every engine reads the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts import duck
from systemscripts.directory_management import explain_write_error

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# PostgreSQL's types -> DuckDB's, where the names differ
_TYPES = {"numeric(18,2)": "decimal(18, 2)", "text": "varchar"}


def export_dimensions(cursor: Cursor, names: tuple[str, ...], folder: Path) -> None:
    """Write sales.NAME of each name to folder/NAME.parquet; raises EtlError if the disk is full."""
    with duck.open_session(folder / "spill") as connection:
        for name in names:
            columns = _columns(cursor, name)
            text, target_path = folder / f"{name}.csv", folder / f"{name}.parquet"
            statement = sql.SQL("copy {} to stdout with (format csv, null '\\N', force_quote *)").format(
                sql.Identifier("sales", name)
            )
            try:
                with text.open("wb") as stream:
                    cursor.copy_expert(statement.as_string(cursor), stream)
            except OSError as error:
                raise explain_write_error(text, error) from error
            types = ", ".join(f"{duck.quote_literal(key)}: {duck.quote_literal(name)}" for key, name in columns.items())
            duck.run_statement(
                connection,
                f"copy (select * from read_csv({duck.quote_path(text)}, auto_detect = false, header = false, "
                f"""delim = ',', quote = '"', escape = '"', nullstr = '\\N', columns = {{{types}}})) """
                f"to {duck.quote_literal(str(target_path))} (format parquet)",
                target_path,
            )
            text.unlink()


def _columns(cursor: Cursor, name: str) -> dict[str, str]:
    cursor.execute(
        """select attname, format_type(atttypid, atttypmod) from pg_attribute
           where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum""",
        (f"sales.{name}",),
    )
    return {column: _TYPES.get(name, name) for column, name in cursor.fetchall()}
