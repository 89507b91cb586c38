"""The parts of an Office package: which member is the workbook, its sheets, its strings and its styles.

Rules: ECMA-376 part 2, 9 (relationships) and part 1, 18.2 (workbook); strict files have the same names in other
namespaces, so only the local names count here.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from systemscripts.errors import BadDataError

MAX_PART_BYTES = 256 * 2**20  # of the parts that are read whole; sheets and strings are streamed
SHEET_PART = re.compile(r"xl/worksheets/[^/]*?(\d*)\.(?:xml|bin)", re.IGNORECASE)
DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")


@dataclass(frozen=True)
class SheetPart:
    """One sheet of the workbook; `kind` is worksheet, chartsheet, dialogsheet, xlMacrosheet ..."""

    name: str
    part: str
    visible: bool
    kind: str


class Package:
    """An open package. `part` names are as the zip has them; they are found whatever their case and slashes."""

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path)
        names = [member.filename for member in self.archive.infolist()]
        self._names = {name.replace("\\", "/").lstrip("/").casefold(): name for name in names}
        self.workbook = self._workbook_part()
        self._relations = self.relations(self.workbook)

    def find(self, name: str) -> str | None:
        """The member of this name, None when there is none."""
        return self._names.get(name.replace("\\", "/").lstrip("/").casefold())

    def read(self, part: str) -> bytes:
        """A whole small part. Raises BadDataError when it is huge or declares entities, KeyError when it is missing."""
        member = self.archive.getinfo(part)
        if member.file_size > MAX_PART_BYTES:
            raise BadDataError(
                f"{part} would unpack to {member.file_size >> 20} MB; workbooks that spreadsheet programs write do not",
                "Ask the sender for a CSV file.",
            )
        content = self.archive.read(member)
        refuse_entities(content, part)
        return content

    def xml(self, part: str) -> ElementTree.Element:
        """A whole small part as elements. Raises ElementTree.ParseError."""
        return ElementTree.fromstring(self.read(part))

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """The relationships of a part: id -> last word of the type, member. Empty where there are none."""
        folder, name = posixpath.split(part.replace("\\", "/"))
        found = self.find(f"{folder}/_rels/{name}.rels")
        if found is None:
            return {}
        related = {}
        for item in self.xml(found):
            kind = item.get("Type", "").rpartition("/")[2]
            related[item.get("Id", "")] = kind, self._target(folder, item.get("Target", ""))
        return related

    def related(self, kind: str, usual: str) -> str | None:
        """The member that the workbook relates to as `kind`, else the usual one, else None."""
        by_relation = (self.find(part) for what, part in self._relations.values() if what == kind)
        return next((part for part in by_relation if part), None) or self.find(usual)

    def sheets(self) -> tuple[list[SheetPart], bool]:
        """The sheets in the order of the workbook, and whether its days count from 1904."""
        book = self.xml(self.workbook)
        found = []
        for number, sheet in enumerate((item for item in book.iter() if get_local_name(item.tag) == "sheet"), 1):
            identity = next((value for name, value in sheet.items() if get_local_name(name) == "id"), "")
            kind, part = self._relations.get(identity, ("worksheet", ""))
            part = self.find(part) or ("" if part else self.find(f"xl/worksheets/sheet{number}.xml")) or ""
            visible = sheet.get("state", "visible") == "visible"
            found.append(SheetPart(sheet.get("name", ""), part, visible, kind))
        properties = next((item for item in book if get_local_name(item.tag) == "workbookPr"), None)
        is_1904 = properties is not None and properties.get("date1904") in ("1", "true", "on")
        return found, is_1904

    def _workbook_part(self) -> str:
        roots = self.relations("").values()
        by_relation = (self.find(part) for kind, part in roots if kind == "officeDocument")
        part = (
            next((part for part in by_relation if part), None)
            or self.find("xl/workbook.xml")
            or self.find("xl/workbook.bin")
        )
        if part is None:
            raise KeyError("no workbook part")
        return part

    def _target(self, folder: str, target: str) -> str:
        target = unquote(target.replace("\\", "/"))
        return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


def get_local_name(tag: str) -> str:
    """The name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]


def refuse_entities(content: bytes, part: str) -> None:
    """Raise BadDataError when a part declares entities: no workbook does, a billion laughs is made of them."""
    if DECLARATION.search(content.replace(b"\0", b"")):
        raise BadDataError(
            f"{part} declares XML entities; workbooks that spreadsheet programs write do not",
            "Ask the sender for a CSV file.",
        )


def inflate(archive: zipfile.ZipFile, part: str, chunk_bytes: int) -> Iterator[bytes]:
    """The unpacked bytes of a member, checked against their CRC."""
    with archive.open(part) as stream:
        while chunk := stream.read(chunk_bytes):
            yield chunk


def refuse_damaged(archive: zipfile.ZipFile, part: str, chunk_bytes: int) -> None:
    """Raise BadDataError when a member does not match its CRC; reading it twice costs less than parsing it in vain."""
    try:
        for _ in inflate(archive, part, chunk_bytes):
            pass
    except zipfile.BadZipFile as error:
        name = Path(archive.filename or "the workbook").name
        raise BadDataError(
            f"{name} is damaged: the checksum of {part} is wrong", "Ask the sender for it again."
        ) from error
