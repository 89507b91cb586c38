"""Removes the headers of an HTTP response; after redirects, of each response."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import gzip_parser
from systemscripts.tables.workbooks import protocol

HEAD_BYTES = 256 * 2**10
STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})([^\r\n]*)\r?\n")
HEAD_END = re.compile(rb"\r?\n\r?\n")
# Enough to explain the error in one line.
MAX_WORDS_BYTES = 300
FIRST_ERROR = 400


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the body. Raises BadDataError for an error status or headers without an end."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        start, status = 0, b""
        while line := STATUS_LINE.match(head, start):
            end = HEAD_END.search(head, line.end() - 2)
            if end is None:
                raise BadDataError(
                    f"{path.name} has the headers of an HTTP response but no body", "Download the file again."
                )
            start, status = end.end(), line[1] + line[2]
        if int(status[:3]) >= FIRST_ERROR:
            body = re.sub(rb"<[^>]*>", b" ", head[start:])[:MAX_WORDS_BYTES]
            words = " ".join((status + b" " + body).decode("utf-8", "replace").split())
            raise BadDataError(f'{path.name} is an error message of a server: "{words}"', "Download the file again.")
        protocol.write_json(output, protocol.SHEET, {"name": path.name})
        file.seek(start)
        gzip_parser.send_stream(path.name, file, output, path.stat().st_size)
    protocol.write_frame(output, protocol.END)
