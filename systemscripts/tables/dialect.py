"""Delimiter, quote and escape of a text file, from samples of its begin, middle and end."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from systemscripts.tables import kinds
from systemscripts.tables.header import MOST_TITLE_ROWS, looks_like_header
from systemscripts.tables.realign import spaced_width

# How readily each is believed. A space or colon stands in dates and names, so it must read much better than the others.
DELIMITERS = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, "^": 0.9, "~": 0.9, "\x1f": 0.9, "\x01": 0.9, ":": 0.6, " ": 0.7}
WEAK = (" ", ":")
LONG_DELIMITERS = (", ", "; ", " | ", "| ", " ; ", "||", "::", ";;", "\t\t", "|~|", "~|~", "~~", "^^")
SINGLE_COLUMN_DELIMITERS = (",", ";", "\t", "|", "\x1f", "\x1e", "\x1d")
CONSISTENT = 0.6
DOUBTFUL = 0.9
HEADER_AMONG = 24  # 23 title rows at most (spec 2.1.2)
STAND_IN = "\x1f"  # for a delimiter of several characters while a sample is cut
EXCEL_HINT = re.compile(r"\A\ufeff?\"?sep=(.)\"?[;,\t]*\r?(?:\n|\r|\Z)", re.IGNORECASE)
JUDGED_ROWS = 2000
SEVERAL = re.compile(
    r"""\t|[;|][^\s]|\d,[^\W\d_]|["'][,;|]|[,;|]["']"""
)  # what looks like two values, not like punctuation
EQUAL = 0.02  # scores nearer than this are a doubt


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart. `width`: how many most records have; 1 when no delimiter makes columns."""

    delimiter: str
    quote: str
    width: int
    note: str
    escape: str = ""  # "\\" where a backslash makes a quote a character; else quotes are doubled, or stand as they are
    runs: bool = False  # several delimiters in a row count as one (columns aligned with spaces)
    wrapped: bool = False  # each line as a whole is quoted once more
    doubt: str = ""


@dataclass(frozen=True)
class _Judged:
    score: float
    share: float
    dialect: Dialect


def find(samples: list[str], delimiter: str | None, quote: str | None, escape: str | None = None) -> Dialect:
    """Choose delimiter, quote and escape: most records have the same number of fields then, which hold plain values.

    What is given is not questioned. A file of one column has width 1, and any delimiter that does not occur in it.
    """
    hint = EXCEL_HINT.match(samples[0]) if samples else None
    if hint and not delimiter:
        found = find([samples[0][hint.end() :], *samples[1:]], hint[1], quote, escape)
        return replace(found, note=f"the line sep={hint[1]} names the delimiter; {found.note}")
    quotes = (quote,) if quote else ('"', "'") if _encloses(samples, "'") else ('"',)
    delimiters = (delimiter,) if delimiter else tuple(_possible(samples))
    candidates = sorted(
        (_judged(samples, d, q, escape) for d, q in product(delimiters, quotes)), key=lambda found: -found.score
    )
    best = candidates[0]
    if not any(found.dialect.width for found in candidates):  # nothing but delimiters
        most = max(delimiters, key=lambda mark: sum(text.count(mark) for text in samples))
        return Dialect(most, quotes[0], 2, "no record holds anything")
    if not delimiter and not quote and best.share < DOUBTFUL and (words := spaced(samples)):
        return words
    if delimiter or (best.dialect.width > 1 and best.share >= CONSISTENT):
        return _with_doubt(best, candidates) if not delimiter else best.dialect
    special = None if quote else _aligned(samples) or _wrapped(samples, escape)
    note = "one column: no delimiter gives the same number of fields in most lines"
    return special or Dialect(",", quotes[0], 1, note)


def _possible(samples: Sequence[str]) -> Iterator[str]:
    """Delimiters that occur at all; long ones only where they explain most of their own characters."""
    text = "\n".join(samples)
    yield from (delimiter for delimiter in DELIMITERS if delimiter in text or delimiter == ",")
    for delimiter in LONG_DELIMITERS:
        mark = delimiter.strip() or delimiter
        count = text.count(delimiter)
        if count > 1 and count * len(mark) >= 0.5 * text.count(mark[0]):
            yield delimiter


def _encloses(samples: list[str], quote: str) -> bool:
    """True when this quote encloses some fields."""
    enclosed = re.compile(rf"(?m)(?:^|[,;\t|] ?){quote}[^{quote}\n]*{quote}(?= ?[,;\t|\r]|$)")
    return sum(len(enclosed.findall(text)) for text in samples) > 2


def _judged(samples: list[str], delimiter: str, quote: str, escape: str | None) -> _Judged:
    """How well this dialect reads the samples: the greater the score, the better."""
    escape = _escape(samples, delimiter, quote) if escape is None else escape
    pieces = [cut(text, delimiter, quote, escape)[:JUDGED_ROWS] for text in samples]
    rows = [row for piece in pieces for row in piece if any(row)]
    widths = Counter(map(len, rows))
    if not widths:
        return _Judged(0, 0, Dialect(delimiter, quote, 0, "no rows", escape))
    width, share, cover = _usual(rows, widths)
    note = f"{widths[width] / len(rows):.0%} of {len(rows)} sampled records have {width} fields"
    found = Dialect(delimiter, quote, width, note, escape)
    if width < 2 or (widths[width] < 2 < len(rows)):
        return _Judged(0, share, found)
    header = any(len(row) == width and looks_like_header(row) for row in pieces[0][:HEADER_AMONG])
    if delimiter in WEAK and not _is_sure([row for row in rows if len(row) == width], len(rows), header):
        return _Judged(0, share, found)
    plain = _plainness([row for row in rows if len(row) == width][:300], 0.5 if delimiter in WEAK else 0.9)
    score = (
        share * cover * _believed(delimiter, samples) * (0.3 + 0.7 * plain) * (1 if header else 0.7)
        + min(width, 50) / 1000
    )
    return _Judged(score, share * (0.5 + cover / 2), found)


def _is_sure(rows: Sequence[Sequence[str]], of: int, header: bool) -> bool:
    """Whether spaces or colons make columns: in nearly all lines, with values, not only words, between them."""
    values = sum(kinds.kind(field) not in ("text", "blank") for row in rows[1:300] for field in row)
    return len(rows) >= 0.8 * of and values >= (0.25 if header else 0.6) * sum(map(len, rows[1:300])) and len(rows) > 1


def _believed(delimiter: str, samples: Sequence[str]) -> float:
    """A long delimiter explains more than its first character, most of all where that never stands alone."""
    if delimiter in DELIMITERS:
        return DELIMITERS[delimiter]
    mark = (delimiter.strip() or delimiter)[0]
    alone = sum(text.count(mark) - text.count(delimiter) * delimiter.count(mark) for text in samples)
    return 1.01 if alone else 1.1


def _usual(rows: Sequence[Sequence[str]], widths: Counter[int]) -> tuple[int, float, float]:
    """The usual width, its share of the rows between its first and its last, and how much of all rows those cover.

    Titles above and notes below are not held against a delimiter.
    """
    width, count = max(widths.items(), key=lambda item: (item[1] if item[0] > 1 else item[1] * 0.4, item[0]))
    wider = Counter({size: number for size, number in widths.items() if size > 2 < number})
    if width == 1 and wider:  # perhaps a long text above a short table: only lines above or below it hold no delimiter
        size, number = wider.most_common(1)[0]
        places = [place for place, row in enumerate(rows) if len(row) == size]
        if number > 0.8 * (places[-1] + 1 - places[0]) and places[0] <= MOST_TITLE_ROWS:
            width, count = size, number
    places = [place for place, row in enumerate(rows) if len(row) == width]
    region = places[-1] + 1 - places[0]
    second = max((other for size, other in widths.items() if size not in (width, 1)), default=0)
    share = count / region
    if second > 0.2 * len(rows):  # a second table
        share = max(share, 0.95 * (count + second) / len(rows))
    of_all = count / len(rows)
    cover = 0.5 + 3 * of_all if width > 2 < count else 4 * of_all if count > 3 else 2 * of_all
    return width, min(share, 1), min(cover, 1)


def _plainness(rows: Sequence[Sequence[str]], words: float) -> float:
    """The share of fields that read like one value, and not like several that another delimiter would tell apart.

    `words`: how much a field of mere words counts; any sentence gives such fields between spaces.
    """
    total = plain = 0.0
    for row in rows:
        for field in row:
            total += 1
            found = kinds.kind(field)
            if found != "text":
                plain += 1
            elif not SEVERAL.search(field):
                punctuated = field.startswith(('"', "'")) or any(mark in field for mark in ";|")
                plain += 0.5 * words if punctuated else words
    return plain / total if total else 0


def _escape(samples: Sequence[str], delimiter: str, quote: str) -> str:
    """A backslash, where it stands before quotes that do not end a field."""
    q, d = re.escape(quote), re.escape(delimiter)
    inside = re.compile(rf"\\{q}(?!{d}|\r|\n|\Z)")
    doubled = re.compile(rf"[^{q}{d[-1]}\\\n\r]{q}{q}[^{q}\r\n]")
    backslashes = sum(len(inside.findall(text)) for text in samples)
    return "\\" if backslashes and backslashes > sum(len(doubled.findall(text)) for text in samples) else ""


def _with_doubt(best: _Judged, candidates: Sequence[_Judged]) -> Dialect:
    found = best.dialect
    others = [
        other.dialect
        for other in candidates[1:]
        if other.score > best.score - EQUAL and not _related(other.dialect.delimiter, found.delimiter)
    ]
    if not others:
        return found
    return replace(found, doubt=f"the delimiter {others[0].delimiter!r} fits as well as {found.delimiter!r}; set it")


def _related(one: str, other: str) -> bool:
    return bool(set(one.strip() or one) & set(other.strip() or other))


def _aligned(samples: Sequence[str]) -> Dialect | None:
    """Columns that are aligned with two or more spaces."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()][:JUDGED_ROWS]
    widths = Counter(len(re.split(r" {2,}|\t+", line.strip())) for line in lines)
    width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    if width < 2 or count < max(3, 0.8 * len(lines)) or any('"' in line for line in lines):
        return None
    note = f"columns aligned with spaces: {count / len(lines):.0%} of the lines have {width}"
    return Dialect(" ", '"', width, note, runs=True)


def spaced(samples: Sequence[str]) -> Dialect | None:
    """Fields between single spaces, some of which hold spaces themselves: cut by the kinds of their columns."""
    lines = [line for line in samples[0].splitlines() if line.strip()][:JUDGED_ROWS]
    width, share = spaced_width(lines)
    note = f"delimited by spaces: {share:.0%} of the lines fit into the {width} columns of the first"
    return Dialect(" ", '"', width, note) if width and share >= DOUBTFUL else None


def _wrapped(samples: Sequence[str], escape: str | None) -> Dialect | None:
    """Lines that some program quoted once more as a whole: `"1,""a, b"",2"`."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()]
    quoted = [line for line in lines if len(line) > 1 and line[0] == line[-1] == '"']
    if len(quoted) < max(2, 0.9 * len(lines)):
        return None
    inner = "\n".join(line[1:-1].replace('""', '"') if line[0] == line[-1] == '"' else line for line in lines)
    found = find([inner + "\n"], None, '"', escape)
    sure = all(len(row) == found.width for row in cut(inner + "\n", found.delimiter, '"')[:2])
    if found.width < 2 or found.wrapped or not sure or not ('""' in "".join(lines) or found.width > 2):
        return None
    return replace(found, wrapped=True, note=f"every line is quoted as a whole; {found.note}")


def cut(text: str, delimiter: str, quote: str, escape: str = "") -> list[list[str]]:
    """Cut a sample into rows; the last line, which may be half a line, is left out where there are others.

    A quote is followed over a few line breaks only, so that a stray one does not eat the sample.
    """
    if len(delimiter) > 1:
        text, delimiter = text.replace(delimiter, STAND_IN), STAND_IN
    if escape:
        text = text.replace(escape + escape, "").replace(escape + quote, "")
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
