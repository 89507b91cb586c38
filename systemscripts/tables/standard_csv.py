"""A table as the one standard CSV: UTF-8, comma, doubled quotes, LF, the header as the client wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block, Table, Wire

STANDARD = Wire()


def write_csv(table: Table, stream: IO[bytes]) -> int:
    """Write columns and records of `table` to a stream of bytes; return the number of records.

    An empty table writes nothing. Raises BadDataError at a record whose bytes are not of the table's encoding.
    """
    if table.columns:
        stream.write(csv_lines([table.columns]).encode())
    if (whole := table.standard_text()) is not None:
        stream.writelines(whole[1])
        return whole[0]
    count = 0
    for block in table.blocks():
        stream.write(b"\n".join(block.records) + b"\n" if table.wire == STANDARD else _rewritten(block, table.wire))
        count += len(block.records)
    return count


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines of the standard CSV."""
    output = io.StringIO(newline="")
    kept = list(rows)
    csv.writer(output, lineterminator="\n").writerows(kept)
    text = output.getvalue()
    if "\r" in text:
        careful = _Lines()
        csv.writer(careful, lineterminator="\r\n").writerows(kept)
        return careful.getvalue()
    return text


def _rewritten(block: Block, wire: Wire) -> bytes:
    reader = csv.reader(_decoded(block, wire), delimiter=wire.delimiter, quotechar=wire.quote, strict=True)
    return csv_lines(reader).encode()


def _decoded(block: Block, wire: Wire) -> Iterator[str]:
    for record, row in zip(block.records, block.rows, strict=True):
        try:
            yield record.decode(wire.encoding)
        except UnicodeDecodeError as error:
            raise BadDataError(f"row {row} is not {wire.encoding}: {error.reason}", "Set the encoding.") from error


class _Lines(io.StringIO):
    """csv.writer quotes a CR only when CR belongs to its line end; so it is told CRLF, and the CR is taken off here."""

    def __init__(self) -> None:
        super().__init__(newline="")

    def write(self, record: str) -> int:
        """What csv.writer calls, once for each record."""
        return super().write(record[:-2] + "\n")
