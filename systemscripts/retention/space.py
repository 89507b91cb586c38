"""The space of deleted rows: a plain VACUUM lets new rows use it at once, and gives back to the disk what it can."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg2
from psycopg2 import sql

from systemscripts import db_utils
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import EtlError


def free_space(connection: Connection, tables: Iterable[str]) -> list[str]:
    """Vacuum some tables (schema.table); return a sentence on each: what the disk got back, what the table still takes.

    Outside any transaction, as VACUUM wants it; a table that somebody else has locked is left to the next autovacuum.
    """
    sentences = []
    for table in sorted(set(tables)):
        try:
            before = _size(connection, table)
            _vacuum(connection, table)
            after = _size(connection, table)
        except EtlError as error:
            if connection.closed:
                raise
            sentences.append(f"{table}: its space is not free yet ({error}); the database's autovacuum frees it")
            continue
        sentences.append(
            f"{table}: {max(before - after, 0) / 1e6:,.1f} MB given back to the disk, {after / 1e6:,.1f} MB stay with "
            f"the table, free space in them goes to new rows"
        )
    if sentences:
        sentences.append("To give that back too, at a quiet hour (it locks the table): vacuum full TABLE, by psql")
    return sentences


def _size(connection: Connection, table: str) -> int:
    with transaction(connection) as cursor:
        cursor.execute("select pg_total_relation_size(%s::regclass)", (_identifier(table).as_string(cursor),))
        [(size,)] = cursor.fetchall()
    return int(size)


def _vacuum(connection: Connection, table: str) -> None:
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("vacuum (analyze, skip_locked) {}").format(_identifier(table)))
    except psycopg2.Error as error:
        raise db_utils.translate_error(error) from error
    finally:
        if not connection.closed:
            connection.autocommit = False


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split(".", 1))
