"""Comment targets: what they contain, and every header that clients have used for a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.tables import lineage

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

HEADER_PREFIX = "header: "


def comment_table(cursor: Cursor, schema: str, table: str, config_name: str) -> None:
    """Set the comments on a new target, its view and its lineage columns."""
    target, view = sql.Identifier(schema, table), sql.Identifier(schema, f"{table}_current")
    set_comment(cursor, sql.SQL("table {}").format(target), f"Rows of the import {config_name}, all datasets")
    set_comment(cursor, sql.SQL("view {}").format(view), f"The current rows of {schema}.{table}")
    for name in _load_comments(cursor, schema, table):
        if name in lineage.COMMENTS:
            set_comment(cursor, _build_column_name(schema, table, name), lineage.COMMENTS[name])


def comment_headers(cursor: Cursor, schema: str, table: str, headers: dict[str, str]) -> None:
    """Add to each column's comment a line for a header that it does not have yet; other lines stay."""
    missing = find_unlabelled(_load_comments(cursor, schema, table), headers)
    statements = [_build_comment(_build_column_name(schema, table, name), text) for name, text in missing.items()]
    # in one round trip: one for each of 1,500 columns takes a second
    if statements:
        cursor.execute(sql.SQL("; ").join(statements))


def find_unlabelled(comments: dict[str, str | None], headers: dict[str, str]) -> dict[str, str]:
    """Return new comments for the columns whose comment lacks their header; a blank header does not count."""
    new_comments = {}
    for name, header in headers.items():
        line = HEADER_PREFIX + " ".join(header.replace("\x00", "").split())
        lines = (comments.get(name) or "").splitlines()
        if name in comments and line not in lines and (line != HEADER_PREFIX or not lines):
            new_comments[name] = "\n".join([*(text for text in lines if text != HEADER_PREFIX), line])
    return new_comments


def set_comment(cursor: Cursor, what: sql.Composable, text: str | None) -> None:
    """Set one comment; `what`: the object as COMMENT ON names it."""
    cursor.execute(_build_comment(what, text))


def _build_comment(what: sql.Composable, text: str | None) -> sql.Composed:
    return sql.SQL("comment on {} is {}").format(what, sql.Literal(text))


def _build_column_name(schema: str, table: str, name: str) -> sql.Composed:
    return sql.SQL("column {}").format(sql.Identifier(schema, table, name))


def _load_comments(cursor: Cursor, schema: str, table: str) -> dict[str, str | None]:
    cursor.execute(
        """select a.attname, col_description(a.attrelid, a.attnum)
           from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped""",
        (schema, table),
    )
    return dict(cursor.fetchall())
