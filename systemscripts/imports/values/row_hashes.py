"""Hash raw records of load mode new_rows: DuckDB reads a block and hashes its rows seven times as fast as Python does.

It works in the thread that prepares blocks, while the server stores the block before, so that its time hardly counts.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from systemscripts import duck
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.model import Wire

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Of a whole file: to start DuckDB takes as long as to hash so many rows in Python.
MIN_RECORDS = 5000


class RowHasher:
    """Hashes the records of one table as `validate_rows` does."""

    def __init__(self, rules: Rules, wire: Wire) -> None:
        self._wire = wire
        types = ", ".join(f"'c{field.index}': 'varchar'" for field in rules.fields)
        delimiter, quote = duck.quote_literal(wire.delimiter), duck.quote_literal(wire.quote)
        # all in one piece: where it ends, a quoted line break looks like the end of a record
        self._options = (
            f"columns = {{{types}}}, auto_detect = false, header = false, parallel = false, compression = 'none', "
            f"new_line = '\\n', delim = {delimiter}, quote = {quote}, escape = {quote}"
        )
        self._text = _build_text(rules.fields)
        self._connection: DuckDBPyConnection | None = None
        self._seen = 0

    def hash_records(self, records: Sequence[bytes]) -> list[bytes] | None:
        """Return the hash of each record; None where Python has to: few records so far, or DuckDB cannot read them.

        `records`: well-formed, of as many fields as the table has columns.
        """
        self._seen += len(records)
        if self._seen < MIN_RECORDS:
            return None
        import duckdb

        try:
            hashes = self._hash_data(self._to_utf8(b"\n".join(records)))
        except (UnicodeDecodeError, duckdb.Error):
            return None
        return hashes if len(hashes) == len(records) else None

    def _to_utf8(self, data: bytes) -> bytes:
        return data if self._wire.encoding in ("utf-8", "ascii") else data.decode(self._wire.encoding).encode()

    def _hash_data(self, data: bytes) -> list[bytes]:
        if self._connection is None:
            self._connection = duck.connect({"threads": "1", "temp_directory": ""})
        # a file in memory
        with os.fdopen(os.memfd_create("records"), "wb") as stream:
            # DuckDB drops one such mark, which otherwise would be the first letter of a row
            stream.write(codecs.BOM_UTF8)
            stream.write(data)
            stream.flush()
            path = f"/proc/self/fd/{stream.fileno()}"
            hashed = f"select left(sha256({self._text}), 32) from read_csv('{path}', {self._options})"
            rows = self._connection.execute(hashed).fetchall()
        return "\n".join(chain.from_iterable(rows)).encode().split(b"\n")


def _build_text(fields: Sequence[Field]) -> str:
    """Return the SQL for what is hashed of a row, as in `validate_rows`; an empty field is NULL, which adds nothing."""
    named = sorted((field.name, f"c{field.index}") for field in fields if field.column.from_column is None)
    # faster than to join the parts of each column first
    parts = [
        f"if({value} is null, '', {duck.quote_literal(name + '=')}), length({value}), "
        f"if({value} is null, '', ':'), {value}"
        for name, value in named
    ]
    return f"concat({', '.join(parts or [chr(39) * 2])})"
