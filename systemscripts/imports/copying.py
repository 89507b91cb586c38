"""The fast path of a load: raw records, two lineage fields put before each, one COPY per block under a savepoint.

PostgreSQL checks the rows. A block that it refuses gets row-level work: the rows that do not fit are rejected one by one, the
others are copied again. A thread prepares the next block while the server works on this one.
"""

from __future__ import annotations

import csv
import io
import queue
import threading
from collections.abc import Callable, Iterator
from operator import add
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql

from systemscripts.imports import quoting
from systemscripts.imports.rejects import Reject, Rejects, store
from systemscripts.imports.target import LINEAGE, Plan
from systemscripts.summary import Counts
from systemscripts.tables import Block, Table, Wire

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

READ_BYTES = 1 << 18
# PostgreSQL's names of the encodings it converts itself (PostgreSQL manual, table 23.3)
_SERVER_ENCODINGS = {"utf-8": "UTF8", "cp1252": "WIN1252", "latin-1": "LATIN1", "iso8859-1": "LATIN1", "ascii": "UTF8"}


def copy_table(
    cursor: Cursor, table: Table, made: Plan, dataset_id: int, file_id: int, advance: Callable[[int], None]
) -> tuple[Counts, Rejects]:
    """Copy all records into the target of a plan; returns the counts and the rejects (already stored).

    `advance` is called with the number of records of each block. Raises psycopg2.Error when the server goes away.
    """
    rejects, counts = Rejects(), Counts()
    statement = _statement(cursor, made, table.wire)
    straight = not made.ignored and table.wire.encoding in _SERVER_ENCODINGS
    prefix = b"%d%s" % (dataset_id, table.wire.delimiter.encode())
    for block, data in _ahead(_prepared(table, prefix, straight)):
        counts.read += len(block.records)
        loaded = _try_copy(cursor, statement, data, len(block.records)) if data is not None else None
        if loaded is None:
            loaded, found = _copy_rows(cursor, table, made, block, dataset_id)
            store(cursor, found, file_id, dataset_id)
            rejects.add(found)
        counts.loaded += loaded
        advance(len(block.records))
    counts.rejected = rejects.count
    return counts, rejects


def _statement(cursor: Cursor, made: Plan, wire: Wire) -> str:
    # a quoted empty field is empty too: the same file must load alike whatever program wrote it
    columns = [sql.Identifier(name) for name in made.kept]
    null = sql.SQL(", force_null ({})").format(sql.SQL(", ").join(columns)) if columns else sql.SQL("")
    return (
        sql.SQL("copy {table} ({columns}) from stdin with (format csv, delimiter {delimiter}, quote {quote}, encoding {encoding}{null})")
        .format(
            table=sql.Identifier(made.schema, made.table),
            columns=sql.SQL(", ").join([*map(sql.Identifier, LINEAGE), *columns]),
            delimiter=sql.Literal(wire.delimiter),
            quote=sql.Literal(wire.quote),
            encoding=sql.Literal(_SERVER_ENCODINGS.get(wire.encoding, "UTF8")),
            null=null,
        )
        .as_string(cursor)
    )


def _prepared(table: Table, prefix: bytes, straight: bool) -> Iterator[tuple[Block, bytes | None]]:
    wire = table.wire
    delimiter, quote = wire.delimiter.encode(), wire.quote.encode()
    for block in table.blocks():
        data = _with_lineage(block, prefix, delimiter) if straight else None
        yield block, data if data is not None and quoting.plain(data, delimiter, quote) else None


def _with_lineage(block: Block, prefix: bytes, delimiter: bytes) -> bytes:
    """Put dataset and line before each record; one big format is several times quicker than one for each line."""
    count = len(block.records)
    template = ((prefix + b"%d" + delimiter).replace(b"%", b"%%").replace(b"%%d", b"%d") + b"\n") * count
    prefixes = (template % tuple(block.rows)).split(b"\n")
    return b"\n".join(map(add, prefixes, block.records)) + b"\n" if count else b""


def _ahead(blocks: Iterator[tuple[Block, bytes | None]]) -> Iterator[tuple[Block, bytes | None]]:
    """Let a thread work one block ahead; its exception is raised here."""
    ready: queue.Queue[tuple[Block, bytes | None] | BaseException | None] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def offer(item: tuple[Block, bytes | None] | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in blocks:
                if not offer(item):
                    return
            offer(None)
        except BaseException as error:
            offer(error)

    worker = threading.Thread(target=work, name="etl-blocks", daemon=True)
    worker.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        worker.join()


def _try_copy(cursor: Cursor, statement: str, data: bytes, expected: int) -> int | None:
    """Copy one block; None when the server refuses the data or counts other records, and then nothing of it is in."""
    if not data:
        return 0
    cursor.execute("savepoint block")
    try:
        cursor.copy_expert(statement, io.BytesIO(data), READ_BYTES)
    except psycopg2.DataError:
        cursor.execute("rollback to savepoint block")
        return None
    if cursor.rowcount != expected:
        cursor.execute("rollback to savepoint block")
        return None
    cursor.execute("release savepoint block")
    return expected


def _copy_rows(cursor: Cursor, table: Table, made: Plan, block: Block, dataset_id: int) -> tuple[int, list[Reject]]:
    """Row-level work for one block: every record is cut, checked and written again."""
    clean = _Clean(made, dataset_id)
    for record, row in zip(block.records, block.rows, strict=True):
        clean.take(record, row, table)
    standard = _statement(cursor, made, Wire())
    loaded = _try_copy(cursor, standard, clean.data(), len(clean.fields))
    if loaded is None:
        # PostgreSQL refuses a row that looked right here: find it by copying one at a time
        loaded = sum(_copy_one(cursor, standard, clean, number) for number in range(len(clean.fields)))
    return loaded, clean.rejects


def _copy_one(cursor: Cursor, statement: str, clean: _Clean, number: int) -> int:
    cursor.execute("savepoint record")
    try:
        cursor.copy_expert(statement, io.BytesIO(clean.data(number)), READ_BYTES)
    except psycopg2.DataError as error:
        cursor.execute("rollback to savepoint record")
        clean.reject(number, error.diag.message_primary or "the database refuses the row")
        return 0
    return int(cursor.rowcount)


class _Clean:
    """The good rows of a block in the standard dialect, and its rejects."""

    def __init__(self, made: Plan, dataset_id: int) -> None:
        self.made, self.dataset_id = made, dataset_id
        self.fields: list[list[str | int]] = []
        self.rejects: list[Reject] = []
        self._kept = [place for place, name in enumerate(made.columns) if name not in made.ignored]

    def take(self, record: bytes, row: int, table: Table) -> None:
        try:
            fields = table.parse(record)
        except UnicodeDecodeError as error:
            raw = record.decode(table.wire.encoding, "replace")
            reason = f"bytes that are no {table.wire.encoding} text: {record[error.start:error.end]!r}"
            self.rejects.append(Reject(row, reason, raw))
            return
        except csv.Error as error:
            self.rejects.append(Reject(row, f"cannot be cut into fields: {error}", _text(record, table)))
            return
        if len(fields) != len(self.made.columns):
            self.rejects.append(Reject(row, _count_reason(len(fields), len(self.made.columns)), _text(record, table)))
            return
        if any("\x00" in value for value in fields):
            column, value = next((c, v) for c, v in zip(self.made.columns, fields, strict=True) if "\x00" in v)
            self.rejects.append(Reject(row, "holds a NUL character", _text(record, table), column, value))
            return
        self.fields.append([self.dataset_id, row, *(fields[place] for place in self._kept)])

    def reject(self, number: int, reason: str) -> None:
        values = self.fields[number]
        self.rejects.append(Reject(int(values[1]), reason, ",".join(map(str, values[2:]))))

    def data(self, number: int | None = None) -> bytes:
        text = io.StringIO()
        rows = self.fields if number is None else [self.fields[number]]
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()


def _text(record: bytes, table: Table) -> str:
    return record.decode(table.wire.encoding, "replace")


def _count_reason(found: int, expected: int) -> str:
    return f"has {found} {'value' if found == 1 else 'values'}, expected {expected}"
