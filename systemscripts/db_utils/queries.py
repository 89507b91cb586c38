"""One-off SQL, its result as PostgreSQL itself writes it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import psycopg2.errors

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


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


def execute(cursor: Cursor, text: str) -> tuple[str, list[dict[str, Any]]]:
    """Run any SQL; its status (INSERT 0 1), and the rows of what COPY does not know (show, explain)."""
    cursor.execute(text)
    if cursor.description is None:
        return cursor.statusmessage or "", []
    names = [column.name for column in cursor.description]
    return "", [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
