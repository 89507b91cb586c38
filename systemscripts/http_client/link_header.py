"""Read the header Link (RFC 8288), in which APIs name the next page."""

from __future__ import annotations

import re

_PARAMETER = r"""\s*;\s*[^\s=;,"]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s";,]*))?"""
_LINK = re.compile(rf"\s*,*\s*<([^<>]*)>((?:{_PARAMETER})*)\s*(?=,|$)")
_NAME_AND_VALUE = re.compile(r"""([^\s=;,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*)))?""")


def find_link(header: str, relation: str) -> str:
    """Return the target of the first link of a relation, such as next; "" if there is none.

    Links of another page than the answer itself (`anchor`) do not count. Of several `rel` of one link the first counts
    (RFC 8288, 3.3).
    """
    position = 0
    while match := _LINK.match(header, position):
        position = match.end()
        parameters: dict[str, str] = {}
        for name, quoted, plain in _NAME_AND_VALUE.findall(match[2]):
            parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
        if relation in parameters.get("rel", "").lower().split() and "anchor" not in parameters:
            return match[1].strip()
    return ""
