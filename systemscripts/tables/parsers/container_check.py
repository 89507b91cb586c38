"""What a zip or an OLE container really is, before a parser is let loose on it."""

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
# Streams (MS-CFB 2.6.1) in lower case, and what holds such a stream.
OLE_STREAMS = {
    "encryptedpackage": "protected by a password",
    "\tdrmcontent": "protected by rights management: only named people can open it",
    "worddocument": "a Word document",
    "powerpoint document": "a PowerPoint presentation",
    "__substg1.0_": "an Outlook message",
    "visiodocument": "a Visio drawing",
}
NAMES = {  # as they are written, for damaged containers
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
# What the member mimetype says of other packages (OpenDocument 1.3 part 2, 3.3).
MIMETYPES = {
    b"opendocument.text": "a LibreOffice text document",
    b"opendocument.presentation": "a LibreOffice presentation",
    b"opendocument.graphics": "a LibreOffice drawing",
    b"opendocument.base": "a LibreOffice database",
    b"epub": "an electronic book",
}


def detect_zip_format(path: Path) -> str:
    """xlsx, xlsb or ods. Raises BadDataError for any other, truncated or exploding zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename.lower().replace("\\", "/") for member in members]
            types = _read_content_types(archive)
            mimetype = archive.read("mimetype")[:100] if "mimetype" in names else b""
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, KeyError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: its zip directory cannot be read") from error
    refuse_bomb(path.name, sum(member.file_size for member in members), path.stat().st_size)
    if b"opendocument.spreadsheet" in mimetype:
        return "ods"
    if any(name.endswith("workbook.bin") for name in names):
        return "xlsb"
    if "spreadsheetml" in types or any(name.endswith("xl/workbook.xml") for name in names):
        return "xlsx"
    said = (kind for mark, kind in MIMETYPES.items() if mark in mimetype)
    kinds = (kind for folder, kind in ZIP_FOLDERS.items() if any(name.startswith(folder) for name in names))
    kind = next(chain(said, kinds), f"a zip archive of {len(names)} files ({', '.join(names[:3])})")
    raise BadDataError(f"{path.name} is {kind}, not a workbook", "Ask the sender for a CSV or Excel file.")


def _read_content_types(archive: zipfile.ZipFile) -> str:
    """What the parts of a package are (ECMA-376 part 2, 10.1.2), in lower case; nothing when it does not say."""
    for member in archive.infolist():
        if member.filename.lower() == "[content_types].xml" and member.file_size < 2**24:
            return archive.read(member).decode("utf-8", "replace").lower()
    return ""


def detect_ole_format(path: Path) -> str:
    """xls. Raises BadDataError for other OLE files and for protected workbooks."""
    with path.open("rb") as file:
        if file.read(8) != OLE:
            return "xls"  # a bare BIFF stream
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            streams = _list_root_streams(content)
            if not WORKBOOKS & streams:
                _refuse_ole(path, streams, content)
    return "xls"


def _list_root_streams(content: mmap.mmap) -> set[str]:
    """The names of all streams and storages that the container itself (not one within it) holds; none when damaged."""
    try:
        container = compdoc.CompDoc(content[:], logfile=NullLog())
        return {container.dirlist[number].name.casefold() for number in container.dirlist[0].children}
    except Exception:  # xlrd raises many kinds for damaged containers
        return set()


def _refuse_ole(path: Path, streams: set[str], content: mmap.mmap) -> None:
    for stream, kind in OLE_STREAMS.items():
        if any(name.startswith(stream) for name in streams) or (not streams and _contains_name(content, stream)):
            wanted = "an unprotected file" if kind.startswith("protected") else "a CSV or Excel file"
            hint = f"Ask the sender for {wanted}."
            raise BadDataError(f"{path.name} is {kind}", hint)
    if streams or not any(_contains_name(content, name) for name in WORKBOOKS):
        raise BadDataError(f"{path.name} is truncated or damaged: an OLE file without a workbook in it")


def _contains_name(content: mmap.mmap, name: str) -> bool:
    spellings = (name, name.capitalize(), name.upper(), NAMES.get(name, name))
    return any(content.find(spelling.encode("utf-16-le")) >= 0 for spelling in spellings)


class NullLog:
    """xlrd writes its doubts to a stream."""

    def write(self, text: str) -> None:
        """Forget it."""
