"""Opens workbooks in a zip: XLSX, XLSM, XLSB, ODS."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from systemscripts.tables.formats import zip_file
from systemscripts.tables.model import ReadingOptions, Table

TYPE_NAME = "Excel workbook"


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is a zip with parts of a document, or cannot be listed; the parser checks what it is."""
    return head.startswith(zip_file.MARKS) and not zip_file.recognises(head, path)


def open(path: Path, options: ReadingOptions) -> Table:
    """Open a workbook. Raises BadDataError that names the content of another zip."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, parsers(path), TYPE_NAME)


def parsers(path: Path) -> Sequence[str]:
    """Return the parsers to try, in this order."""
    import zipfile

    with suppress(zipfile.BadZipFile, OSError, ValueError, NotImplementedError), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "content.xml" in names:
            return ("ods_parser", "calamine_parser")
        if any(name.lower().endswith("workbook.bin") for name in names):
            return ("xlsb_parser", "calamine_parser")
    # other formats need none
    from systemscripts import settings

    libraries = ("calamine_parser", "openpyxl_parser")
    return ("xlsx_parser", *libraries) if settings.current().own_xlsx_reader else (*libraries, "xlsx_parser")
