"""Checks what a zip or an OLE container really is before a parser reads it."""

from __future__ import annotations

import mmap
import zipfile
import zlib
from itertools import chain
from pathlib import Path

from xlrd import compdoc

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.unpack_limits import refuse_bomb

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WORKBOOKS = {"workbook", "book"}
# Streams (MS-CFB 2.6.1) in lower case, and what a file with such a stream is.
OLE_STREAMS = {
    "encryptedpackage": "protected by a password",
    "\tdrmcontent": "protected by rights management: only named people can open it",
    "worddocument": "a Word document",
    "powerpoint document": "a PowerPoint presentation",
    "__substg1.0_": "an Outlook message",
    "visiodocument": "a Visio drawing",
}
# as they are spelled, for damaged containers
NAMES = {
    "encryptedpackage": "EncryptedPackage",
    "worddocument": "WordDocument",
    "powerpoint document": "PowerPoint Document",
}
ZIP_FOLDERS = {
    "word/": "a Word document",
    "ppt/": "a PowerPoint presentation",
    "visio/": "a Visio drawing",
    "index/": "an Apple Numbers, Pages or Keynote document",
}
# Content of the member mimetype in other packages (OpenDocument 1.3 part 2, 3.3).
MIMETYPES = {
    b"opendocument.text": "a LibreOffice text document",
    b"opendocument.presentation": "a LibreOffice presentation",
    b"opendocument.graphics": "a LibreOffice drawing",
    b"opendocument.base": "a LibreOffice database",
    b"epub": "an electronic book",
}
# zlib says so by its number, Z_MEM_ERROR; the file is not damaged.
OUT_OF_MEMORY = "Error -4"


def detect_zip_format(path: Path) -> str:
    """Return xlsx, xlsb or ods. Raises BadDataError for any other zip, a truncated one, or a zip bomb."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename.lower().replace("\\", "/") for member in members]
            types = _read_content_types(archive)
            mimetype = archive.read("mimetype")[:100] if "mimetype" in names else b""
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, KeyError) as error:
        if OUT_OF_MEMORY in str(error):
            raise MemoryError from error
        raise BadDataError(
            f"{path.name} is truncated or damaged: its zip directory cannot be read", "Ask the sender for it again."
        ) from error
    refuse_bomb(path.name, sum(member.file_size for member in members), path.stat().st_size)
    if b"opendocument.spreadsheet" in mimetype:
        return "ods"
    if any(name.endswith("workbook.bin") for name in names):
        return "xlsb"
    if "spreadsheetml" in types or any(name.endswith("xl/workbook.xml") for name in names):
        return "xlsx"
    said = (content for mark, content in MIMETYPES.items() if mark in mimetype)
    kinds = (content for folder, content in ZIP_FOLDERS.items() if any(name.startswith(folder) for name in names))
    content = next(chain(said, kinds), f"a zip archive of {len(names)} files ({', '.join(names[:3])})")
    raise BadDataError(f"{path.name} is {content}, not a workbook", "Ask the sender for a CSV or Excel file.")


def _read_content_types(archive: zipfile.ZipFile) -> str:
    """Return the content types of a package (ECMA-376 part 2, 10.1.2) in lower case; "" where there are none."""
    for member in archive.infolist():
        if member.filename.lower() == "[content_types].xml" and member.file_size < 2**24:
            return archive.read(member).decode("utf-8", "replace").lower()
    return ""


def detect_ole_format(path: Path) -> str:
    """Return xls. Raises BadDataError for other OLE files and for protected workbooks."""
    with path.open("rb") as file:
        if file.read(8) != OLE:
            # a bare BIFF stream
            return "xls"
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            streams = _list_root_streams(content)
            if not WORKBOOKS & streams:
                _refuse_ole(path, streams, content)
    return "xls"


def _list_root_streams(content: mmap.mmap) -> set[str]:
    """Return the names of all streams and storages at the root of the container; none where it is damaged."""
    try:
        container = compdoc.CompDoc(content[:], logfile=NullLog())
        return {container.dirlist[number].name.casefold() for number in container.dirlist[0].children}
    # xlrd raises many types of errors for damaged containers.
    except Exception:
        return set()


def _refuse_ole(path: Path, streams: set[str], content: mmap.mmap) -> None:
    for stream, description in OLE_STREAMS.items():
        if any(name.startswith(stream) for name in streams) or (not streams and _contains_name(content, stream)):
            request = "an unprotected file" if description.startswith("protected") else "a CSV or Excel file"
            hint = f"Ask the sender for {request}."
            raise BadDataError(f"{path.name} is {description}", hint)
    if streams or not any(_contains_name(content, name) for name in WORKBOOKS):
        raise BadDataError(
            f"{path.name} is truncated or damaged: an OLE file without a workbook", "Ask the sender for it again."
        )


def _contains_name(content: mmap.mmap, name: str) -> bool:
    spellings = (name, name.capitalize(), name.upper(), NAMES.get(name, name))
    return any(content.find(spelling.encode("utf-16-le")) >= 0 for spelling in spellings)


class NullLog:
    """A log stream for xlrd that discards everything."""

    def write(self, text: str) -> None:
        """Discard the text."""
