"""Whether PostgreSQL reads a block of CSV records exactly as they stand.

COPY takes a quote inside an unquoted field for quoting (`5" pipe` swallows lines, `say "hi"` loses its quotes) where
the client meant a character. Blocks in which every quote opens, closes or is doubled inside quotes are safe; the others
get row-level work.
"""

from __future__ import annotations

import functools
import re


def plain(data: bytes, delimiter: bytes, quote: bytes) -> bool:
    """Whether every quote of `data` (records, each ended by LF) stands where RFC 4180 (2.5 to 2.7) has one."""
    if quote not in data:
        return True
    if quote * 2 in data:
        return bool(_pattern(delimiter, quote).fullmatch(data))
    # counting is ten times quicker than matching; fields that fool it change the number of fields or records, which the
    # server or the reconciliation of the counts notices
    opening = data.count(delimiter + quote) + data.count(b"\n" + quote) + data.startswith(quote)
    closing = data.count(quote + delimiter) + data.count(quote + b"\n") + data.count(quote + b"\r\n")
    return opening == closing and data.count(quote) == opening + closing


@functools.cache
def _pattern(delimiter: bytes, quote: bytes) -> re.Pattern[bytes]:
    d, q = re.escape(delimiter), re.escape(quote)
    field = rb"(?:%s[^%s]*+(?:%s%s[^%s]*+)*+%s|[^%s%s\n]*+)" % (q, q, q, q, q, q, q, d)
    return re.compile(rb"(?:%s(?:%s%s)*+\r?\n)*+" % (field, d, field))
