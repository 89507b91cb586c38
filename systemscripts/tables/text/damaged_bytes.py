"""Detect damage at the beginning and the end of a text file, such as NUL bytes or the error message of a server."""

from __future__ import annotations

import re

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.text.text_file import TextFile

# An error page or traceback of a server fits into it.
TAIL_BYTES = 2048
# Enough of an error message to recognise it in a mail.
MAX_SHOWN_LETTERS = 200
# With fewer NUL bytes it is still a text, of which a load rejects some rows.
MAX_ZERO_SHARE = 0.05
# So many NUL bytes at the end mean that a file was allocated but not copied completely.
MIN_TAIL_ZEROS = 16
TAG = re.compile(rb"<[^>]*>")
# What a server or program writes after the rows when it fails before their end.
ERROR_TAILS = (
    re.compile(rb"[^\n]*</(?:\w+:)?(?:Error|Fault|ServiceException)>(?:\s*</(?:\w+:)?(?:Body|Envelope|Errors)>)*\s*\Z"),
    re.compile(rb"<html\b(?=.*(?:[45]\d\d|[Ee]rror)).*</html>\s*\Z", re.DOTALL | re.IGNORECASE),
    re.compile(
        rb"^(?:<br />\s*)?(?:<b>|PHP )?(?:Fatal error|Parse error|Warning)(?:</b>)?:\s.* on line .*\Z",
        re.DOTALL | re.MULTILINE,
    ),
    re.compile(rb"^Traceback \(most recent call last\):.*\Z", re.DOTALL | re.MULTILINE),
    re.compile(rb"^\{\s*\"(?:error|errors|fault|message)\"\s*:.*\}\s*\Z", re.DOTALL | re.MULTILINE | re.IGNORECASE),
)


def refuse_zero_bytes(file: TextFile) -> None:
    """Raise BadDataError for a file with many NUL bytes, or with some in its first line or at its end.

    Text has no NUL bytes, and PostgreSQL does not accept them. If there are only a few, a load rejects their rows.
    """
    position, first_line_end = file.head.find(b"\0"), file.head.find(b"\n")
    if position >= 0 and (position < first_line_end or file.head.count(0) > MAX_ZERO_SHARE * len(file.head)):
        line = file.head.count(b"\n", 0, position) + 1
        raise BadDataError(
            f"{file.path.name} is damaged or not text: line {line} contains NUL bytes (zeros)",
            "Ask the sender to export it again. An interrupted copy leaves such bytes.",
        )
    tail = file.read_bytes(max(file.size - TAIL_BYTES, 0), TAIL_BYTES)
    if tail.endswith(b"\0" * MIN_TAIL_ZEROS):
        raise BadDataError(f"{file.path.name} ends with NUL bytes (zeros): the copy is incomplete", "Fetch it again.")


def find_error_tail(file: TextFile) -> Notice | None:
    """Return a warning if the file ends with the error message of a server, so that rows are missing."""
    tail = file.read_bytes(max(file.size - TAIL_BYTES, 0), TAIL_BYTES)
    match = next((match for pattern in ERROR_TAILS if (match := pattern.search(tail))), None)
    if match is None:
        return None
    words = " ".join(TAG.sub(b" ", match[0]).decode("utf-8", "replace").split())[:MAX_SHOWN_LETTERS]
    text = f'the file is truncated: it ends with an error message of a server ("{words}"); rows are missing'
    return Notice("file_cut", text)
