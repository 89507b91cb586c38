"""Detect delimiter, quote and escape of a text file, from samples of its beginning, middle and end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from systemscripts.tables.structure.value_kinds import classify_value, looks_like_header
from systemscripts.tables.text import fixed_width
from systemscripts.tables.text.dialect_score import (
    DELIMITERS,
    MAX_SCORED_ROWS,
    WEAK,
    Dialect,
    ScoredDialect,
    score_dialect,
    split_sample,
)
from systemscripts.tables.text.repair_rows import find_spaced_width

__all__ = ["SINGLE_COLUMN_DELIMITERS", "Dialect", "detect_dialect"]

LONG_DELIMITERS = (" , ", ", ", " ; ", "; ", " | ", "| ", " : ", "||", "::", ";;", "\t\t", "|~|", "~|~", "~~", "^^")
SINGLE_COLUMN_DELIMITERS = (",", ";", "\t", "|", "\x1f", "\x1e", "\x1d")
# A delimiter that gives this share of the records one width makes columns.
MIN_CONSISTENT_SHARE = 0.6
# Below this share, fixed positions and words between spaces are tried, too.
SURE_SHARE = 0.9
# In fewer lines blanks may be above each other by accident.
MIN_SURE_LINES = 4
# Two aligned columns of fewer lines may be sentences; most of the lines must have the usual number of columns.
MIN_ALIGNED_LINES, MIN_ALIGNED_SHARE = 3, 0.8
# This share of the lines must be quoted as a whole, and at least two of them.
MIN_WRAPPED_LINES, MIN_WRAPPED_SHARE = 2, 0.9
# A long delimiter must explain this share of its own characters.
MIN_EXPLAINED_SHARE = 0.5
# More quoted fields than this are hardly accidental.
MAX_ACCIDENTAL_QUOTES = 2
EXCEL_HINT = re.compile(r"\A\ufeff?\"?sep=(.)\"?[;,\t]*\r?(?:\n|\r|\Z)", re.IGNORECASE)
CLOCK = re.compile(r"\d:\d\d")
# Two scores that differ by less are equally good.
EQUAL_SCORE_MARGIN = 0.02


def detect_dialect(samples: list[str], delimiter: str | None, quote: str | None, escape: str | None = None) -> Dialect:
    """Choose delimiter, quote and escape so that most records have the same number of fields with plain values.

    Given values are used as they are. A file of one column has the width 1 and any delimiter.
    """
    hint = EXCEL_HINT.match(samples[0]) if samples else None
    if hint and not delimiter:
        dialect = detect_dialect([samples[0][hint.end() :], *samples[1:]], hint[1], quote, escape)
        return replace(dialect, note=f"the line sep={hint[1]} sets the delimiter; {dialect.note}")
    quotes = (quote,) if quote else ('"', "'") if _is_enclosing(samples, "'") else ('"',)
    delimiters = (delimiter,) if delimiter else tuple(_list_delimiters(samples))
    candidates = sorted(
        (score_dialect(samples, *marks, escape) for marks in product(delimiters, quotes)),
        key=lambda candidate: -candidate.score,
    )
    candidates = _drop_splits_of_texts(samples, candidates) or candidates
    best = candidates[0]
    if not any(candidate.dialect.width for candidate in candidates):
        most_frequent = max(delimiters, key=lambda mark: sum(text.count(mark) for text in samples))
        return Dialect(most_frequent, quotes[0], 2, "all records are empty")
    first_line = next((line for text in samples for line in text.splitlines() if line.strip()), "")
    mark = best.dialect.delimiter
    is_strong = mark not in WEAK and mark in first_line and best.dialect.width > 1 and best.share >= SURE_SHARE
    if not delimiter and not quote and not is_strong and (by_position := _detect_columns(samples)):
        return by_position
    if not delimiter and not quote and best.share < SURE_SHARE and (by_words := detect_spaced_words(samples)):
        return by_words
    if delimiter or (best.dialect.width > 1 and best.share >= MIN_CONSISTENT_SHARE):
        return _add_doubt(best, candidates) if not delimiter else best.dialect
    unusual = None if quote else _detect_aligned(samples) or _detect_wrapped(samples, escape)
    note = "one column: no delimiter gives the same number of fields in most lines"
    return unusual or Dialect(",", quotes[0], 1, note, one_column=_doubt_one_column(samples))


def _doubt_one_column(samples: Sequence[str]) -> str:
    """Return a warning if the first line and nearly all others contain a delimiter, although with different widths."""
    lines = [line.strip() for text in samples for line in text.splitlines() if line.strip()][:MAX_SCORED_ROWS]
    for mark in (*(mark for mark in DELIMITERS if mark not in WEAK), "  "):
        if len(lines) > 1 and mark in lines[0] and sum(mark in line for line in lines) >= SURE_SHARE * len(lines):
            shown = "spaces" if mark == "  " else repr(mark)
            return f"read as one column, although nearly all lines contain {shown}; set reading.delimiter"
    return ""


def _list_delimiters(samples: Sequence[str]) -> Iterator[str]:
    """Yield the delimiters that occur; long ones only if they explain most of their own characters."""
    text = "\n".join(samples)
    # A colon would split times. But where colons are the delimiter, two numbers next to each other look like a time.
    excluded = ":" if CLOCK.search(text) and not _has_names_between_colons(samples) else ""
    yield from (mark for mark in DELIMITERS if mark == "," or (mark in text and mark != excluded))
    for delimiter in LONG_DELIMITERS:
        mark = delimiter.strip() or delimiter
        count = text.count(delimiter)
        if count > 1 and count * len(mark) >= MIN_EXPLAINED_SHARE * text.count(mark[0]):
            yield delimiter


def _has_names_between_colons(samples: Sequence[str]) -> bool:
    """Return whether a line of names has exactly as many colons as each line below it."""
    lines = [line for line in samples[0].splitlines() if line.strip()]
    first = next((index for index, line in enumerate(lines) if ":" in line), 0)
    below = [line.count(":") for line in lines[first + 1 : MAX_SCORED_ROWS]]
    return bool(below) and looks_like_header(lines[first].split(":")) and set(below) == {lines[first].count(":")}


def _is_enclosing(samples: list[str], quote: str) -> bool:
    """Return whether this quote encloses some fields."""
    # Only the lines that contain it are searched, since no match extends over a line.
    samples = ["\n".join(line for line in text.split("\n") if quote in line) for text in samples]
    enclosed = re.compile(rf"(?m)(?:^|[,;\t|] ?){quote}[^{quote}\n]*{quote}(?= ?[,;\t|\r]|$)")
    if sum(len(enclosed.findall(text)) for text in samples) > MAX_ACCIDENTAL_QUOTES:
        return True
    several = re.compile(rf"(?m)(?:^|[,;\t|] ?){quote}[^{quote}\n]*[,;\t|][^{quote}\n]*{quote}(?= ?[,;\t|\r]|$)")
    # A single such field may be the reason why all records have the same width.
    return any(several.search(text) for text in samples)


def _drop_splits_of_texts(samples: Sequence[str], candidates: Sequence[ScoredDialect]) -> list[ScoredDialect]:
    """Return the candidates without those that split only texts between the delimiters of another one.

    The semicolons of `red; blue,0.50` below `tags,amount` are part of a text: the comma also separates the names.
    """
    whole = [other for other in candidates if other.share >= SURE_SHARE and _has_separate_names(other)]
    return [
        candidate
        for candidate in candidates
        if candidate.score == 0
        or candidate.has_names
        or not any(_has_split_texts(other, candidate.dialect, samples[0]) for other in whole)
    ]


def _has_separate_names(candidate: ScoredDialect) -> bool:
    """Return whether names, not the words of a sentence, are between the delimiters: above other kinds, or unspaced."""
    mark = candidate.dialect.delimiter
    is_spaced = mark.endswith(" ") or any(name.startswith(" ") for name in candidate.names)
    return mark not in WEAK and bool(candidate.names) and (candidate.has_names or not is_spaced)


def _has_split_texts(whole: ScoredDialect, other: Dialect, text: str) -> bool:
    """Return whether `other` leaves the names of `whole` in one field, and splits only texts below them.

    Its fields then contain the delimiter of `whole`, and are not values such as `3,5`. A comma with a space after it is
    punctuation.
    """
    mark = whole.dialect.delimiter
    if any(other.delimiter in name for name in (*whole.names, mark)):
        return False
    rows = split_sample(text, other.delimiter, other.quote, other.escape)[:MAX_SCORED_ROWS]
    splits = [
        {classify_value(field) for field in row if mark in field and mark + " " not in field} == {"text"}
        for row in rows
        if len(row) == other.width
    ]
    return splits[:1] == [True] and sum(splits) >= SURE_SHARE * len(splits)


def _add_doubt(best: ScoredDialect, candidates: Sequence[ScoredDialect]) -> Dialect:
    dialect = best.dialect
    others = [
        other.dialect
        for other in candidates[1:]
        if other.score > best.score - EQUAL_SCORE_MARGIN
        and not _are_related(other.dialect.delimiter, dialect.delimiter)
    ]
    if not others:
        return dialect
    return replace(dialect, doubt=f"the delimiter {others[0].delimiter!r} fits as well as {dialect.delimiter!r}")


def _are_related(one: str, other: str) -> bool:
    return bool(set(one.strip() or one) & set(other.strip() or other))


def _detect_columns(samples: Sequence[str]) -> Dialect | None:
    """Detect columns that are separated by blanks, and doubt them if there are few lines and two ways to split them."""
    is_short = sum(bool(line.strip()) for text in samples for line in text.splitlines()) < MIN_SURE_LINES
    placed, aligned = fixed_width.detect_fixed_width(samples), _detect_fully_aligned(samples)
    if is_short and placed and aligned and placed.width != aligned.width and "ruler" not in placed.note:
        doubt = f"in so few lines spaces may separate {placed.width} columns or {aligned.width}"
        return replace(placed, doubt=doubt)
    return placed or aligned


def _detect_fully_aligned(samples: Sequence[str]) -> Dialect | None:
    """Detect at least three columns with two or more spaces between them in every line."""
    aligned = None if any("\t" in text for text in samples) else _detect_aligned(samples)
    return aligned if aligned and aligned.width > 2 and "100%" in aligned.note else None


def _detect_aligned(samples: Sequence[str]) -> Dialect | None:
    """Detect columns that are separated by two or more spaces or tabs."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()][:MAX_SCORED_ROWS]
    widths = Counter(len(re.split(r" {2,}|\t+", line.strip())) for line in lines)
    width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    has_names = len(lines) == 2 and width > 2 and looks_like_header(re.split(r" {2,}|\t+", lines[0].strip()))
    min_lines = 2 if has_names else MIN_ALIGNED_LINES
    if width < 2 or count < max(min_lines, MIN_ALIGNED_SHARE * len(lines)) or any('"' in line for line in lines):
        return None
    note = f"columns aligned with spaces: {count / len(lines):.0%} of the lines have {width}"
    return Dialect(" ", '"', width, note, runs=True)


def detect_spaced_words(samples: Sequence[str]) -> Dialect | None:
    """Detect fields between single spaces, some of which contain spaces: they are split by the kinds of the columns."""
    lines = [line for line in samples[0].splitlines() if line.strip()][:MAX_SCORED_ROWS]
    width, share = find_spaced_width(lines)
    note = f"delimited by spaces: {share:.0%} of the lines fit the {width} columns of the first"
    return Dialect(" ", '"', width, note) if width and share >= SURE_SHARE else None


def _detect_wrapped(samples: Sequence[str], escape: str | None) -> Dialect | None:
    """Detect lines that are quoted once more as a whole: `"1,""a, b"",2"`."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()]
    quoted = [line for line in lines if len(line) > 1 and line[0] == line[-1] == '"']
    if len(quoted) < max(MIN_WRAPPED_LINES, MIN_WRAPPED_SHARE * len(lines)):
        return None
    inner = "\n".join(line[1:-1].replace('""', '"') if line[0] == line[-1] == '"' else line for line in lines)
    dialect = detect_dialect([inner + "\n"], None, '"', escape)
    is_sure = all(len(row) == dialect.width for row in split_sample(inner + "\n", dialect.delimiter, '"')[:2])
    if dialect.width < 2 or dialect.wrapped or not is_sure or not ('""' in "".join(lines) or dialect.width > 2):
        return None
    return replace(dialect, wrapped=True, note=f"every line is quoted as a whole; {dialect.note}")
