"""Free the space of deleted rows: a plain VACUUM lets new rows use it, and returns to the disk what it can."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg2
from psycopg2 import sql

from systemscripts import db_utils
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import EtlError
from systemscripts.human_units import format_size


def free_space(connection: Connection, tables: Iterable[str]) -> list[str]:
    """Vacuum some tables (schema.table); return a sentence on each: what the disk got back, what the table keeps.

    Outside any transaction, as VACUUM requires; a table that another session has locked is left to autovacuum.
    """
    sentences = []
    for table in sorted(set(tables)):
        try:
            before = _measure_size(connection, table)
            _vacuum(connection, table)
            after = _measure_size(connection, table)
        except EtlError as error:
            if connection.closed:
                raise
            sentences.append(f"{table}: its space is not free yet ({error}); autovacuum will free it")
            continue
        sentences.append(
            f"{table}: {format_size(max(before - after, 0))} returned to the disk, {format_size(after)} kept by the"
            " table; new rows use its free space"
        )
    if sentences:
        sentences.append(
            "To return that to the disk too, run at a quiet hour in psql (it locks the table): vacuum full TABLE"
        )
    return sentences


def _measure_size(connection: Connection, table: str) -> int:
    with transaction(connection) as cursor:
        cursor.execute("select pg_total_relation_size(%s::regclass)", (_build_identifier(table).as_string(cursor),))
        [(size,)] = cursor.fetchall()
    return int(size)


def _vacuum(connection: Connection, table: str) -> None:
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("vacuum (analyze, skip_locked) {}").format(_build_identifier(table)))
    except psycopg2.Error as error:
        raise db_utils.translate_error(error) from error
    finally:
        if not connection.closed:
            connection.autocommit = False


def _build_identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split(".", 1))
