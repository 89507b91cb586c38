"""What calamine does not tell about an XLSX sheet, counted in its XML: error cells, formulas never computed."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

CHUNK_BYTES = 2**20
ERROR_CELL = re.compile(rb'<c\b[^>]*\bt="e"')
FORMULA_WITHOUT_VALUE = re.compile(rb"(?:</f>|<f\b[^>]*/>)(?:<v ?/>|<v></v>)?</c>")
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def warnings(path: Path, sheet: str) -> list[str]:
    """Sentences about cells of this sheet that hold no value though they look filled."""
    with zipfile.ZipFile(path) as archive:
        part = _part(archive, sheet)
        if part is None:
            return []
        errors, formulas = _counts(archive, part)
    found = []
    if errors:
        found.append(f"{errors} cells hold an error (such as #N/A) and are empty")
    if formulas:
        found.append(f"{formulas} formulas were saved without a value and are empty")
    return found


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The name of the sheet's XML in the archive (ECMA-376 part 1, 18.2.19 sheet; part 2, relationships)."""
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, ElementTree.ParseError):
        return None
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    for element in book.iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            target = targets.get(element.get(RELATION), "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            return part if part in archive.namelist() else None
    return None


def _counts(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    errors = formulas = 0
    rest = b""
    with archive.open(part) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            data = rest + chunk
            cut = data.rfind(b"</c>") + 4
            cut = cut if cut > 3 else 0
            errors += b't="e"' in data and len(ERROR_CELL.findall(data, 0, cut))
            formulas += b"<f" in data and len(FORMULA_WITHOUT_VALUE.findall(data, 0, cut))
            rest = data[cut:]
    return errors, formulas
