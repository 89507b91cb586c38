"""Signs in begin and end of a text file that something else than its sender wrote a part of it."""

from __future__ import annotations

import re

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.text.text_file import TextFile

TAIL_BYTES = 2048
MOST_LETTERS = 200
MOST_ZEROS = 0.05  # of the bytes of a text that some rows can be rejected of
LEAST_ZEROS = 16  # at the end, for a file that was made larger than what was copied
TAG = re.compile(rb"<[^>]*>")
# What a server or program writes behind the rows when it fails in the middle of them.
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
    """Raise BadDataError, with the first line, for a file with many zeros, or some in its first line or at its end.

    No text has any, and PostgreSQL takes none. A few of them cost only the rows that hold them.
    """
    place, first_end = file.head.find(b"\0"), file.head.find(b"\n")
    if place >= 0 and (place < first_end or file.head.count(0) > MOST_ZEROS * len(file.head)):
        line = file.head.count(b"\n", 0, place) + 1
        raise BadDataError(
            f"{file.path.name} is not a table as it stands: line {line} holds NUL bytes (zeros), as damaged files and "
            "binary data do",
            "Ask the sender to export it again; an interrupted copy leaves such bytes.",
        )
    tail = file.read(max(file.size - TAIL_BYTES, 0), TAIL_BYTES)
    if tail.endswith(b"\0" * LEAST_ZEROS):
        raise BadDataError(
            f"{file.path.name} ends with NUL bytes (zeros): it was not copied to its end", "Fetch it again."
        )


def find_error_tail(file: TextFile) -> Notice | None:
    """Return a warning where the file ends with the error message of a server: rows are missing."""
    tail = file.read(max(file.size - TAIL_BYTES, 0), TAIL_BYTES)
    found = next((match for pattern in ERROR_TAILS if (match := pattern.search(tail))), None)
    if found is None:
        return None
    words = " ".join(TAG.sub(b" ", found[0]).decode("utf-8", "replace").split())[:MOST_LETTERS]
    text = f'the file is cut: it ends with an error message of a server ("{words}"); rows are missing'
    return Notice("file_cut", text)
