"""Our own database: schema sales, created by a migration."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import date

from psycopg2 import sql

from systemscripts import db_utils, duck
from systemscripts.db_utils import transaction
from systemscripts.directory_management import explain_write_error
from systemscripts.marts.databases import Rows


def get_name() -> str:
    """Return a constant: the database that records the computed months is always this one."""
    return "postgresql"


def write(tables: list[Rows], kept: list[date]) -> None:
    """Replace the rows of all months except those of `kept`, in one transaction.

    Raises TryLaterError when the server is away, EtlError when its disk is full.
    """
    with contextlib.closing(db_utils.connect(purpose="sales_marts")) as connection, transaction(connection) as cursor:
        for rows in tables:
            table = sql.Identifier("sales", rows.table)
            condition = sql.SQL("delete from {} where not {} = any(%s)").format(table, sql.Identifier(rows.month))
            cursor.execute(condition, (kept,))
            if rows.is_empty:
                continue
            text = rows.folder.with_suffix(".csv")
            with duck.open_session(rows.folder.with_suffix(".spill")) as session:
                duck.run_statement(
                    session,
                    f"copy ({rows.build_query()}) to {duck.quote_literal(str(text))} (format csv, header false)",
                    text,
                )
            columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
            statement = sql.SQL("copy {} ({}) from stdin with (format csv)").format(table, columns)
            try:
                with text.open("rb") as stream:
                    cursor.copy_expert(statement.as_string(cursor), stream, 1 << 20)
            except OSError as error:
                raise explain_write_error(text, error) from error
            text.unlink()


def has_months(tables: dict[str, str], months: Sequence[date]) -> bool:
    """Return whether every table has rows of every month; raises TryLaterError if the server does not answer."""
    with contextlib.closing(db_utils.connect(purpose="sales_marts")) as connection, transaction(connection) as cursor:
        for table, column in tables.items():
            statement = sql.SQL(
                "select from unnest(%s) as m(month) where not exists (select from {} t where t.{} = m.month)"
            ).format(sql.Identifier("sales", table), sql.Identifier(column))
            cursor.execute(statement, (list(months),))
            if cursor.fetchone() is not None:
                return False
    return True
