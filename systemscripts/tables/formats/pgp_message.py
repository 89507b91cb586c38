"""Opens what is encrypted by OpenPGP, where the keys of this installation (docs/pgp.md) open it."""

from __future__ import annotations

from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions, Table

ARMOR = b"-----BEGIN PGP MESSAGE-----"
SUFFIXES = (".pgp", ".gpg", ".asc")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is a message, with armor, or begins with an encrypted session key.

    RFC 9580, 4.2 and 5.1: tag, length, version.
    """
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(ARMOR):
        return True
    tag, body = head[:1], head[1:]
    if tag in (b"\x84", b"\x8c", b"\xc1", b"\xc3"):
        after_length = body[1:2] if tag[0] < 0xC0 or body[:1] < b"\xc0" else body[2:3]
    elif tag in (b"\x85", b"\x8d"):
        after_length = body[2:3]
    else:
        return False
    # text of another encoding has none of these bytes
    return after_length in (b"\x03", b"\x04", b"\x05", b"\x06")


def open(path: Path, options: ReadingOptions) -> Table:
    """Decrypt and open. Raises BadDataError where this installation has no keys, or the file is damaged."""
    # other formats need none
    from systemscripts import pgp, settings
    from systemscripts.tables.workbooks import unpack
    from systemscripts.tables.workbooks.parser_process import LIMITS

    if not pgp.get_folder().is_dir():
        raise BadDataError(
            f"{path.name} is a file encrypted with PGP, not a table",
            "Add its private key (docs/pgp.md), or ask the sender for the file without encryption.",
        )

    def decrypt(folder: Path) -> tuple[Path, list[str]]:
        limit = max(path.stat().st_size * settings.current().max_unpack_ratio, LIMITS.suspicious_bytes)
        name = path.stem if path.suffix.lower() in SUFFIXES else path.name
        target = folder / name
        pgp.decrypt_file(path, target, options.passwords, int(min(limit, settings.current().max_unpacked_gb * 2**30)))
        return target, []

    return unpack.open_from(path, options, decrypt, "PGP")
