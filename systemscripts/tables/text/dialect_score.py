"""Score how well a delimiter and a quote read samples of a text."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from systemscripts.tables.structure import value_kinds
from systemscripts.tables.structure.header_position import MAX_TITLE_ROWS, find_names
from systemscripts.tables.structure.value_kinds import looks_like_header

# How likely each delimiter is. Spaces and colons also occur in dates and names, so they must read much better.
DELIMITERS = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0, "^": 0.9, "~": 0.9, "\x1f": 0.9, "\x01": 0.9, ":": 0.6, " ": 0.7}
DELIMITERS |= dict.fromkeys("¬§¦¶", 0.9)
# These also occur in text, so they make columns only between values.
WEAK = (" ", ":", " : ")
# A delimiter of several characters explains more than its first one, and most if that one never occurs alone.
LONG_WEIGHT, LONG_WEIGHT_IF_NEVER_ALONE = 1.01, 1.1
# The factor of a reading with a header above values of other kinds is 1; these are for a row that only looks like a
# header, and for none.
HEADER_LOOKS_FACTOR, NO_HEADER_FACTOR = 0.9, 0.7
# The header can be below 23 title rows.
HEADER_SEARCH_ROWS = 24
# Replaces a delimiter of several characters while a sample is split. Text does not contain it.
STAND_IN = "\ue000"
# Enough rows for a stable score, and enough of which the values are classified.
MAX_SCORED_ROWS, MAX_SCORED_VALUES_ROWS = 2000, 300
# How much of a factor is certain, and how much depends on the share of plain values, or of fitting rows.
PLAIN_BASE, PLAIN_GAIN = 0.3, 0.7
FITTING_BASE, FITTING_GAIN = 0.8, 0.2
# More columns score slightly better, up to this number: so many columns are worth one point.
MAX_BONUS_COLUMNS, BONUS_COLUMNS_PER_POINT = 50, 1000
# How much a field of mere words counts as a plain value: between spaces any sentence gives such fields.
WORDS_BETWEEN_SPACES, WORDS_ELSEWHERE = 0.5, 0.9
# Words that end or begin with punctuation count half.
PUNCTUATED_WORDS = 0.5
# Spaces or colons make columns only if this share of the lines fits, and this share of the fields are values.
MIN_WEAK_FIT, MIN_WEAK_VALUES_BELOW_HEADER, MIN_WEAK_VALUES = 0.8, 0.25, 0.6
# Lines without the delimiter are mostly titles and notes, so they count less.
ONE_FIELD_WEIGHT = 0.4
# A long text may be above a short table, whose rows follow each other nearly without interruption.
MIN_SHORT_TABLE_SHARE = 0.8
# A second width is that of a second table or of ragged rows if it has this share of the rows. Up to three fields may be
# decimal commas, so they count less.
MIN_SECOND_SHARE, SECOND_WIDTH_CREDIT = 0.2, 0.95
MAX_DECIMAL_COMMA_WIDTH, DECIMAL_COMMA_CREDIT = 3, 0.75
# How much of all rows the usual width must cover for a full score: of three columns or more a sixth, of two a quarter,
# and of a few rows of two a half, since sentences may have two fields by accident.
TABLE_COVER_BASE, TABLE_COVER_GAIN, NARROW_COVER_GAIN, FEW_COVER_GAIN, FEW_ROWS = 0.5, 3, 4, 2, 3
# Rows of a second table are hardly ever among those of the first.
MAX_AMONG_SHARE = 0.1
# A quoted field of a sample is read over at most this many lines.
MAX_QUOTED_LINES = 50
# Matches two values with a delimiter between them, but not punctuation.
SEVERAL = re.compile(r"""\t|[;|][^\s]|\d,[^\W\d_]|["'][,;|]|[,;|]["']""")
ENCLOSED = re.compile(r'\s*"[^"]*"\s*')


@dataclass(frozen=True)
class Dialect:
    """How records are split into fields. `width`: the number of fields of most records, 1 if there are no columns."""

    delimiter: str
    quote: str
    width: int
    note: str
    # "\\" if a backslash escapes a quote, else quotes are doubled or not escaped
    escape: str = ""
    # several delimiters in a row count as one (columns aligned with spaces)
    runs: bool = False
    # where columns of fixed width begin, in letters from 0
    positions: tuple[int, ...] = ()
    # where declared columns of fixed width begin and end, in letters from 0; None: at the end of the line
    spans: tuple[tuple[int, int | None], ...] = ()
    # each line as a whole is quoted once more
    wrapped: bool = False
    # two readings fit equally well, so the file is refused
    doubt: str = ""
    # a warning if the text may have more than the one column that was found
    one_column: str = ""


@dataclass(frozen=True)
class ScoredDialect:
    """A dialect and how well it reads the samples. `share`: the share of the rows that it explains.

    `names`: the first row that looks like a header; `has_names`: it is above values of other kinds.
    """

    score: float
    share: float
    dialect: Dialect
    names: Sequence[str] = ()
    has_names: bool = False


def score_dialect(samples: list[str], delimiter: str, quote: str, escape: str | None) -> ScoredDialect:
    """Return how well this dialect reads the samples: the higher the score, the better. `escape` None: detect it."""
    escape = _detect_escape(samples, delimiter, quote) if escape is None else escape
    pieces = [split_sample(text, delimiter, quote, escape)[:MAX_SCORED_ROWS] for text in samples]
    rows = _drop_surplus_delimiters(_drop_titles([row for piece in pieces for row in piece if any(row)]))
    widths = Counter(map(len, rows))
    if not widths:
        return ScoredDialect(0, 0, Dialect(delimiter, quote, 0, "no rows", escape))
    width, share, cover = _find_usual_width(rows, widths)
    note = f"{widths[width] / len(rows):.0%} of {len(rows)} sampled records have {width} fields"
    dialect = Dialect(delimiter, quote, width, note, escape)
    if width < 2 or (widths[width] < 2 and len(rows) > 2):
        return ScoredDialect(0, share, dialect)
    fitting = [row for row in rows if len(row) == width]
    names = next((row for row in rows[:HEADER_SEARCH_ROWS] if len(row) == width and looks_like_header(row)), [])
    header = _score_header(names, fitting[:MAX_SCORED_VALUES_ROWS], width)
    between = sum(text.count(f"{quote}{delimiter}{quote}") for text in samples) >= len(rows)
    if delimiter in WEAK and not between and not _has_enough_values(fitting, len(rows), header > NO_HEADER_FACTOR):
        return ScoredDialect(0, share, dialect)
    words = WORDS_BETWEEN_SPACES if delimiter in WEAK else WORDS_ELSEWHERE
    plain = _score_plainness(fitting[:MAX_SCORED_VALUES_ROWS], words)
    weight = _weigh_delimiter(delimiter, samples) * (FITTING_BASE + FITTING_GAIN * len(fitting) / len(rows))
    score = share * cover * weight * (PLAIN_BASE + PLAIN_GAIN * plain) * header
    score += min(width, MAX_BONUS_COLUMNS) / BONUS_COLUMNS_PER_POINT
    return ScoredDialect(score, share * (0.5 + cover / 2), dialect, names, has_names=header == 1)


def _drop_titles(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows of a short table at the end of a short text, without the titles above, which may be more."""
    end = len(rows)
    # Skip notes below the table.
    while end > 0 and len(rows[end - 1]) == 1:
        end -= 1
    width = len(rows[end - 1]) if end else 0
    first = end
    while first > 0 and len(rows[first - 1]) == width:
        first -= 1
    if not 0 < first <= MAX_TITLE_ROWS or end - first > MAX_TITLE_ROWS:
        return rows
    names_at = find_names(rows[first:end], width)
    return rows if names_at is None else rows[first + names_at :]


def _drop_surplus_delimiters(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows without one delimiter more at the end than most rows have: it does not count against others."""
    widths = Counter(map(len, rows)).most_common(1)
    width = widths[0][0] if widths else 0
    return [row[:-1] if len(row) == width + 1 > 2 and not row[-1] else row for row in rows]


def _score_header(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> float:
    """Return 1 for names above values of other kinds, less for a row that only looks like names, least for none."""
    if not names:
        return NO_HEADER_FACTOR
    for_header, for_data = value_kinds.count_votes(names, value_kinds.profile_columns(rows[1:], width))
    return 1 if for_header > for_data else HEADER_LOOKS_FACTOR


def _has_enough_values(rows: Sequence[Sequence[str]], row_count: int, has_header: bool) -> bool:
    """Return whether spaces or colons make columns: in nearly all lines, with values between them, not only words."""
    fields = [field for row in rows[1:MAX_SCORED_VALUES_ROWS] for field in row]
    values = sum(value_kinds.classify_value(field) not in ("text", "blank") for field in fields)
    min_share = MIN_WEAK_VALUES_BELOW_HEADER if has_header else MIN_WEAK_VALUES
    return len(rows) > 1 and len(rows) >= MIN_WEAK_FIT * row_count and values >= min_share * len(fields)


def _weigh_delimiter(delimiter: str, samples: Sequence[str]) -> float:
    """Return how likely a delimiter is: a long one more, and most if its first character never occurs alone."""
    if delimiter in DELIMITERS:
        return DELIMITERS[delimiter]
    mark = (delimiter.strip() or delimiter)[0]
    alone = sum(text.count(mark) - text.count(delimiter) * delimiter.count(mark) for text in samples)
    return LONG_WEIGHT if alone else LONG_WEIGHT_IF_NEVER_ALONE


def _find_usual_width(rows: Sequence[Sequence[str]], widths: Counter[int]) -> tuple[int, float, float]:
    """Return the usual width, its share of the rows from its first to its last, and how well it covers all rows.

    Titles above and notes below do not count against a delimiter.
    """
    width, count = max(
        widths.items(), key=lambda item: (item[1] if item[0] > 1 else item[1] * ONE_FIELD_WEIGHT, item[0])
    )
    wider = Counter({size: number for size, number in widths.items() if size > 2 and number > 2})
    # Perhaps a long text above a short table: only lines above or below it do not contain the delimiter.
    if width == 1 and wider:
        size, number = wider.most_common(1)[0]
        positions = [position for position, row in enumerate(rows) if len(row) == size]
        region = positions[-1] + 1 - positions[0]
        if number > MIN_SHORT_TABLE_SHARE * region and positions[0] <= MAX_TITLE_ROWS:
            width, count = size, number
    positions = [position for position, row in enumerate(rows) if len(row) == width]
    region = positions[-1] + 1 - positions[0]
    second = max((size for size in widths if size not in (width, 1)), key=lambda size: widths[size], default=0)
    share = count / region
    if widths[second] > MIN_SECOND_SHARE * len(rows):
        is_table = max(width, second) > MAX_DECIMAL_COMMA_WIDTH or _is_apart(rows, second, positions)
        credit = SECOND_WIDTH_CREDIT if is_table else DECIMAL_COMMA_CREDIT
        share = max(share, credit * (count + widths[second]) / len(rows))
    return width, min(share, 1), min(_score_cover(width, count, count / len(rows)), 1)


def _score_cover(width: int, count: int, share: float) -> float:
    """Score the share of the rows that have the usual width: few rows of two fields may be sentences by accident."""
    if width > 2 and count > 2:
        return TABLE_COVER_BASE + TABLE_COVER_GAIN * share
    return (NARROW_COVER_GAIN if count > FEW_ROWS else FEW_COVER_GAIN) * share


def _is_apart(rows: Sequence[Sequence[str]], width: int, positions: Sequence[int]) -> bool:
    """Return whether rows of a width are above or below those at `positions`, not among them."""
    others = [position for position, row in enumerate(rows) if len(row) == width]
    among = sum(positions[0] < position < positions[-1] for position in others)
    return among < MAX_AMONG_SHARE * len(others)


def _score_plainness(rows: Sequence[Sequence[str]], words: float) -> float:
    """Return the share of fields that look like one value, not like several that another delimiter would separate.

    `words`: how much a field of mere words counts.
    """
    total = plain = 0.0
    for row in rows:
        for field in row:
            total += 1
            if value_kinds.classify_value(field) != "text":
                plain += 1
            elif ENCLOSED.fullmatch(field):
                # This reading leaves quotes around a value.
                continue
            elif not SEVERAL.search(field):
                is_punctuated = field.startswith(('"', "'")) or any(mark in field for mark in ";|")
                plain += PUNCTUATED_WORDS * words if is_punctuated else words
    return plain / total if total else 0


def _detect_escape(samples: Sequence[str], delimiter: str, quote: str) -> str:
    """Return a backslash if it escapes more quotes within fields than are doubled, else "".

    A text that doubled quotes explain completely has no escape.
    """
    if not any("\\" + quote in text for text in samples):
        return ""
    q, d = re.escape(quote), re.escape(delimiter)
    field = rf"(?:{q}(?:[^{q}]++|{q}{q})*+{q}|(?:(?!{d})[^{q}\r\n])*+)"
    # |(?!) ends a repetition that fails: Python before 3.11.5 forgets where it began (cpython issue 106052).
    is_explained = re.compile(rf"(?:{field}(?:{d}|\r\n?|\n)|(?!))*+{field}").fullmatch
    if all(map(is_explained, samples)):
        return ""
    # With a backslash, an even number of quotes ends a field and an odd one is within it; without, it is the reverse.
    end, pairs = rf"(?:{d}|\r|\n|\Z)", rf"(?:{q}{q})++"
    escaped = rf"(?<!\\)(?:\\\\)*+\\(?:{pairs}(?={end})|{q}(?:{q}{q})*+(?!{q}|{end}))"
    doubled = rf"[^{q}{d[-1]}\\\n\r]{q}{q}[^{q}\r\n]|\\(?:{pairs}(?!{q}|{end})|{q}{pairs}(?={end}))"
    escaped_count, doubled_count = (
        sum(len(re.findall(pattern, text)) for text in samples) for pattern in (escaped, doubled)
    )
    return "\\" if escaped_count > doubled_count else ""


def split_sample(text: str, delimiter: str, quote: str, escape: str = "") -> list[list[str]]:
    """Split a sample into rows, without the last line, which may be incomplete, unless it is the only one.

    A quoted field ends after MAX_QUOTED_LINES, so that a stray quote does not swallow the sample.
    """
    if len(delimiter) > 1:
        text, delimiter = text.replace(delimiter, STAND_IN), STAND_IN
    if escape:
        text = text.replace(escape + escape, "").replace(escape + quote, "")
    lines = io.StringIO(text, newline=None).read().split("\n")
    if len(lines) > 1:
        lines.pop()
    records = _join_quoted_lines(lines, delimiter, quote) if quote in text else lines
    rows = list(csv.reader(records, delimiter=delimiter, quotechar=quote))
    return [row for row in rows if row]


def _join_quoted_lines(lines: list[str], delimiter: str, quote: str) -> list[str]:
    """Join the lines of each quoted field that extends over at most MAX_QUOTED_LINES."""
    d, q = re.escape(delimiter), re.escape(quote)
    opening = re.compile(rf"(?:^|{d}){q}(?:[^{q}]++|{q}{q})*+$")
    odd = [number for number, line in enumerate(lines) if quote in line and line.count(quote) % 2]
    joined: list[str] = []
    done, at = 0, 0
    while at < len(odd):
        begin = odd[at]
        joined += lines[done:begin]
        is_open = at + 1 < len(odd) and odd[at + 1] < begin + MAX_QUOTED_LINES and opening.search(lines[begin])
        at += 1 + bool(is_open)
        done = odd[at - 1] + 1
        # a line whose odd quote opens nothing loses its quotes, so that its fields can be counted
        joined.append(" ".join(lines[begin:done]) if is_open else lines[begin].replace(quote, ""))
    return joined + lines[done:]
