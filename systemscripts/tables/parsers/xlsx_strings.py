"""Reads the shared strings of an XLSX piece by piece, as CSV fields."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

from systemscripts.tables.parsers import office_package, xml_text
from systemscripts.tables.parsers.row_chunk import quote_fields

CHUNK_BYTES = 2**20
ITEM = re.compile(
    rb'<si>(?:<t(?: xml:space="preserve")?>([^<]*)</t></si>|(.*?)</si>)|<si ?/>|<si [^>]*>(.*?)</si>', re.DOTALL
)
PHONETIC = re.compile(rb"<rPh\b.*?</rPh>", re.DOTALL)
TEXT = re.compile(rb"<t(?: [^>]*)?>([^<]*)</t>")
RUN_OF_NOTHING = re.compile(rb"<t ?/>")


class UnusualError(Exception):
    """Not XML as Excel and similar programs write it; a more general reader may understand it."""


def read_fields(archive: zipfile.ZipFile, part: str | None) -> list[bytes]:
    """Return all strings as CSV fields. Raises UnusualError for unusual XML: a missed string would shift all others."""
    strings: list[bytes] = []
    rest = b""
    for data in office_package.inflate(archive, part, CHUNK_BYTES) if part else ():
        if not strings and not rest:
            _check_head(data, part or "")
        body, end, rest = (rest + data).rpartition(b"</si>")
        if end:
            strings += _parse_items(body + end)
    # empty items after the last filled one
    if b"<si" in rest and b"</si>" not in rest:
        strings += _parse_items(rest)
    return strings


def join_text(content: bytes) -> bytes:
    """Return the text of a string item or an inline string: its runs joined, without Japanese phonetic readings."""
    if b"<rPh" in content:
        content = PHONETIC.sub(b"", content)
    runs = TEXT.findall(content)
    if len(runs) != content.count(b"<t>") + content.count(b"<t ") - len(RUN_OF_NOTHING.findall(content)):
        raise UnusualError("a string written in an unusual way")
    return b"".join(runs)


def _parse_items(body: bytes) -> Iterator[bytes] | list[bytes]:
    if b"<!" in body:
        raise UnusualError("comments or CDATA among the strings")
    if not body.isascii():
        # raises UnicodeDecodeError for another encoding, which the general reader handles
        body.decode()
    start = body.find(b"<si><t>")
    values = body[start + 7 : -9].split(b"</t></si><si><t>")
    # nothing but plain items
    if body.endswith(b"</t></si>") and body.count(b"<", max(start, 0)) == 4 * len(values):
        return quote_fields(xml_text.decode_texts(values))
    items = ITEM.findall(body)
    if len(items) != body.count(b"<si>") + body.count(b"<si ") + body.count(b"<si/>"):
        raise UnusualError("strings written in an unusual way")
    plain, rich, attributed = zip(*items, strict=True) if items else ((), (), ())
    values = list(plain)
    for others in (rich, attributed):
        if any(others):
            values = [join_text(other) if other else value for value, other in zip(values, others, strict=True)]
    return quote_fields(xml_text.decode_texts(values))


def _check_head(head: bytes, part: str) -> None:
    office_package.refuse_entities(head, part)
    if b":si" in head or head[:3] in (b"\xff\xfe<", b"\xfe\xff\0") or re.search(rb"<\?xml[^>]*encoding=", head[:200]):
        declared = re.search(rb"encoding=[\"']([^\"']+)", head[:200])
        if b":si" in head or declared is None or declared.group(1).lower() not in (b"utf-8", b"us-ascii"):
            raise UnusualError("strings with a prefix or in another encoding")
