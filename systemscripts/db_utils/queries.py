"""SQL that people wrote: one-off statements of the operator, and queries that may only read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import psycopg2.errors

if TYPE_CHECKING:
    from systemscripts.db_utils.connection import Cursor

Rows = tuple[list[str], list[tuple[Any, ...]]]  # the columns' names, and the rows
_PORTAL = "one_query"


def read_rows(cursor: Cursor, query: str, values: Any = None) -> Rows:
    """Return what one query gives that somebody else wrote; `cursor` in a read-only transaction.

    The driver sends several statements as readily as one, and `commit` would leave that transaction. So the text goes
    as a value to a function that opens a cursor for it: the server parses it, and takes one query only. Raises
    psycopg2.Error.
    """
    text = cursor.mogrify(query, values).decode()
    cursor.execute("select dba.open_query(%s, %s)", (text, _PORTAL))
    cursor.execute(f"fetch all from {_PORTAL}")
    columns, rows = [column.name for column in cursor.description or ()], cursor.fetchall()
    cursor.execute(f"close {_PORTAL}")
    return columns, rows


def copy_csv(cursor: Cursor, text: str, output: TextIO) -> bool:
    """Write what a query gives as CSV with a header; false when the SQL is no query. Raises psycopg2.Error."""
    cursor.execute("savepoint before_copy")
    try:
        cursor.copy_expert(f"copy ({text}\n) to stdout with (format csv, header)", output)
        output.flush()
    except (psycopg2.errors.SyntaxError, psycopg2.errors.FeatureNotSupported):  # nothing was done yet
        cursor.execute("rollback to savepoint before_copy")
        return False
    except BrokenPipeError:  # whoever read us has had enough (| head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def run_statement(cursor: Cursor, text: str) -> tuple[str, list[dict[str, Any]]]:
    """Run any SQL; its status (INSERT 0 1), and the rows of what COPY does not know (show, explain)."""
    cursor.execute(text)
    if cursor.description is None:
        return cursor.statusmessage or "", []
    names = [column.name for column in cursor.description]
    return "", [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
