"""Files as answers: given to the server as files, which it sends without keeping a thread."""

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

EITHER = ", ".join(MEDIA_TYPES.values())  # for the description of a route
CHUNK = 1 << 16


def table(asked: tables.View, ending: str) -> Response:
    """A table as CSV or XLSX."""
    name = f"{asked.relation.full_name}_{settings.format_file_stamp()}"
    if request.method == "HEAD":
        return _answer(Response(), name, ending)
    made = downloads.make_file(asked, ending, access.the_user().name)
    return stream(cast("IO[bytes]", made), name, ending)


def stream(content: IO[bytes], name: str, ending: str) -> Response:
    """A file that is there; it is closed when it was sent."""
    wrapped = wrap_file(request.environ, content, CHUNK)
    return _answer(Response(wrapped, direct_passthrough=True), name, ending)


def _answer(response: Response, name: str, ending: str) -> Response:
    response.headers["Content-Type"] = MEDIA_TYPES[ending]
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    response.headers["Content-Disposition"] = f'attachment; filename="{safe}.{ending}"'
    return response
