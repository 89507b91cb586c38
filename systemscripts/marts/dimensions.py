"""The dimensions of schema sales as Parquet files beside the work, so that every engine reads them alike."""

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


def export(cursor: Cursor, names: tuple[str, ...], folder: Path) -> None:
    """Write sales.NAME of each name to folder/NAME.parquet; raises EtlError when the disk is full."""
    with duck.open_session(folder / "spill") as connection:
        for name in names:
            columns = _columns(cursor, name)
            text, goal = folder / f"{name}.csv", folder / f"{name}.parquet"
            statement = sql.SQL("copy {} to stdout with (format csv, null '\\N', force_quote *)").format(
                sql.Identifier("sales", name)
            )
            try:
                with text.open("wb") as stream:
                    cursor.copy_expert(statement.as_string(cursor), stream)
            except OSError as error:
                raise explain_write_error(text, error) from error
            kinds = ", ".join(f"{duck.quote_literal(key)}: {duck.quote_literal(kind)}" for key, kind in columns.items())
            duck.run_statement(
                connection,
                f"copy (select * from read_csv({duck.quote_path(text)}, auto_detect = false, header = false, "
                f"""delim = ',', quote = '"', escape = '"', nullstr = '\\N', columns = {{{kinds}}})) """
                f"to {duck.quote_literal(str(goal))} (format parquet)",
                goal,
            )
            text.unlink()


def _columns(cursor: Cursor, name: str) -> dict[str, str]:
    cursor.execute(
        """select attname, format_type(atttypid, atttypmod) from pg_attribute
           where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum""",
        (f"sales.{name}",),
    )
    return {column: _TYPES.get(kind, kind) for column, kind in cursor.fetchall()}
