"""Answer with files, which the server sends without occupying a thread."""

from __future__ import annotations

import re
from typing import IO, cast

from flask import Response, request
from werkzeug.wsgi import wrap_file

from systemscripts import settings
from systemscripts.office_files import MEDIA_TYPES
from webconsole import downloads
from webconsole.queries import tables
from webconsole.security import access

# for the description of a route
MEDIA_TYPE_LIST = ", ".join(MEDIA_TYPES.values())
# read at once from the file that is sent
CHUNK_BYTES = 1 << 16


def send_table(view: tables.TableView, suffix: str) -> Response:
    """Answer with the rows of a view as a file; `suffix`: csv or xlsx."""
    name = f"{view.relation.full_name}_{settings.format_file_stamp()}"
    if request.method == "HEAD":
        return _add_file_headers(Response(), name, suffix)
    download = downloads.make_file(view, suffix, access.require_user().name)
    return send_stream(cast("IO[bytes]", download), name, suffix)


def send_stream(content: IO[bytes], name: str, suffix: str) -> Response:
    """Answer with an open file, which is closed after sending."""
    wrapped = wrap_file(request.environ, content, CHUNK_BYTES)
    return _add_file_headers(Response(wrapped, direct_passthrough=True), name, suffix)


def _add_file_headers(response: Response, name: str, suffix: str) -> Response:
    response.headers["Content-Type"] = MEDIA_TYPES[suffix]
    safe_name = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    response.headers["Content-Disposition"] = f'attachment; filename="{safe_name}.{suffix}"'
    return response
