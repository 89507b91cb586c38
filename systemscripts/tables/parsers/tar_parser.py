"""Unpacks the only table of a tar archive within a size limit."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import IO, cast

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import archive_members, gzip_parser
from systemscripts.tables.parsers.unpack_limits import refuse_bomb
from systemscripts.tables.workbooks import protocol


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the only table. Raises BadDataError where there is not exactly one, or it is damaged."""
    try:
        with tarfile.open(path, "r:") as packed:
            files = [member for member in packed if member.isfile()]
            index, beside = archive_members.find_only_table(path.name, "tar", [member.name for member in files])
            member = files[index]
            refuse_bomb(path.name, member.size, path.stat().st_size)
            protocol.write_json(output, protocol.SHEET, {"name": member.name, "beside": beside})
            # never None for a regular file
            stream = cast(IO[bytes], packed.extractfile(member))
            gzip_parser.send_stream(path.name, stream, output, path.stat().st_size)
    except (tarfile.TarError, EOFError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    protocol.write_frame(output, protocol.END)
