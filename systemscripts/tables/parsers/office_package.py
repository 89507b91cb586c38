"""Finds the parts of an Office package: the workbook, its sheets, strings and styles.

Rules: ECMA-376 part 2, 9 (relationships) and part 1, 18.2 (workbook); strict files have the same names in other
namespaces, so only local names are compared here.
"""

from __future__ import annotations

import functools
import posixpath
import queue
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from systemscripts.errors import BadDataError

# of parts that are read whole; sheets and strings are streamed
MAX_PART_BYTES = 256 * 2**20
# chunks that are unpacked before they are requested
MAX_CHUNKS_AHEAD = 4
SHEET_PART = re.compile(r"xl/worksheets/[^/]*?(\d*)\.(?:xml|bin)", re.IGNORECASE)
DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")


@dataclass(frozen=True)
class SheetPart:
    """One sheet of the workbook; `type` is worksheet, chartsheet, dialogsheet, xlMacrosheet ..."""

    name: str
    part: str
    visible: bool
    type: str


class Package:
    """An open package. A `part` is a member name of the zip; names are matched regardless of case and slashes."""

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path)
        names = [member.filename for member in self.archive.infolist()]
        self._names = {name.replace("\\", "/").lstrip("/").casefold(): name for name in names}
        self.workbook = self._workbook_part()
        self._relations = self.read_relations(self.workbook)

    def find_part(self, name: str) -> str | None:
        """Return the member of this name, or None."""
        return self._names.get(name.replace("\\", "/").lstrip("/").casefold())

    def read_part(self, part: str) -> bytes:
        """Return the bytes of a small part.

        Raises BadDataError where it is huge or declares entities, KeyError where it is missing.
        """
        member = self.archive.getinfo(part)
        if member.file_size > MAX_PART_BYTES:
            raise BadDataError(
                f"{part} would unpack to {member.file_size >> 20} MB; workbooks that spreadsheet programs write do not",
                "Ask the sender for a CSV file.",
            )
        content = self.archive.read(member)
        refuse_entities(content, part)
        return content

    def parse_part(self, part: str) -> ElementTree.Element:
        """Return the root element of a small part. Raises ElementTree.ParseError."""
        return ElementTree.fromstring(self.read_part(part))

    def read_relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the relationships of a part: id -> (last word of the type, member)."""
        folder, name = posixpath.split(part.replace("\\", "/"))
        part_name = self.find_part(f"{folder}/_rels/{name}.rels")
        if part_name is None:
            return {}
        related = {}
        for item in self.parse_part(part_name):
            relation_type = item.get("Type", "").rpartition("/")[2]
            related[item.get("Id", "")] = relation_type, self._target(folder, item.get("Target", ""))
        return related

    def find_related(self, relation_type: str, usual: str) -> str | None:
        """Return the member that the workbook relates to by this type, else the usual one, else None."""
        by_relation = (self.find_part(part) for what, part in self._relations.values() if what == relation_type)
        return next((part for part in by_relation if part), None) or self.find_part(usual)

    def list_sheets(self) -> tuple[list[SheetPart], bool]:
        """Return the sheets in the order of the workbook, and whether its days count from 1904."""
        book = self.parse_part(self.workbook)
        parts = []
        for number, sheet in enumerate((item for item in book.iter() if get_local_name(item.tag) == "sheet"), 1):
            identity = next((value for name, value in sheet.items() if get_local_name(name) == "id"), "")
            sheet_type, part = self._relations.get(identity, ("worksheet", ""))
            part = self.find_part(part) or ("" if part else self.find_part(f"xl/worksheets/sheet{number}.xml")) or ""
            visible = sheet.get("state", "visible") == "visible"
            parts.append(SheetPart(sheet.get("name", ""), part, visible, sheet_type))
        properties = next((item for item in book if get_local_name(item.tag) == "workbookPr"), None)
        is_1904 = properties is not None and properties.get("date1904") in ("1", "true", "on")
        return parts, is_1904

    def _workbook_part(self) -> str:
        roots = self.read_relations("").values()
        by_relation = (self.find_part(part) for relation_type, part in roots if relation_type == "officeDocument")
        part = (
            next((part for part in by_relation if part), None)
            or self.find_part("xl/workbook.xml")
            or self.find_part("xl/workbook.bin")
        )
        if part is None:
            raise KeyError("no workbook part")
        return part

    def _target(self, folder: str, target: str) -> str:
        target = unquote(target.replace("\\", "/"))
        return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


# There are few names, each millions of times; the file of a stranger must not fill the memory with others.
@functools.lru_cache(maxsize=4096)
def get_local_name(tag: str) -> str:
    """Return the name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]


def refuse_entities(content: bytes, part: str) -> None:
    """Raise BadDataError where a part declares entities: a billion-laughs attack needs them, workbooks do not."""
    if DECLARATION.search(content.replace(b"\0", b"")):
        raise BadDataError(
            f"{part} declares XML entities; workbooks that spreadsheet programs write do not",
            "Ask the sender for a CSV file.",
        )


def inflate(archive: zipfile.ZipFile, part: str, chunk_bytes: int, first_bytes: int = 0) -> Iterator[bytes]:
    """Yield the unpacked bytes of a member, checked against their CRC; the first chunk has `first_bytes`, if given."""
    with archive.open(part) as stream:
        if first_bytes and (chunk := stream.read(first_bytes)):
            yield chunk
        while chunk := stream.read(chunk_bytes):
            yield chunk


def inflate_ahead(archive: zipfile.ZipFile, part: str, chunk_bytes: int, first_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of a member as inflate() does, unpacked by a second thread: zlib releases the interpreter lock.

    The first ones are few and unpacked here: whether a sheet holds anything is seen in them.
    """
    pieces = inflate(archive, part, chunk_bytes, first_bytes)
    yield next(pieces, b"")
    ready: queue.Queue[bytes | BaseException | None] = queue.Queue(MAX_CHUNKS_AHEAD)
    stopped = threading.Event()

    def unpack() -> None:
        try:
            for data in pieces:
                if stopped.is_set():
                    return
                ready.put(data)
            ready.put(None)
        # The reading thread raises it.
        except BaseException as error:
            ready.put(error)

    threading.Thread(target=unpack, daemon=True).start()
    try:
        while (data := ready.get()) is not None:
            if isinstance(data, BaseException):
                raise data
            yield data
    finally:
        stopped.set()
        while not ready.empty():
            ready.get_nowait()


def refuse_damaged(archive: zipfile.ZipFile, part: str, chunk_bytes: int) -> None:
    """Raise BadDataError where a member does not match its CRC: reading it twice costs less than parsing damage."""
    try:
        for _ in inflate(archive, part, chunk_bytes):
            pass
    except zipfile.BadZipFile as error:
        name = Path(archive.filename or "the workbook").name
        raise BadDataError(
            f"{name} is damaged: the checksum of {part} is wrong", "Ask the sender for it again."
        ) from error
