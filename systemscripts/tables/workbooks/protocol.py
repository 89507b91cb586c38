"""The pipe between the child that parses and the parent that spools: frames of one letter, a size and a payload."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from typing import IO, Any

from systemscripts.summary import Notice

BOOK = b"B"  # JSON: format, sheets (name, visible), header_known
SHEET = b"S"  # JSON: name; the rows that follow are its
ROWS = b"R"  # number of the first row, count, then that many records of standard CSV without gap in the row numbers
RESTART = b"N"  # forget the rows so far; the same sheet comes again, wider
WARNINGS = b"W"  # JSON: code and text of each warning about the sheet that ends here
WHOLE = b"K"  # all that was wanted is sent; what follows is only about the rest of the file
OTHERS = b"O"  # JSON: what else the file holds beside the sheet that ends here (parsers/sheet_overview.py)
DATA = b"D"  # bytes of an unpacked file
END = b"T"
FAILED = b"E"  # JSON: message, hint, final

_FRAME = struct.Struct(">cI")
_ROWS = struct.Struct(">II")
MAX_FRAME_BYTES = 2**30


class TruncatedStreamError(Exception):
    """The other side ended in the middle, or said nothing sensible."""


def write_frame(stream: IO[bytes], kind: bytes, payload: bytes = b"") -> None:
    """Write one frame."""
    stream.write(_FRAME.pack(kind, len(payload)))
    stream.write(payload)


def write_json(stream: IO[bytes], kind: bytes, content: dict[str, Any]) -> None:
    """Write one frame that holds a JSON object."""
    write_frame(stream, kind, json.dumps(content).encode())


def write_warnings(stream: IO[bytes], notices: Iterable[Notice]) -> None:
    """Write the warnings about a sheet."""
    write_json(stream, WARNINGS, {"warnings": [[notice.code, notice.text] for notice in notices]})


def write_rows(stream: IO[bytes], first_row: int, count: int, records: bytes) -> None:
    """Write `count` records of CSV that stand in consecutive rows from `first_row`."""
    write_frame(stream, ROWS, _ROWS.pack(first_row, count) + records)


def read_frames(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and payload of each frame; raises BrokenOffError when the last one is not END or FAILED."""
    while True:
        kind, size = _FRAME.unpack(_read_exactly(stream, _FRAME.size))
        if size > MAX_FRAME_BYTES:
            raise TruncatedStreamError
        yield kind, _read_exactly(stream, size)
        if kind in (END, FAILED):
            return


def parse_warnings(payload: bytes) -> list[Notice]:
    """The warnings of a WARNINGS frame."""
    return [Notice(code, text) for code, text in json.loads(payload)["warnings"]]


def parse_rows(payload: bytes) -> tuple[int, int, memoryview]:
    """First row number, count and records of a ROWS frame."""
    first_row, count = _ROWS.unpack_from(payload)
    return first_row, count, memoryview(payload)[_ROWS.size :]


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise TruncatedStreamError
    return content
