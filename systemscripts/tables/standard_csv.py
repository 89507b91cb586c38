"""A table as the one standard CSV: UTF-8, comma, doubled quotes, LF, the header as the client wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block, Table, Wire

STANDARD = Wire()


def write_csv(table: Table, stream: IO[bytes]) -> int:
    """Write columns and records of `table` to a stream of bytes; return the number of records.

    An empty table writes nothing. Raises BadDataError at a record whose bytes are not of the table's encoding.
    """
    if table.columns:
        stream.write(_line(table.columns))
    count = 0
    for block in table.blocks():
        stream.write(b"\n".join(block.records) + b"\n" if table.wire == STANDARD else _rewritten(block, table.wire))
        count += len(block.records)
    return count


def _rewritten(block: Block, wire: Wire) -> bytes:
    output = _Lines()
    reader = csv.reader(_decoded(block, wire), delimiter=wire.delimiter, quotechar=wire.quote, strict=True)
    csv.writer(output, lineterminator="\r\n").writerows(reader)
    return output.content()


def _decoded(block: Block, wire: Wire) -> Iterator[str]:
    for record, row in zip(block.records, block.rows, strict=True):
        try:
            yield record.decode(wire.encoding)
        except UnicodeDecodeError as error:
            raise BadDataError(f"row {row} is not {wire.encoding}: {error.reason}", "Set the encoding.") from error


def _line(fields: list[str]) -> bytes:
    output = _Lines()
    csv.writer(output, lineterminator="\r\n").writerow(fields)
    return output.content()


class _Lines(io.StringIO):
    """csv.writer quotes a CR only when CR belongs to its line end; so it is told CRLF, and the CR is taken off here."""

    def write(self, record: str) -> int:
        return super().write(record[:-2] + "\n")

    def content(self) -> bytes:
        return self.getvalue().encode()
