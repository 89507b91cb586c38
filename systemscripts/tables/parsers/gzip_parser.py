"""Unpacks gzip files within a size limit."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.unpack_limits import refuse_bomb
from systemscripts.tables.workbooks import protocol

CHUNK_BYTES = 2**20


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the file inside. Raises BadDataError where it is truncated or too large."""
    name = PurePosixPath(path.name)
    protocol.write_json(
        output, protocol.SHEET, {"name": name.stem if name.suffix.lower() in (".gz", ".gzip") else name.name}
    )
    try:
        with gzip.open(path) as stream:
            send_stream(path.name, stream, output, path.stat().st_size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    protocol.write_frame(output, protocol.END)


def send_stream(
    name: str, stream: IO[bytes] | gzip.GzipFile | bz2.BZ2File, output: IO[bytes], packed_bytes: int
) -> None:
    """Send all bytes of a stream. Raises BadDataError where they are too many for `packed_bytes` on disk."""
    size = 0
    while data := stream.read(CHUNK_BYTES):
        size += len(data)
        refuse_bomb(name, size, packed_bytes)
        protocol.write_frame(output, protocol.DATA, data)
