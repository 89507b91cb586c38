"""A table as the one standard CSV: UTF-8, comma, doubled quotes, LF, the header as the client wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block, Table, Wire

STANDARD = Wire()


def write_csv(table: Table, stream: IO[bytes], leave_out_damaged: bool = False) -> int:
    """Write columns and records of `table` to a stream of bytes; return the number of records.

    An empty table writes nothing. Raises BadDataError at a record whose bytes are not of the table's encoding, unless
    such records are to be left out: a load rejects them one by one.
    """
    if table.columns:
        stream.write(format_rows([table.columns]).encode())
    if (whole := table.standard_text()) is not None:
        stream.writelines(whole[1])
        return whole[0]
    count = 0
    for block in table.blocks():
        records = _decoded(block, table.wire, leave_out_damaged)
        if table.wire == STANDARD:
            stream.write("\n".join([*records, ""]).encode())
        else:
            reader = csv.reader(records, delimiter=table.wire.delimiter, quotechar=table.wire.quote, strict=True)
            stream.write(format_rows(reader).encode())
        count += len(records)
    return count


def format_rows(rows: Iterable[Sequence[str]]) -> str:
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


def _decoded(block: Block, wire: Wire, leave_out_damaged: bool) -> list[str]:
    texts = []
    for record, row in zip(block.records, block.rows, strict=True):
        try:
            texts.append(record.decode(wire.encoding))
        except UnicodeDecodeError as error:
            if not leave_out_damaged:
                raise BadDataError(f"row {row} is not {wire.encoding}: {error.reason}", "Set the encoding.") from error
    return texts


class _Lines(io.StringIO):
    """csv.writer quotes a CR only when CR belongs to its line end; so it is told CRLF, and the CR is taken off here."""

    def __init__(self) -> None:
        super().__init__(newline="")

    def write(self, record: str) -> int:
        """What csv.writer calls, once for each record."""
        return super().write(record[:-2] + "\n")
