"""The rows' way into the target: one COPY per block under a savepoint, two lineage fields before each row.

Straight: raw records, PostgreSQL checks them. Checked: columns converted first (`checking`). A block that the server
refuses is worked value by value, and what still does not fit is rejected row by row, the others are copied. A thread
prepares the next block while the server works on this one.
"""

from __future__ import annotations

import csv
import io
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import add
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql

from systemscripts.imports import quoting
from systemscripts.imports.checking import Checked, Checker, Rules
from systemscripts.imports.rejects import Reject, Rejects, store
from systemscripts.imports.target import LINEAGE, Plan
from systemscripts.summary import Counts
from systemscripts.tables import Block, Table, Wire

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

READ_BYTES = 1 << 18
# PostgreSQL's names of the encodings it converts itself (PostgreSQL manual, table 23.3)
_SERVER_ENCODINGS = {"utf-8": "UTF8", "cp1252": "WIN1252", "latin-1": "LATIN1", "iso8859-1": "LATIN1", "ascii": "UTF8"}


# Of the checked path: characters that no client file holds, so that values need no quoting.
CHECKED_WIRE = Wire(delimiter="\x1f", quote="\x1e")


@dataclass(frozen=True)
class Load:
    """What is copied, and to where."""

    table: Table
    made: Plan
    rules: Rules
    straight: bool
    dataset_id: int
    file_id: int


def copy_table(cursor: Cursor, load: Load, advance: Callable[[int], None]) -> tuple[Counts, Rejects]:
    """Copy all records into the target of a plan; returns the counts and the rejects (already stored).

    `advance` is called with the number of records of each block. Raises psycopg2.Error when the server goes away.
    """
    rejects, counts = Rejects(), Counts()
    straight = load.straight and load.table.wire.encoding in _SERVER_ENCODINGS
    statement = _statement(cursor, load.made, load.table.wire if straight else CHECKED_WIRE)
    careful = _Careful(cursor, load)
    for block, ready in _ahead(_straight(load) if straight else _checked(load)):
        counts.read += len(block.records)
        loaded = _try_copy(cursor, statement, ready.data, ready.rows) if ready is not None else None
        if ready is None or loaded is None:
            loaded, ready = careful.copy(block)
        store(cursor, ready.rejects, load.file_id, load.dataset_id)
        rejects.add(ready.rejects)
        counts.loaded += loaded
        counts.skipped += ready.skipped
        advance(len(block.records))
    counts.rejected = rejects.count
    return counts, rejects


@dataclass
class _Ready:
    """A block made ready for COPY."""

    data: bytes
    rows: int
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0


def _statement(cursor: Cursor, made: Plan, wire: Wire) -> str:
    # a quoted empty field is empty too: the same file must load alike whatever program wrote it
    columns = [sql.Identifier(name) for name in made.columns]
    null = sql.SQL(", force_null ({})").format(sql.SQL(", ").join(columns)) if columns else sql.SQL("")
    return (
        sql.SQL(
            "copy {table} ({columns}) from stdin with "
            "(format csv, delimiter {delimiter}, quote {quote}, encoding {encoding}{null})"
        )
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


def _straight(load: Load) -> Iterator[tuple[Block, _Ready | None]]:
    wire = load.table.wire
    delimiter, quote = wire.delimiter.encode(), wire.quote.encode()
    prefix = b"%d%s" % (load.dataset_id, delimiter)
    for block in load.table.blocks():
        data = _with_lineage(block, prefix, delimiter)
        sound = quoting.plain(data, delimiter, quote)
        yield block, _Ready(data, len(block.records)) if sound else None


def _checked(load: Load) -> Iterator[tuple[Block, _Ready | None]]:
    checker = Checker(load.rules)
    for block in load.table.blocks():
        yield block, _ready(checker.check(block, load.table), load.dataset_id)


def _ready(checked: Checked, dataset_id: int) -> _Ready:
    rows = len(checked.rows)
    columns = [[str(dataset_id)] * rows, list(map(str, checked.rows)), *checked.columns] if rows else []
    delimiter, quote = CHECKED_WIRE.delimiter, CHECKED_WIRE.quote
    text = "".join(map("%s\n".__mod__, map(delimiter.join, zip(*columns, strict=True))))
    plain = text.count("\n") == rows and text.count(delimiter) == rows * (len(columns) - 1)
    if not plain or "\r" in text or quote in text:
        written = io.StringIO()
        csv.writer(written, delimiter=delimiter, quotechar=quote, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
            zip(*columns, strict=True)
        )
        text = written.getvalue()
    return _Ready(text.encode(), rows, checked.rejects, checked.skipped)


def _with_lineage(block: Block, prefix: bytes, delimiter: bytes) -> bytes:
    """Put dataset and line before each record; one big format is several times quicker than one for each line."""
    count = len(block.records)
    template = ((prefix + b"%d" + delimiter).replace(b"%", b"%%").replace(b"%%d", b"%d") + b"\n") * count
    prefixes = (template % tuple(block.rows)).split(b"\n")
    return b"\n".join(map(add, prefixes, block.records)) + b"\n" if count else b""


def _ahead(blocks: Iterator[tuple[Block, _Ready | None]]) -> Iterator[tuple[Block, _Ready | None]]:
    """Let a thread work one block ahead; its exception is raised here."""
    ready: queue.Queue[tuple[Block, _Ready | None] | BaseException | None] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def offer(item: tuple[Block, _Ready | None] | BaseException | None) -> bool:
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


class _Careful:
    """Row-level work for a block that the server refused."""

    def __init__(self, cursor: Cursor, load: Load) -> None:
        self._cursor, self._load = cursor, load
        self._checker = Checker(load.rules)
        self._statement = _statement(cursor, load.made, CHECKED_WIRE)

    def copy(self, block: Block) -> tuple[int, _Ready]:
        """Copy the rows that are good; returns how many, and the rejects."""
        checked = self._checker.check(block, self._load.table, careful=True)
        ready = _ready(checked, self._load.dataset_id)
        loaded = _try_copy(self._cursor, self._statement, ready.data, ready.rows)
        if loaded is None:
            # PostgreSQL refuses a row that looked right here: find it by copying one at a time
            raws = dict(zip(block.rows, block.records, strict=True))
            loaded = sum(self._copy_one(checked, place, raws, ready) for place in range(len(checked.rows)))
        return loaded, ready

    def _copy_one(self, checked: Checked, place: int, raws: dict[int, bytes], ready: _Ready) -> int:
        line = checked.rows[place]
        one = _ready(Checked([line], [[column[place]] for column in checked.columns], []), self._load.dataset_id)
        self._cursor.execute("savepoint record")
        try:
            self._cursor.copy_expert(self._statement, io.BytesIO(one.data), READ_BYTES)
        except psycopg2.DataError as error:
            self._cursor.execute("rollback to savepoint record")
            reason = error.diag.message_primary or "the database refuses the row"
            ready.rejects.append(Reject(line, reason, raws[line].decode(self._load.table.wire.encoding, "replace")))
            return 0
        self._cursor.execute("release savepoint record")
        return 1
