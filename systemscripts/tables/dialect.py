"""Delimiter and quote of a text file, from samples of its begin, middle and end."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import product

from systemscripts.tables.header import looks_like_header

DELIMITERS = (",", ";", "\t", "|")
SINGLE_COLUMN_DELIMITERS = (",", ";", "\t", "|", "\x1f", "\x1e", "\x1d")
CONSISTENT = 0.6
HEADER_AMONG = 24  # 23 title rows at most (spec 2.1.2)


@dataclass(frozen=True)
class Dialect:
    """`width`: the number of fields that most records have; 1 when no delimiter makes columns."""

    delimiter: str
    quote: str
    width: int
    note: str


def find(samples: list[str], delimiter: str | None, quote: str | None) -> Dialect:
    """Choose delimiter and quote: most records have the same number of fields then, and a header reads like one.

    What is given is not questioned. A file of one column has width 1, and any delimiter that does not occur in it.
    """
    quotes = (quote,) if quote else ('"', "'") if _quotes_fields(samples, "'") else ('"',)
    candidates = [_judged(samples, d, q) for d, q in product((delimiter,) if delimiter else DELIMITERS, quotes)]
    _, share, best = max(candidates, key=lambda candidate: candidate[:2])
    if delimiter or (best.width > 1 and share >= CONSISTENT):
        return best
    return Dialect(",", quotes[0], 1, "one column: no delimiter gives the same number of fields in most lines")


def _quotes_fields(samples: list[str], quote: str) -> bool:
    """True when this quote encloses fields and the double quote does not."""
    enclosed = r"(?m)(?:^|[,;\t|])%s[^%s\n]*%s(?=[,;\t|\r]|$)"
    counts = [sum(len(re.findall(enclosed % (q, q, q), text)) for text in samples) for q in (quote, '"')]
    return counts[0] > 2 and counts[0] > 10 * counts[1]


def _judged(samples: list[str], delimiter: str, quote: str) -> tuple[float, float, Dialect]:
    """How well this dialect reads the samples: the greater the first number, the better."""
    pieces = [cut(text, delimiter, quote) for text in samples]
    widths = Counter(len(row) for rows in pieces for row in rows if any(row))
    if not widths:
        return 0, 0, Dialect(delimiter, quote, 0, "no rows")
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    share = count / widths.total()
    header = any(len(row) == width and looks_like_header(row) for row in pieces[0][:HEADER_AMONG])
    note = f"{share:.0%} of {widths.total()} sampled records have {width} fields"
    score = 0.0 if width < 2 else share * (1 if header else 0.7) + min(width, 50) / 1000
    return score, share, Dialect(delimiter, quote, width, note)


def cut(text: str, delimiter: str, quote: str) -> list[list[str]]:
    """Cut a sample into rows; the last line, which may be half a line, is left out where there are others.

    A quote is followed over a few line breaks only, so that a stray one does not eat the sample.
    """
    lines = io.StringIO(text, newline=None).read().split("\n")
    if len(lines) > 1:
        lines.pop()
    rows = list(csv.reader(_joined(lines, delimiter, quote), delimiter=delimiter, quotechar=quote))
    return [row for row in rows if row]


def _joined(lines: list[str], delimiter: str, quote: str, most: int = 50) -> list[str]:
    """Put lines together while a quoted field is open, unless that takes too many."""
    d, q = re.escape(delimiter), re.escape(quote)
    opening = re.compile(rf"(?:^|{d}){q}(?:[^{q}]++|{q}{q})*+$")
    joined, number = [], 0
    while number < len(lines):
        end = number + 1
        if lines[number].count(quote) % 2 and opening.search(lines[number]):
            closing = (n for n in range(end, min(number + most, len(lines))) if lines[n].count(quote) % 2)
            end = next(closing, number) + 1
        joined.append(" ".join(lines[number:end]) if end > number + 1 else _harmless(lines[number], quote))
        number = end
    return joined


def _harmless(line: str, quote: str) -> str:
    """A line with an odd number of quotes that nothing closes: without them, so that fields can be counted."""
    return line.replace(quote, "") if line.count(quote) % 2 else line
