"""Lists the files of a zip or tar, and sends those that are requested, within a size limit."""

from __future__ import annotations

import contextlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import archive_members, gzip_parser, passwords
from systemscripts.tables.parsers.unpack_limits import refuse_bomb
from systemscripts.tables.workbooks import protocol

# general purpose flag, bit 0 (APPNOTE.TXT 4.4.4)
ENCRYPTED = 1


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and size of each file, and the bytes of the requested ones. Raises BadDataError where it is damaged."""
    total = 0
    try:
        for name, size, send in _list_zip(path) if zipfile.is_zipfile(path) else _list_tar(path):
            if archive_members.is_extra(name):
                continue
            protocol.write_json(output, protocol.SHEET, {"name": name, "size": size})
            if name in archive_members.WANTED:
                total += size
                refuse_bomb(path.name, total, path.stat().st_size)
                send(output)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, NotImplementedError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: {error}", "Ask the sender for it again.") from error
    protocol.write_frame(output, protocol.END)


Member = tuple[str, int, Callable[[IO[bytes]], None]]


def _list_tar(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r:*") as packed:
        for member in packed:
            if member.isfile():
                # never None for a regular file
                stream = cast(IO[bytes], packed.extractfile(member))

                def send(output: IO[bytes], stream: IO[bytes] = stream) -> None:
                    gzip_parser.send_stream(path.name, stream, output, path.stat().st_size)

                yield member.name, member.size, send


def _list_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as packed:
        for member in packed.infolist():
            if not member.is_dir():

                def send(output: IO[bytes], member: zipfile.ZipInfo = member) -> None:
                    _send_member(path, packed, member, output)

                yield member.filename, member.file_size, send


def _send_member(path: Path, packed: zipfile.ZipFile, member: zipfile.ZipInfo, output: IO[bytes]) -> None:
    if not member.flag_bits & ENCRYPTED:
        with packed.open(member) as stream:
            gzip_parser.send_stream(path.name, stream, output, member.compress_size)
        return
    # late: it also knows AES, but hardly any zip is protected
    import pyzipper

    errors: tuple[Any, ...] = (RuntimeError, pyzipper.BadZipFile, zlib.error)
    for password in passwords.KNOWN:
        with contextlib.suppress(*errors), pyzipper.AESZipFile(path) as protected:
            with protected.open(member.filename, pwd=password.encode()) as stream:
                # what a wrong password sent is discarded
                protocol.write_frame(output, protocol.RESTART)
                gzip_parser.send_stream(path.name, stream, output, member.compress_size)
            return
    raise passwords.make_error(path.name)
