"""Write a table as standard CSV: UTF-8, comma, doubled quotes, LF, the header as the client wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block, Table, Wire

STANDARD = Wire()


def write_csv(table: Table, stream: IO[bytes], leave_out_damaged: bool = False) -> int:
    """Write the columns and records of `table` to a stream of bytes and return the number of records.

    An empty table writes nothing. Raises BadDataError at a record with bytes that are invalid in the table's encoding,
    unless `leave_out_damaged` skips such records: a load rejects them one by one.
    """
    if table.columns:
        stream.write(format_rows([table.columns]).encode())
    if (whole := table.standard_text()) is not None:
        stream.writelines(whole[1])
        return whole[0]
    count = 0
    for block in table.blocks():
        records = _decode_records(block, table.wire, leave_out_damaged)
        if table.wire == STANDARD:
            stream.write("\n".join([*records, ""]).encode())
        else:
            reader = csv.reader(records, delimiter=table.wire.delimiter, quotechar=table.wire.quote, strict=True)
            stream.write(format_rows(reader).encode())
        count += len(records)
    return count


def format_rows(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines of standard CSV."""
    output = io.StringIO(newline="")
    all_rows = list(rows)
    csv.writer(output, lineterminator="\n").writerows(all_rows)
    text = output.getvalue()
    if "\r" in text:
        stream = _CarriageReturnStream()
        csv.writer(stream, lineterminator="\r\n").writerows(all_rows)
        return stream.getvalue()
    return text


def _decode_records(block: Block, wire: Wire, leave_out_damaged: bool) -> list[str]:
    texts = []
    for record, row in zip(block.records, block.rows, strict=True):
        try:
            texts.append(record.decode(wire.encoding))
        except UnicodeDecodeError as error:
            if not leave_out_damaged:
                reason = f"row {row} is not valid {wire.encoding}: {error.reason}"
                raise BadDataError(reason, "Set the encoding.") from error
    return texts


class _CarriageReturnStream(io.StringIO):
    """A stream that writes LF for CRLF. csv.writer quotes a lone CR only if its own line end contains CR."""

    def __init__(self) -> None:
        super().__init__(newline="")

    def write(self, record: str) -> int:
        """Write one record, without the CR of its line end. csv.writer calls this once for each record."""
        return super().write(record[:-2] + "\n")
