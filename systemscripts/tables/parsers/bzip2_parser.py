"""Unpacks bzip2 files within a size limit."""

from __future__ import annotations

import bz2
from pathlib import Path, PurePosixPath
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import gzip_parser
from systemscripts.tables.workbooks import protocol


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the file inside. Raises BadDataError where it is truncated or too large."""
    name = PurePosixPath(path.name)
    protocol.write_json(output, protocol.SHEET, {"name": name.stem if name.suffix.lower() == ".bz2" else name.name})
    try:
        with bz2.open(path) as stream:
            gzip_parser.send_stream(path.name, stream, output, path.stat().st_size)
    except (EOFError, OSError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    protocol.write_frame(output, protocol.END)
