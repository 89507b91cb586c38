"""Unpacks the only table of a tar archive, within a limit."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import IO, cast

from systemscripts.errors import BadDataError
from systemscripts.tables import frames
from systemscripts.tables.parsers import gzip_parser, members
from systemscripts.tables.parsers.unpack_limits import refuse_bomb


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the only table. Raises BadDataError when there is not exactly one, or it is damaged."""
    try:
        with tarfile.open(path, "r:") as packed:
            files = [member for member in packed if member.isfile()]
            place, beside = members.find_only(path.name, "tar", [member.name for member in files])
            member = files[place]
            refuse_bomb(path.name, member.size, path.stat().st_size)
            frames.write_json(output, frames.SHEET, {"name": member.name, "beside": beside})
            # it is a file, so it has bytes
            stream = cast(IO[bytes], packed.extractfile(member))
            gzip_parser.send(path.name, stream, output, path.stat().st_size)
    except (tarfile.TarError, EOFError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    frames.write(output, frames.END)
