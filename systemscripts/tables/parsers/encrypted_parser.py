"""Decrypts Office files: with Excel's default password, which Excel sets for workbooks protected against changes, or
with one of the import.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

import msoffcrypto
from msoffcrypto.exceptions import InvalidKeyError

from systemscripts.errors import BadDataError, EtlError
from systemscripts.tables.parsers import gzip_parser, passwords
from systemscripts.tables.workbooks import protocol

# MS-OFFCRYPTO 2.4.2.3: no user has set it, and Excel tries it before asking.
DEFAULT_PASSWORD = "VelvetSweatshop"
# The library decrypts into temporary files, but the process of a parser may write none.
tempfile.TemporaryFile = io.BytesIO  # type: ignore[assignment]
RIGHTS_MANAGED = "DRMEncrypted".encode("utf-16-le")


def _load_key(document: msoffcrypto.OfficeFile, name: str) -> None:
    """Find the password that opens a file; raises what passwords.make_error() makes."""
    for password in (DEFAULT_PASSWORD, *passwords.KNOWN):
        with suppress(InvalidKeyError):
            document.load_key(password=password, verify_password=True)
            return
    raise passwords.make_error(name)


def unpack(path: Path, output: IO[bytes]) -> None:
    """Send name and bytes of the decrypted file. Raises BadDataError where another password or right is needed."""
    if RIGHTS_MANAGED in path.read_bytes():
        raise BadDataError(
            f"{path.name} is protected by rights management: only named people can open it",
            "Ask the sender for a file without restrictions.",
        )
    with path.open("rb") as file, io.BytesIO() as plain:
        try:
            document = msoffcrypto.OfficeFile(file)
            _load_key(document, path.name)
            document.decrypt(plain)
        except EtlError:
            raise
        # The library raises many types of errors for damaged containers.
        except Exception as error:
            raise BadDataError(
                f"{path.name} is encrypted, and either damaged or encrypted in an unknown way: {error}",
                "Ask the sender for a file without a password.",
            ) from error
        plain.seek(0)
        protocol.write_json(output, protocol.SHEET, {"name": path.name})
        gzip_parser.send_stream(path.name, plain, output, path.stat().st_size)
    protocol.write_frame(output, protocol.END)
