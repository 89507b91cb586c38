"""Unpacks the only table of a zip archive within a size limit."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import archive_members, gzip_parser
from systemscripts.tables.parsers.unpack_limits import refuse_bomb
from systemscripts.tables.workbooks import protocol

# general purpose flag, bit 0 (APPNOTE.TXT 4.4.4)
ENCRYPTED = 1


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the only table. Raises BadDataError where there is not exactly one, or it is damaged."""
    try:
        with zipfile.ZipFile(path) as packed:
            files = [member for member in packed.infolist() if not member.is_dir()]
            index, beside = archive_members.find_only_table(path.name, "zip", [member.filename for member in files])
            member = files[index]
            if member.flag_bits & ENCRYPTED:
                raise BadDataError(
                    f"{path.name} is protected by a password", "Ask the sender for a file without a password."
                )
            refuse_bomb(path.name, member.file_size, member.compress_size)
            protocol.write_json(output, protocol.SHEET, {"name": member.filename, "beside": beside})
            with packed.open(member) as stream:
                gzip_parser.send_stream(path.name, stream, output, member.compress_size)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    protocol.write_frame(output, protocol.END)
