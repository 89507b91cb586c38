"""What a zip or an OLE container really is, before a parser is let loose on it."""

from __future__ import annotations

import mmap
import zipfile
from pathlib import Path

from systemscripts.errors import BadDataError

MOST_UNPACKED = 4 * 2**30
# Names of streams as MS-CFB 2.6.1 writes them (UTF-16), and what holds such a stream.
OLE_STREAMS = {
    "EncryptedPackage": "protected by a password",
    "WordDocument": "a Word document",
    "PowerPoint Document": "a PowerPoint presentation",
    "__substg1.0_": "an Outlook message",
}
ZIP_FOLDERS = {"word/": "a Word document", "ppt/": "a PowerPoint presentation"}


def zip_format(path: Path) -> str:
    """xlsx, xlsb or ods. Raises BadDataError for any other, truncated or exploding zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename.lower().replace("\\", "/") for member in members]
            is_ods = "mimetype" in names and b"opendocument.spreadsheet" in archive.read("mimetype")[:100]
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, KeyError) as error:
        raise BadDataError(f"{path.name} is truncated or damaged: its zip directory cannot be read") from error
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED:
        raise BadDataError(f"{path.name} would unpack to {unpacked / 2**30:.0f} GB; more than 4 GB are not read")
    if is_ods:
        return "ods"
    for name in names:
        if name.endswith(("xl/workbook.xml", "xl/workbook.bin")):
            return "xlsb" if name.endswith("bin") else "xlsx"
    kinds = (kind for folder, kind in ZIP_FOLDERS.items() if any(name.startswith(folder) for name in names))
    kind = next(kinds, f"a zip archive of {len(names)} files ({', '.join(names[:3])})")
    raise BadDataError(f"{path.name} is {kind}, not a workbook")


def ole_format(path: Path) -> str:
    """xls. Raises BadDataError for other OLE files and for protected workbooks."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for stream, kind in OLE_STREAMS.items():
            if content.find(stream.encode("utf-16-le")) >= 0:
                hint = "Ask the sender for a file without password." if "password" in kind else ""
                raise BadDataError(f"{path.name} is {kind}", hint)
        if not any(content.find(stream.encode("utf-16-le")) >= 0 for stream in ("Workbook", "Book")):
            raise BadDataError(f"{path.name} is truncated or damaged: an OLE file without a workbook in it")
    return "xls"
