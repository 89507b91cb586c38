"""Opens encrypted Office files; Excel itself opens those with its default password without asking."""

from __future__ import annotations

import re
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

CONTAINER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
NAME = "EncryptedPackage".encode("utf-16-le")
# A directory entry (MS-CFB 2.6.1): 64 bytes of name, its length with the final zero, 2 for a stream.
ENTRY = NAME.ljust(64, b"\0") + (len(NAME) + 2).to_bytes(2, "little") + b"\2"
# In a workbook of Excel 97 the record FilePass (MS-XLS 2.4.117) after the first one, possibly after WriteProtect.
FILE_PASS = re.compile(rb"\x09\x08\x10\0\0\x06\x05\0.{12}(?:\x86\0\0\0)?\x2f\0", re.DOTALL)
SECTOR_BYTES = 512
PACKED_BY = ("encrypted_parser", "workbook encrypted with the default password")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether an OLE container has an encrypted package or an encrypted workbook."""
    import mmap

    if not head.startswith(CONTAINER):
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(ENTRY) >= 0:
            return True
        match = FILE_PASS.search(content)
        return match is not None and match.start() % SECTOR_BYTES == 0


def open(path: Path, options: ReadingOptions) -> Table:
    """Decrypt and open. Raises BadDataError where the password is not the default one, or rights are managed."""
    from systemscripts.tables.workbooks import unpack

    return unpack.open_unpacked(path, options, *PACKED_BY)
