"""Files whose records begin with their type: a header, rows and a trailer, as systems exchange them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from systemscripts.errors import BadDataError
from systemscripts.tables.model import Block, ReadingOptions, Wire
from systemscripts.tables.text.text_file import TextFile

# Enough of a record to recognise it.
MAX_SHOWN_LETTERS = 40


def take_control_lines(file: TextFile, options: ReadingOptions) -> dict[str, str]:
    """Take the first record as header and the last as trailer out of the text, as the options say.

    Raises BadDataError where one of them is not of its type, such as a file without its end.
    """
    lines = {}
    if options.header_is_control or options.header_code:
        lines["header"] = file.take_first_line()
    if options.trailer_is_control or options.trailer_code:
        lines["trailer"] = file.take_last_line()
    _check_type(file, lines.get("header", ""), options.header_code, "first")
    _check_type(file, lines.get("trailer", ""), options.trailer_code, "last")
    return lines


def _check_type(file: TextFile, line: str, code: str, which: str) -> None:
    if not line.removeprefix('"').startswith(code):
        shown = line[:MAX_SHOWN_LETTERS]
        truncated = "; it may be truncated" if which == "last" else ""
        raise BadDataError(
            f"{file.path.name}: the {which} record begins with {shown!r}, not with {code}{truncated}",
            "Ask the sender for it again, or correct reading.record_types of the import.",
        )


@dataclass
class TypeSelector:
    """Selects the records of one type; `skipped`: how many of the others there were so far."""

    wire: Wire
    options: ReadingOptions
    skipped: int = 0

    def select(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield the records that are data. Raises BadDataError for a record whose type is not declared."""
        rows, others = self._list_beginnings(self.options.row_code), []
        for code in self.options.skipped_codes:
            others += self._list_beginnings(code)
        for block in blocks:
            kept, numbers = [], []
            for record, row in zip(block.records, block.rows, strict=True):
                if _is_of_type(record, rows):
                    kept.append(record)
                    numbers.append(row)
                elif _is_of_type(record, others):
                    self.skipped += 1
                else:
                    self._refuse(record, row)
            if kept:
                yield Block(kept, numbers)

    def _list_beginnings(self, code: str) -> list[bytes]:
        encoding, delimiter, quote = self.wire.encoding, self.wire.delimiter, self.wire.quote
        return [f"{code}{delimiter}".encode(encoding), f"{quote}{code}{quote}{delimiter}".encode(encoding)]

    def _refuse(self, record: bytes, row: int) -> None:
        shown = record.decode(self.wire.encoding, "replace").replace(self.wire.delimiter, " ")[:MAX_SHOWN_LETTERS]
        known = ", ".join([self.options.row_code, *self.options.skipped_codes])
        raise BadDataError(
            f"line {row} begins with {shown!r}, which is not one of the types of rows: {known}",
            "Ask the sender, or add its type to record_types: skip under reading of the import.",
        )


def _is_of_type(record: bytes, beginnings: list[bytes]) -> bool:
    # a record of one field has no delimiter after it
    return record.startswith(tuple(beginnings)) or any(record == text[:-1] for text in beginnings)
