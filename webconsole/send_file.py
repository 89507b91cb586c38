"""Answer with files, which the server sends without occupying a thread."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import IO, Any, cast

from flask import Response, make_response, redirect, request
from werkzeug.wsgi import wrap_file

from systemscripts import settings
from systemscripts.office_files import MEDIA_TYPES
from webconsole import downloads, prepared_downloads, table_counts
from webconsole.queries import tables
from webconsole.security import access

# for the description of a route
MEDIA_TYPE_LIST = ", ".join(MEDIA_TYPES.values())
PARQUET_TYPE = "application/vnd.apache.parquet"
# read at once from the file that is sent
CHUNK_BYTES = 1 << 16
# of a file name without its ending; systems allow 255 bytes
MAX_NAME_LETTERS = 120


def send_table(view: tables.TableView, suffix: str, name: str = "") -> Response:
    """Answer with the rows of a view as a file; `suffix`: csv, xlsx or parquet.

    A large file for people is prepared in the background, and the answer leads to the page of downloads.
    """
    name = name or f"{view.relation.full_name}_{settings.format_file_stamp()}"
    if request.method == "HEAD":
        return _add_file_headers(Response(), name, suffix)
    if view.query.is_for_people and table_counts.is_more_than(view, prepared_downloads.BACKGROUND_ROWS):
        rows = table_counts.estimate_rows(view)
        prepared_downloads.start(view, suffix, name, access.require_user().name, rows)
        return make_response(redirect("/console/downloads", 303))
    download = downloads.make_file(view, suffix, access.require_user().name)
    return send_stream(cast("IO[bytes]", download), name, suffix)


def send_rows(header: Sequence[str], rows: Iterable[Sequence[Any]], suffix: str, name: str) -> Response:
    """Answer with a few thousand rows as a file; `suffix`: csv or xlsx."""
    if request.method == "HEAD":
        return _add_file_headers(Response(), name, suffix)
    return send_stream(
        cast("IO[bytes]", downloads.write_rows(header, rows, suffix, access.require_user().name)), name, suffix
    )


def send_stream(content: IO[bytes], name: str, suffix: str) -> Response:
    """Answer with an open file, which is closed after sending."""
    wrapped = wrap_file(request.environ, content, CHUNK_BYTES)
    return _add_file_headers(Response(wrapped, direct_passthrough=True), name, suffix)


def _add_file_headers(response: Response, name: str, suffix: str) -> Response:
    response.headers["Content-Type"] = MEDIA_TYPES.get(suffix, PARQUET_TYPE)
    safe_name = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:MAX_NAME_LETTERS].strip("_.")
    response.headers["Content-Disposition"] = f'attachment; filename="{safe_name}.{suffix}"'
    return response
