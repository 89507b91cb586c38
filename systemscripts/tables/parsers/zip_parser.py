"""Unpacks the only table of a zip archive within a size limit."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import archive_members, gzip_parser, passwords
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
            refuse_bomb(path.name, member.file_size, member.compress_size)
            shown = {"name": member.filename, "beside": beside}
            if member.flag_bits & ENCRYPTED:
                _send_decrypted(path, index, shown, output)
            else:
                protocol.write_json(output, protocol.SHEET, shown)
                with packed.open(member) as stream:
                    gzip_parser.send_stream(path.name, stream, output, member.compress_size)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    protocol.write_frame(output, protocol.END)


def _send_decrypted(path: Path, index: int, shown: dict[str, Any], output: IO[bytes]) -> None:
    """Send a protected file, by the first password that opens it; raises what passwords.make_error() makes.

    The old encryption of zips lets one in 256 wrong passwords through; the checksum at the end tells.
    """
    # late: it also knows AES, but hardly any zip is protected
    import pyzipper

    for password in passwords.KNOWN:
        with contextlib.suppress(RuntimeError, pyzipper.BadZipFile, zlib.error), pyzipper.AESZipFile(path) as packed:
            member = [member for member in packed.infolist() if not member.is_dir()][index]
            with packed.open(member, pwd=password.encode()) as stream:
                protocol.write_json(output, protocol.SHEET, shown)
                gzip_parser.send_stream(path.name, stream, output, member.compress_size)
            return
    raise passwords.make_error(path.name)
