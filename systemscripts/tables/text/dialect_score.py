"""How well a delimiter and a quote read samples of a text."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from systemscripts.tables.structure import value_kinds
from systemscripts.tables.structure.header import MAX_TITLE_ROWS, find_names, looks_like_header

# How readily each is believed. A space or colon stands in dates and names, so it must read much better than the others.
DELIMITERS = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, "^": 0.9, "~": 0.9, "\x1f": 0.9, "\x01": 0.9, ":": 0.6, " ": 0.7}
DELIMITERS |= dict.fromkeys("¬§¦¶", 0.9)
WEAK = (" ", ":", " : ")
WITHOUT_HEADER = 0.7  # how much a reading counts in which no row reads like a header
HEADER_AMONG = 24  # 23 title rows at most (spec 2.1.2)
STAND_IN = "\ue000"  # of no text: for a delimiter of several characters while a sample is cut
JUDGED_ROWS = 2000
# what looks like two values, not like punctuation
SEVERAL = re.compile(r"""\t|[;|][^\s]|\d,[^\W\d_]|["'][,;|]|[,;|]["']""")

ENCLOSED = re.compile(r'\s*"[^"]*"\s*')


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart. `width`: how many most records have; 1 when no delimiter makes columns."""

    delimiter: str
    quote: str
    width: int
    note: str
    escape: str = ""  # "\\" where a backslash makes a quote a character; else quotes are doubled, or stand as they are
    runs: bool = False  # several delimiters in a row count as one (columns aligned with spaces)
    positions: tuple[int, ...] = ()  # where columns of fixed width begin, in letters; 0 is the first
    wrapped: bool = False  # each line as a whole is quoted once more
    doubt: str = ""  # two readings fit as well: neither is taken
    one_column: str = ""  # what speaks against one column, where no reading makes several


@dataclass(frozen=True)
class ScoredDialect:
    score: float
    share: float
    dialect: Dialect


def score_dialect(samples: list[str], delimiter: str, quote: str, escape: str | None) -> ScoredDialect:
    """How well this dialect reads the samples: the greater the score, the better."""
    escape = _escape(samples, delimiter, quote) if escape is None else escape
    pieces = [split_sample(text, delimiter, quote, escape)[:JUDGED_ROWS] for text in samples]
    rows = _without_titles([row for piece in pieces for row in piece if any(row)])
    widths = Counter(map(len, rows))
    if not widths:
        return ScoredDialect(0, 0, Dialect(delimiter, quote, 0, "no rows", escape))
    width, share, cover = _usual(rows, widths)
    note = f"{widths[width] / len(rows):.0%} of {len(rows)} sampled records have {width} fields"
    found = Dialect(delimiter, quote, width, note, escape)
    if width < 2 or (widths[width] < 2 < len(rows)):
        return ScoredDialect(0, share, found)
    fitting = [row for row in rows if len(row) == width]
    header = _header_factor(rows[:HEADER_AMONG], fitting[:300], width)
    between = sum(text.count(f"{quote}{delimiter}{quote}") for text in samples) >= len(rows)
    if delimiter in WEAK and not between and not _is_sure(fitting, len(rows), header > WITHOUT_HEADER):
        return ScoredDialect(0, share, found)
    plain = 0.3 + 0.7 * _plainness(fitting[:300], 0.5 if delimiter in WEAK else 0.9)
    believed = _believed(delimiter, samples) * (0.8 + 0.2 * len(fitting) / len(rows))
    score = share * cover * believed * plain * header + min(width, 50) / 1000
    return ScoredDialect(score, share * (0.5 + cover / 2), found)


def _without_titles(rows: list[list[str]]) -> list[list[str]]:
    """The rows of a short table that ends a short text, without the titles above, which may be more than its rows."""
    end = len(rows)
    while end > 0 and len(rows[end - 1]) == 1:  # notes below the table
        end -= 1
    width = len(rows[end - 1]) if end else 0
    first = end
    while first > 0 and len(rows[first - 1]) == width:
        first -= 1
    if not 0 < first <= MAX_TITLE_ROWS or end - first > MAX_TITLE_ROWS:
        return rows
    place = find_names(rows[first:end], width)
    return rows if place is None else rows[first + place :]


def _header_factor(top: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], width: int) -> float:
    """1 where a header stands above values of other kinds, less where a row only reads like one, least where none."""
    names = [row for row in top if len(row) == width and looks_like_header(row)]
    if not names:
        return WITHOUT_HEADER
    for_header, for_data = value_kinds.count_votes(names[0], value_kinds.profile_columns(rows[1:], width))
    return 1 if for_header > for_data else 0.9


def _is_sure(rows: Sequence[Sequence[str]], of: int, header: bool) -> bool:
    """Whether spaces or colons make columns: in nearly all lines, with values, not only words, between them."""
    values = sum(value_kinds.classify_value(field) not in ("text", "blank") for row in rows[1:300] for field in row)
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
        if number > 0.8 * (places[-1] + 1 - places[0]) and places[0] <= MAX_TITLE_ROWS:
            width, count = size, number
    places = [place for place, row in enumerate(rows) if len(row) == width]
    region = places[-1] + 1 - places[0]
    second = max((size for size in widths if size not in (width, 1)), key=lambda size: widths[size], default=0)
    share = count / region
    if widths[second] > 0.2 * len(rows):  # a second table, or ragged rows; two or three fields may be decimal commas
        credit = 0.95 if max(width, second) > 3 or _is_apart(rows, second, places) else 0.75
        share = max(share, credit * (count + widths[second]) / len(rows))
    of_all = count / len(rows)
    cover = 0.5 + 3 * of_all if width > 2 < count else 4 * of_all if count > 3 else 2 * of_all
    return width, min(share, 1), min(cover, 1)


def _is_apart(rows: Sequence[Sequence[str]], width: int, places: Sequence[int]) -> bool:
    """Whether rows of a width stand above or below those at some places, not among them."""
    others = [place for place, row in enumerate(rows) if len(row) == width]
    return sum(places[0] < place < places[-1] for place in others) < 0.1 * len(others)


def _plainness(rows: Sequence[Sequence[str]], words: float) -> float:
    """The share of fields that read like one value, and not like several that another delimiter would tell apart.

    `words`: how much a field of mere words counts; any sentence gives such fields between spaces.
    """
    total = plain = 0.0
    for row in rows:
        for field in row:
            total += 1
            found = value_kinds.classify_value(field)
            if found != "text":
                plain += 1
            elif ENCLOSED.fullmatch(field):
                continue  # quotes that this reading leaves around a value
            elif not SEVERAL.search(field):
                punctuated = field.startswith(('"', "'")) or any(mark in field for mark in ";|")
                plain += 0.5 * words if punctuated else words
    return plain / total if total else 0


def _escape(samples: Sequence[str], delimiter: str, quote: str) -> str:
    """A backslash, where it stands before quotes that do not end a field."""
    if not any("\\" in text for text in samples):
        return ""
    q, d = re.escape(quote), re.escape(delimiter)
    inside = re.compile(rf"\\{q}(?!{d}|\r|\n|\Z)")
    doubled = re.compile(rf"[^{q}{d[-1]}\\\n\r]{q}{q}[^{q}\r\n]")
    backslashes = sum(len(inside.findall(text)) for text in samples)
    return "\\" if backslashes and backslashes > sum(len(doubled.findall(text)) for text in samples) else ""


def split_sample(text: str, delimiter: str, quote: str, escape: str = "") -> list[list[str]]:
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
    whole = _joined(lines, delimiter, quote) if quote in text else lines
    rows = list(csv.reader(whole, delimiter=delimiter, quotechar=quote))
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
