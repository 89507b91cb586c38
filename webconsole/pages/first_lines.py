"""Show the first lines of a file as they are, to see why it was refused or held."""

from __future__ import annotations

import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, render_template

from systemscripts import settings
from systemscripts.directory_management import Directories
from systemscripts.ingest import daily_zip
from webconsole import connections
from webconsole.query_arguments import MAX_INTEGER
from webconsole.security import access

blueprint = Blueprint("first_lines", __name__)
SHOWN_LINES, MAX_LINE_LETTERS = 20, 2000
# enough for so many lines of any table; a file without line breaks is not read further
MAX_BYTES = SHOWN_LINES * MAX_LINE_LETTERS * 4
FILE = f"int(max={MAX_INTEGER}):file_id"


@blueprint.get(f"/console/files/<{FILE}>/lines")
@access.allow("admin")
def show_lines(file_id: int) -> str:
    """Show the first lines of a file of the ledger."""
    with connections.read_as_etl() as cursor:
        row = connections.fetch_first(
            cursor,
            """select file_id, config_name, name, status, reason, size, path, keep_path, detected, status_at
               from dba.tfile where file_id = %s""",
            (file_id,),
        ) or abort(404, f"File {file_id} does not exist.")
    lines, trouble = _read_lines(row)
    return render_template("first_lines.html", row=row, lines=lines, trouble=trouble)


def _read_lines(row: dict[str, Any]) -> tuple[list[str], str]:
    """Return the first lines, and what to say where there are none."""
    directories = Directories(settings.current().etl_data_dir)
    for stored in (row["keep_path"], row["path"]):
        try:
            with daily_zip.open_archived_file(stored or "", directories) as path:
                return _decode_lines(path, (row["detected"] or {}).get("encoding") or "utf-8-sig")
        except (OSError, zipfile.BadZipFile):
            continue
    return [], "The file is not in the archive any longer."


def _decode_lines(path: Path, encoding: str) -> tuple[list[str], str]:
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES)
    if b"\x00" in data and not encoding.lower().replace("-", "").startswith(("utf16", "utf32")):
        return [], "The file has no lines of text: it is a workbook, or compressed."
    try:
        text = data.decode(encoding, "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    return [line[:MAX_LINE_LETTERS] for line in islice(text.splitlines(), SHOWN_LINES)], "" if text else "It is empty."
