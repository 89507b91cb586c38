"""Finds the encoding of a web page as browsers do: byte order mark, declaration, default (HTML Standard, 13.2.3)."""

from __future__ import annotations

import codecs
import re

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
DEFAULT = "cp1252"
COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
META = re.compile(rb"<meta\b[^>]*?\bcharset\s*=\s*[\"']?\s*([\w:.+-]+)", re.IGNORECASE)
XML = re.compile(rb"\s*<\?xml\b[^>]*?\bencoding\s*=\s*[\"']([\w:.+-]+)")
# Browsers read 1024 bytes, and start again where they find a declaration further down the head.
HEAD_END = re.compile(rb"</head\b|<body\b|<table\b", re.IGNORECASE)
# Labels that mean another encoding than Python's of that name (WHATWG Encoding Standard, 4.2).
LABELS = {
    "ascii": "cp1252", "us-ascii": "cp1252", "latin1": "cp1252", "l1": "cp1252", "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252", "iso_8859-1": "cp1252", "x-cp1252": "cp1252", "x-user-defined": "cp1252",
    "iso-8859-9": "cp1254", "latin5": "cp1254", "x-cp1250": "cp1250", "x-cp1251": "cp1251",
    "x-mac-cyrillic": "mac_cyrillic", "x-mac-roman": "mac_roman", "macintosh": "mac_roman",
    "iso-8859-8-i": "iso8859-8", "iso-8859-8-e": "iso8859-8", "visual": "iso8859-8", "logical": "iso8859-8",
    "iso-8859-11": "cp874", "tis-620": "cp874", "dos-874": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932",
    "sjis": "cp932", "x-sjis": "cp932", "ms_kanji": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949",
    "korean": "cp949", "x-euc-jp": "euc_jp", "x-x-big5": "big5hkscs", "big5": "big5hkscs", "cn-big5": "big5hkscs",
    # a declaration in one-byte letters contradicts a two-byte encoding
    "utf-16": "utf-8", "utf-16le": "utf-8", "utf-16be": "utf-8", "unicode": "utf-8", "x-unicode20utf8": "utf-8",
}  # fmt: skip


def decode_page(content: bytes, said_by_transport: str | None) -> tuple[str, str]:
    """Return the text of a page, and a doubt about its encoding ("" where there is none)."""
    for mark, name in MARKS:
        if content.startswith(mark):
            return _decode_as(content[len(mark) :], name)
    declared = _find_codec(said_by_transport or "") or _find_declared(content)
    if declared:
        return _decode_as(content, declared)
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        return content.decode(DEFAULT, "replace"), ""


def _decode_as(content: bytes, name: str) -> tuple[str, str]:
    try:
        return content.decode(name), ""
    except UnicodeDecodeError as error:
        if name in ("utf-8", "cp1252"):
            text, used = content.decode(DEFAULT, "replace"), DEFAULT
        else:
            text, used = content.decode(name, "replace"), name
        doubt = f"the page declares {name}, but byte {error.start + 1} is invalid in it; it was read as {used}"
        return text, "" if name == used == DEFAULT else doubt


def _find_declared(content: bytes) -> str:
    """Return Python's name of the encoding that the page declares, "" where it declares none that is known."""
    if match := XML.match(content[:1024]):
        return _find_codec(match[1].decode())
    end = HEAD_END.search(content)
    head = COMMENT.sub(b"", content[: max(end.start() if end else 0, 1024)])
    match = META.search(head)
    return _find_codec(match[1].decode()) if match else ""


def _find_codec(label: str) -> str:
    label = label.strip().lower()
    try:
        return LABELS.get(label) or codecs.lookup(label).name if label else ""
    except LookupError:
        return ""
