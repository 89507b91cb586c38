"""The parts of an XLSX archive that several parsers ask for: its sheets, and the cells that hold no value."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

CHUNK_BYTES = 2**20
ERROR_CELL = re.compile(rb'<c\b[^>]*\bt="e"')
FORMULA_WITHOUT_VALUE = re.compile(rb"(?:</f>|<f\b[^>]*/>)(?:<v ?/>|<v></v>)?</c>")


def worksheets(archive: zipfile.ZipFile) -> list[tuple[str, str, bool]]:
    """Name, part of the archive and visibility of each worksheet (ECMA-376 part 1, 18.2.19 sheet; part 2, 9.3).

    Raises KeyError or ElementTree.ParseError when the workbook is not as the standard says.
    """
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {item.get("Id", ""): item for item in relations}
    found = []
    for sheet in book.iter():
        if not sheet.tag.endswith("}sheet"):
            continue
        relation = targets[next(value for name, value in sheet.items() if name.endswith("}id"))]
        if not relation.get("Type", "").endswith("/worksheet"):
            continue
        target = relation.get("Target", "")
        part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        found.append((sheet.get("name", ""), part, sheet.get("state", "visible") == "visible"))
    return found


def warnings(path: Path, sheet: str) -> list[str]:
    """Sentences about cells of this sheet that hold no value though they look filled."""
    with zipfile.ZipFile(path) as archive:
        try:
            part = next(part for name, part, _ in worksheets(archive) if name == sheet)
            return counted(*_counts(archive, part))
        except (KeyError, StopIteration, ElementTree.ParseError):
            return []


def counted(errors: int, formulas: int) -> list[str]:
    """The sentences for so many error cells and formulas without value."""
    found = []
    if errors:
        found.append(f"{errors} cells hold an error (such as #N/A) and are empty")
    if formulas:
        found.append(f"{formulas} formulas were saved without a value and are empty")
    return found


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
