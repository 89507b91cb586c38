"""Decodes text of spreadsheet XML: entities, line ends, and letters escaped as _x000D_."""

from __future__ import annotations

import re

ENTITY_BYTES = re.compile(rb"&(?:#[xX][0-9a-fA-F]{1,8}|#[0-9]{1,9}|lt|gt|amp|quot|apos);")
# With more, each text alone is faster.
MAX_DIFFERENT_ENTITIES = 32
ENTITY = re.compile(r"&(?:#[xX]([0-9a-fA-F]{1,8})|#(\d{1,9})|(lt|gt|amp|quot|apos));")
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
# ECMA-376 part 1, 22.9.2.19 ST_Xstring
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
ESCAPED_BYTES = re.compile(rb"_x[0-9A-Fa-f]{4}_")
NEEDS_CARE = re.compile(rb"[&\r]|_x[0-9A-Fa-f]{4}_")


def decode_texts(values: list[bytes] | tuple[bytes, ...]) -> list[bytes]:
    """Return the texts of these pieces of XML, in UTF-8."""
    joined = b"\0".join(values)
    if NEEDS_CARE.search(joined) is None:
        return list(values)
    together = _decode_entities(joined)
    if together is not None and len(together) == len(values):
        return together
    search = NEEDS_CARE.search
    return [unescape(value.decode()).encode() if search(value) else value for value in values]


def _decode_entities(joined: bytes) -> list[bytes] | None:
    """Return the texts between the NULs if entities are all that needs care; each is replaced in all texts at once."""
    entities = ENTITY_BYTES.findall(joined)
    letters = {entity: ENTITY.sub(_decode_entity, entity.decode()) for entity in set(entities)}
    has_more = b"\r" in joined or joined.count(b"&") > len(entities)
    # what it makes of another one may look like an entity, so that it is replaced last, and only one may be
    if has_more or len(letters) > MAX_DIFFERENT_ENTITIES or list(letters.values()).count("&") > 1:
        return None
    for entity, letter in sorted(letters.items(), key=lambda item: item[1] == "&"):
        joined = joined.replace(entity, letter.encode())
    return None if ESCAPED_BYTES.search(joined) else joined.split(b"\0")


def unescape(text: str) -> str:
    """Return one piece of character data as text."""
    if "\r" in text:
        # XML 1.0, 2.11: parsers normalize line ends
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in text:
        text = ENTITY.sub(_decode_entity, text)
    return unescape_letters(text)


def unescape_letters(text: str) -> str:
    """Replace _x000D_ and the like by the letters that they mean; NUL is dropped, half letters become U+FFFD."""
    if "_x" not in text:
        return text
    text = ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text).replace("\0", "")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode_entity(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return NAMED[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
