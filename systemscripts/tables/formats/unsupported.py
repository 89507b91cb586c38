"""Recognises files that are not tables by their first bytes, so that the message can say what they are."""

from __future__ import annotations

from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions, Table

# First bytes of a file, and what it is. A mark of letters alone may also begin a text: see `_identify`.
NAMES_BY_MARK = {
    b"%PDF-": "a PDF document",
    b"%!PS": "a PostScript document",
    b"{\\rtf": "a rich text document",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"MSCF": "a cabinet archive",
    b"\xfd7zXZ": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"\x04\x22\x4d\x18": "lz4 data",
    b"\x1f\x9d": "data packed by compress (.Z)",
    b"LZIP": "lzip data",
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"GIF8": "an image (GIF)",
    b"II*\0": "an image (TIFF)",
    b"MM\0*": "an image (TIFF)",
    b"BM": "an image (BMP)",
    b"RIFF": "an image or a recording (RIFF)",
    b"\0\0\1\0": "an image (icon)",
    b"MZ": "a Windows program",
    b"\x7fELF": "a program",
    b"\xca\xfe\xba\xbe": "a program",
    b"PARE": "an encrypted Parquet file",
    b"ORC": "an ORC file",
    b"Obj\1": "an Avro file",
    b"FEA1": "a Feather file",
    b"ARROW1": "a Feather (Arrow) file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\0\1\0\0Standard Jet DB": "a Microsoft Access database",
    b"\0\1\0\0Standard ACE DB": "a Microsoft Access database",
    b"SQLite format 3\0": "a SQLite database",
    b"PGDMP": "a PostgreSQL dump (pg_dump -Fc)",
    b"\0\0\2\0\6\4\6\0": "a Lotus 1-2-3 spreadsheet",
    b"!BDN": "an Outlook mailbox",
    b"$FL2": "an SPSS file",
    b"<stata_dta>": "a Stata file",
    b"HEADER RECORD*******LIBRARY": "a SAS transport file",
    b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60": "a SAS data set",
}
HEAD_BYTES = 512
BELOW_TEXT = bytes(range(9))
DBASE = frozenset(b"\x02\x03\x30\x31\x32\x43\x63\x83\x8b\xcb\xf5\xfb")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is one of those above."""
    return _identify(head) != ""


def open(path: Path, options: ReadingOptions) -> Table:
    """Raise BadDataError, which says what the file is."""
    with path.open("rb") as file:
        name = _identify(file.read(HEAD_BYTES))
    raise BadDataError(f"{path.name} is {name}, not a table", "Ask the sender for a CSV or Excel file.")


def _identify(head: bytes) -> str:
    """Return what a file is by its first bytes; "" where it may be a table."""
    is_text = not any(byte in BELOW_TEXT for byte in head[:HEAD_BYTES])
    for mark, name in NAMES_BY_MARK.items():
        if head.startswith(mark) and not (is_text and mark.isalnum()):
            return name
    if is_text:
        return ""
    return "a dBase table" if _is_dbase(head) else ""


def _is_dbase(head: bytes) -> bool:
    """Return whether the head has version, date of the last change and sizes as in a .dbf file."""
    if len(head) < 32 or head[0] not in DBASE:
        return False
    header_bytes, record_bytes = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
    return 1 <= head[2] <= 12 and 1 <= head[3] <= 31 and header_bytes >= 65 and record_bytes > 1
