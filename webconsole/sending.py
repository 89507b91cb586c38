"""Files as answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import IO

from flask import Response

from systemscripts import settings
from webconsole import downloads
from webconsole.reading import tables

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
EITHER = ", ".join(TYPES.values())  # for the description of a route
CHUNK = 1 << 16


def table(asked: tables.View, ending: str) -> Response:
    """A table as CSV (sent while it is read) or XLSX."""
    columns = asked.relation.columns
    names = [column.name for column in columns]
    name = f"{asked.relation.full_name}_{settings.file_stamp()}"
    rows = downloads.table_rows(asked, names)
    if ending == "csv":
        lines = downloads.csv_lines(names, rows)
        first = next(lines)  # what is wrong with the question is answered before the file begins
        return _response(_chain(first, lines), name, "csv")
    return stream(downloads.xlsx_file(names, rows, [column.kind == "number" for column in columns]), name, "xlsx")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def stream(content: IO[bytes], name: str, ending: str) -> Response:
    """A file that is there."""

    def chunks() -> Iterator[bytes]:
        with closing(content):
            while chunk := content.read(CHUNK):
                yield chunk

    return _response(chunks(), name, ending)


def _response(content: Iterator[bytes], name: str, ending: str) -> Response:
    response = Response(content, mimetype=TYPES[ending])
    response.headers["Content-Type"] = TYPES[ending]
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    response.headers["Content-Disposition"] = f'attachment; filename="{safe}.{ending}"'
    return response
