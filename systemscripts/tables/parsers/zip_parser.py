"""Unpacks the only file of a zip, within a limit."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables import frames
from systemscripts.tables.parsers import gzip_parser
from systemscripts.tables.parsers.unpack_limits import refuse_bomb

ENCRYPTED = 1  # general purpose flag, bit 0 (APPNOTE.TXT 4.4.4)
LISTED = 10
DEBRIS = ("__macosx/", ".ds_store", "thumbs.db")  # what systems add beside the files


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the only member. Raises BadDataError when there is not exactly one, or it is damaged."""
    try:
        with zipfile.ZipFile(path) as packed:
            member = _only_member(path, packed)
            refuse_bomb(path.name, member.file_size, member.compress_size)
            frames.write_json(output, frames.SHEET, {"name": member.filename})
            with packed.open(member) as stream:
                gzip_parser.send(path.name, stream, output, member.compress_size)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    frames.write(output, frames.END)


def _only_member(path: Path, packed: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in packed.infolist() if not member.is_dir() and not _is_debris(member.filename)]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:LISTED]) + (", ..." if len(members) > LISTED else "")
        raise BadDataError(
            f"{path.name} is a zip archive of {len(members)} files ({names})"
            if members
            else f"{path.name} is an empty zip",
            "Send each file by itself." if members else "",
        )
    if members[0].flag_bits & ENCRYPTED:
        raise BadDataError(f"{path.name} is protected by a password", "Ask the sender for one without.")
    return members[0]


def _is_debris(name: str) -> bool:
    name = name.replace("\\", "/").lower()
    return name.startswith(DEBRIS[0]) or name.rpartition("/")[2] in DEBRIS[1:]
