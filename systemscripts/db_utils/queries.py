"""Run SQL that people wrote: one-off statements of the operator, and queries that may only read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import psycopg2.errors

if TYPE_CHECKING:
    from systemscripts.db_utils.connection import Cursor

# the names of the columns, and the rows
Rows = tuple[list[str], list[tuple[Any, ...]]]
_PORTAL = "one_query"


def read_rows(cursor: Cursor, query: str, values: Any = None) -> Rows:
    """Return the result of one query that users wrote; `cursor`: in a read-only transaction.

    The driver would also send several statements, and `commit` would end that transaction. So the text is passed as a
    value to a function that opens a cursor for it: the server parses it and accepts only one query. Raises
    psycopg2.Error.
    """
    text = cursor.mogrify(query, values).decode()
    cursor.execute("select dba.open_query(%s, %s)", (text, _PORTAL))
    cursor.execute(f"fetch all from {_PORTAL}")
    columns, rows = [column.name for column in cursor.description or ()], cursor.fetchall()
    cursor.execute(f"close {_PORTAL}")
    return columns, rows


def try_copy_csv(cursor: Cursor, text: str, output: TextIO) -> bool:
    """Write the result of a query as CSV with a header; return whether the SQL was a query. Raises psycopg2.Error."""
    cursor.execute("savepoint before_copy")
    try:
        cursor.copy_expert(f"copy ({text}\n) to stdout with (format csv, header)", output)
        output.flush()
    # nothing was executed yet
    except (psycopg2.errors.SyntaxError, psycopg2.errors.FeatureNotSupported):
        cursor.execute("rollback to savepoint before_copy")
        return False
    # the reader has stopped reading (| head)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def run_statement(cursor: Cursor, text: str) -> tuple[str, list[dict[str, Any]]]:
    """Run any SQL; return its status (INSERT 0 1), and the rows of statements that COPY cannot run (show, explain)."""
    cursor.execute(text)
    if cursor.description is None:
        return cursor.statusmessage or "", []
    names = [column.name for column in cursor.description]
    return "", [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
