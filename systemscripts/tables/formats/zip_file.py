"""Opens the only table in a zip archive."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
DOCUMENT_PARTS = ("xl/", "word/", "ppt/", "_rels/.rels", "[content_types].xml", "mimetype", "content.xml", "index/")

PACKED_BY = ("zip_parser", "zip")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is a zip that can be listed and has no part of an office document."""
    if not head.startswith(MARKS):
        return False
    # late: most files are not zips
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.replace("\\", "/").lstrip("/").lower() for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return not any(name.startswith(DOCUMENT_PARTS) for name in names)


def open(path: Path, options: ReadingOptions) -> Table:
    """Unpack and open. Raises BadDataError, which lists the files, where there is not exactly one table."""
    from systemscripts.tables.workbooks import unpack

    return unpack.open_unpacked(path, options, *PACKED_BY)
