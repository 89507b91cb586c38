"""Recognises text that is not a table, such as an error message, a saved mail or an SQL dump."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.formats import html_table, xml_spreadsheet
from systemscripts.tables.model import ReadingOptions, Table

HEAD_BYTES = 8192
# Enough to explain the error in one line.
MAX_WORDS_LETTERS = 200
# Longer text is not a single error message of a server.
MAX_MESSAGE_LETTERS = 300
CSV_PLEASE = "Ask the sender for a CSV or Excel file."

MAIL_HEADER = re.compile(r"(?:[A-Za-z][\w-]*:[^\n]*\n(?:[ \t]+[^\n]*\n)*){2,}")
MAIL_SIGN = re.compile(r"^(?:MIME-Version|Received|Message-ID|Return-Path|Delivered-To):", re.MULTILINE | re.IGNORECASE)
SENDER = re.compile(r"^From:[^\n]*@", re.MULTILINE | re.IGNORECASE)
SUBJECT = re.compile(r"^Subject:", re.MULTILINE | re.IGNORECASE)
SQL = re.compile(
    r"(?:create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:table|database|schema|view|type|sequence|function|index)\s"
    r"|insert\s+(?:ignore\s+)?into\s|replace\s+into\s|drop\s+(?:table|database|schema)\s|alter\s+(?:table|database)\s"
    r"|copy\s+\S+\s.*from\s+stdin|lock\s+tables\s|set\s+@?\w+\s*(?:=|to\s)|use\s+[`\[\"]?\w+[`\]\"]?\s*;"
    r"|begin(?:\s+transaction)?\s*;|start\s+transaction\s*;|pragma\s+\w+|select\s+pg_catalog\.)",
    re.IGNORECASE,
)
SQL_COMMENT = re.compile(r"--|#|/\*.*\*/;?\s*$")
XML_BEGIN = re.compile(
    r"\s*(?:(?:<\?[^>]*\?>|<!--.*?-->|<!DOCTYPE[^>\[]*>)\s*)*<(?:\w+:)?([A-Za-z_][\w.-]*)[^<>]*>", re.DOTALL
)
XML_WORDS = re.compile(
    r"<(?:\w+:)?(?:code|message|msg|faultstring|text|reason|detail|details|error_description|description|title)\b[^>]*>"
    r"\s*([^<\s][^<]*)<",
    re.IGNORECASE,
)
XML_ERRORS = re.compile(r"<(?:\w+:)?(?:error|errors|fault|exception|serviceexception|problem)\b", re.IGNORECASE)
TAG = re.compile(r"<[^>]*>")
# Root elements of known documents.
ROOTS = {
    "Workbook": "a Gnumeric spreadsheet",
    "document": "an OpenDocument in one XML file",
    "package": "an Office document in one XML file",
    "svg": "an image (SVG)",
    "rss": "a news feed",
    "feed": "a feed (Atom)",
    "plist": "a property list",
    "kml": "a map (KML)",
}
PHP_ERROR = re.compile(
    r"\s*(?:<br />\s*)?(?:<b>|PHP )?(?:Warning|Notice|Deprecated|Fatal error|Parse error)(?:</b>)?:\s"
)
PROGRAM_ERROR = re.compile(r"\s*(?:Traceback \(most recent call last\)|Exception in thread |ORA-\d{5}: |SP2-\d{4}: )")
LONE_STATUS = re.compile(r"\s*(?:(?:error|http)\s*:?\s*)?([45]\d\d)\b[\s:,.-]*([^\n]*)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class _Refusal:
    """What a text is, and the hint for the user."""

    description: str
    hint: str = CSV_PLEASE


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the text begins as no table does."""
    return _find_refusal(head, path) is not None


def open(path: Path, options: ReadingOptions) -> Table:
    """Raise BadDataError, which says what the text is, with the words of the server for an error message."""
    with path.open("rb") as file:
        refusal = _find_refusal(file.read(HEAD_BYTES + 1), path)
    assert refusal is not None
    raise BadDataError(f"{path.name} is {refusal.description}, not a table", refusal.hint)


def _find_refusal(head: bytes, path: Path) -> _Refusal | None:
    text = _decode_head(head[:HEAD_BYTES])
    is_whole = len(head) <= HEAD_BYTES
    # systemscripts/tables/formats/pgp_message.py
    if text.startswith("-----BEGIN PGP MESSAGE-----"):
        return None
    for prefix, refusal in PREFIXES.items():
        if text.startswith(prefix):
            return refusal
    if text[:1] == "<":
        return _refuse_xml(head, text, path)
    for test, refusal in TESTS:
        if test(text):
            return refusal
    if PHP_ERROR.match(text) or PROGRAM_ERROR.match(text):
        return _make_program_error(text)
    return _match_lone_status(text) if is_whole else None


def _make_program_error(text: str) -> _Refusal:
    words = _strip_tags(text.strip().removeprefix("<br />").strip().partition("<br />")[0])
    return _Refusal(f'an error message of a program: "{words}"', "Ask the sender to fix the export.")


def _refuse_xml(head: bytes, text: str, path: Path) -> _Refusal | None:
    if PHP_ERROR.match(text):
        return _make_program_error(text)
    if html_table.recognises(head, path) or xml_spreadsheet.recognises(head, path):
        return None
    begin = XML_BEGIN.match(text)
    if begin is None or not (text.startswith("<?xml") or _ends_with(path, begin[1])):
        return None
    root = begin[1]
    if XML_ERRORS.search(text):
        words = " ".join(" ".join(XML_WORDS.findall(text)).split())[:MAX_WORDS_LETTERS] or _strip_tags(text)
        return _Refusal(f'an error message of a server: "{words}"', "Download the file again.")
    return _Refusal(
        ROOTS.get(root, f"an XML document ({root})"),
        "If it contains records, set reading.records of the import to their path; else ask the sender for a CSV file.",
    )


def _ends_with(path: Path, root: str) -> bool:
    """Return whether the file ends with the end tag of its first element; a table that begins like XML does not."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - HEAD_BYTES, 0))
        return re.search(rf"</(?:\w+:)?{re.escape(root)}\s*>\s*$", _decode_head(file.read())) is not None


def _match_lone_status(text: str) -> _Refusal | None:
    """Return the refusal of a text that is only an HTTP status: 404: Not Found."""
    text = text.strip()
    if len(text) > MAX_MESSAGE_LETTERS or "\n" in text:
        return None
    from http import HTTPStatus

    known = {status.value: status.phrase.casefold() for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST}
    match = LONE_STATUS.fullmatch(text)
    phrases = {phrase for phrase in known.values() if " " in phrase} | {"access denied", "forbidden"}
    by_number = match and known.get(int(match[1]), "?") == match[2].strip(" .!").casefold()
    if by_number or text.strip(" .!").casefold() in phrases:
        return _Refusal(f'an error message of a server: "{text}"', "Download the file again.")
    return None


def _is_mail(text: str) -> bool:
    header = MAIL_HEADER.match(text.replace("\r\n", "\n"))
    if header is None or (html_table.SAVED_WHOLE.match(text.encode()) and "multipart/related" in text):
        return False
    return MAIL_SIGN.search(header[0]) is not None or bool(SENDER.search(header[0]) and SUBJECT.search(header[0]))


def _is_sql(text: str) -> bool:
    within_comment = False
    for line in text.splitlines():
        line = line.strip()
        if within_comment or (line.startswith("/*") and "*/" not in line):
            within_comment = "*/" not in line
        elif line and not SQL_COMMENT.match(line):
            return SQL.match(line) is not None
    return False


def _is_dif(text: str) -> bool:
    return re.match(r"TABLE\r?\n0,1\r?\n\"", text) is not None


def _decode_head(head: bytes) -> str:
    """Return the head as text without its byte order mark, well enough to recognise it."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(encoding, "replace").lstrip()
    return head.replace(b"\0", b"").decode("utf-8", "replace").lstrip("\ufeff \t\r\n")


def _strip_tags(text: str) -> str:
    return " ".join(TAG.sub(" ", text).split())[:MAX_WORDS_LETTERS]


PREFIXES = {
    "version https://git-lfs.github.com/spec/": _Refusal(
        "a Git LFS pointer", "It only names the file; download the file itself with git lfs pull."
    ),
    "-----BEGIN PGP ": _Refusal("a PGP key, signature or signed text", "Ask the sender for the file itself."),
    "-----BEGIN ": _Refusal("a key or certificate"),
    "BEGIN:VCALENDAR": _Refusal("a calendar (iCalendar)"),
    "BEGIN:VCARD": _Refusal("an address book (vCard)"),
}
TESTS: tuple[tuple[Callable[[str], bool], _Refusal], ...] = (
    (_is_mail, _Refusal("a saved mail", "Save the attachment of the mail and send that file.")),
    (_is_sql, _Refusal("an SQL dump", "Ask the sender for one CSV file for each table.")),
    (_is_dif, _Refusal("a spreadsheet in the Data Interchange Format (DIF)")),
)
