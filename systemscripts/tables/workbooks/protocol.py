"""The protocol between the parsing child and the spooling parent: frames of a one-letter type, size and payload."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from typing import IO, Any

from systemscripts.summary import Notice

# JSON: format, sheets (name, visible), header_known, column_types
BOOK = b"B"
# JSON: name; its rows follow
SHEET = b"S"
# number of the first row, count, then that many records of standard CSV from consecutive rows
ROWS = b"R"
# discard the rows so far; the same sheet is sent again with more columns
RESTART = b"N"
# JSON: code and text of each warning about the sheet that ends here
WARNINGS = b"W"
# everything requested has been sent; the frames that follow describe the rest of the file
WHOLE = b"K"
# JSON: the other sheets of the file (parsers/sheet_overview.py)
OTHERS = b"O"
# bytes of an unpacked file
DATA = b"D"
END = b"T"
# JSON: message, hint, final
FAILED = b"E"

_FRAME = struct.Struct(">cI")
_ROWS = struct.Struct(">II")
# A larger size means that the stream is corrupt.
MAX_FRAME_BYTES = 2**30


class TruncatedStreamError(Exception):
    """The stream ended within a frame, or is corrupt."""


def write_frame(stream: IO[bytes], frame_type: bytes, payload: bytes = b"") -> None:
    """Write one frame."""
    stream.write(_FRAME.pack(frame_type, len(payload)))
    stream.write(payload)


def write_json(stream: IO[bytes], frame_type: bytes, content: dict[str, Any]) -> None:
    """Write one frame with a JSON object."""
    write_frame(stream, frame_type, json.dumps(content).encode())


def write_warnings(stream: IO[bytes], notices: Iterable[Notice]) -> None:
    """Write the warnings about a sheet."""
    write_json(stream, WARNINGS, {"warnings": [[notice.code, notice.text] for notice in notices]})


def write_rows(stream: IO[bytes], first_row: int, count: int, records: bytes) -> None:
    """Write `count` records of CSV from consecutive rows, the first of which is `first_row`."""
    write_frame(stream, ROWS, _ROWS.pack(first_row, count) + records)


def read_frames(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and payload of each frame; raises TruncatedStreamError where the last one is not END or FAILED."""
    while True:
        frame_type, size = _FRAME.unpack(_read_exactly(stream, _FRAME.size))
        if size > MAX_FRAME_BYTES:
            raise TruncatedStreamError
        yield frame_type, _read_exactly(stream, size)
        if frame_type in (END, FAILED):
            return


def parse_warnings(payload: bytes) -> list[Notice]:
    """Return the warnings of a WARNINGS frame."""
    return [Notice(code, text) for code, text in json.loads(payload)["warnings"]]


def parse_rows(payload: bytes) -> tuple[int, int, memoryview]:
    """Return first row number, count and records of a ROWS frame."""
    first_row, count = _ROWS.unpack_from(payload)
    return first_row, count, memoryview(payload)[_ROWS.size :]


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise TruncatedStreamError
    return content
