"""Delimiter, quote and escape of a text file, from samples of its begin, middle and end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from systemscripts.tables.structure.value_kinds import looks_like_header
from systemscripts.tables.text import fixed_width
from systemscripts.tables.text.dialect_score import (
    DELIMITERS,
    JUDGED_ROWS,
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
CONSISTENT = 0.6
FEW_LINES = 4
DOUBTFUL = 0.9
EXCEL_HINT = re.compile(r"\A\ufeff?\"?sep=(.)\"?[;,\t]*\r?(?:\n|\r|\Z)", re.IGNORECASE)
CLOCK = re.compile(r"\d:\d\d")
EQUAL = 0.02  # scores nearer than this are a doubt


def detect_dialect(samples: list[str], delimiter: str | None, quote: str | None, escape: str | None = None) -> Dialect:
    """Choose delimiter, quote and escape: most records have the same number of fields then, which hold plain values.

    What is given is not questioned. A file of one column has width 1, and any delimiter that does not occur in it.
    """
    hint = EXCEL_HINT.match(samples[0]) if samples else None
    if hint and not delimiter:
        found = detect_dialect([samples[0][hint.end() :], *samples[1:]], hint[1], quote, escape)
        return replace(found, note=f"the line sep={hint[1]} names the delimiter; {found.note}")
    quotes = (quote,) if quote else ('"', "'") if _encloses(samples, "'") else ('"',)
    delimiters = (delimiter,) if delimiter else tuple(_possible(samples))
    candidates = sorted(
        (score_dialect(samples, d, q, escape) for d, q in product(delimiters, quotes)), key=lambda found: -found.score
    )
    best = candidates[0]
    if not any(found.dialect.width for found in candidates):  # nothing but delimiters
        most = max(delimiters, key=lambda mark: sum(text.count(mark) for text in samples))
        return Dialect(most, quotes[0], 2, "no record holds anything")
    begin = next((line for text in samples for line in text.splitlines() if line.strip()), "")
    mark = best.dialect.delimiter
    strong = mark not in WEAK and mark in begin and best.dialect.width > 1 and best.share >= DOUBTFUL
    if not delimiter and not quote and not strong and (placed := _in_places(samples)):
        return placed
    if not delimiter and not quote and best.share < DOUBTFUL and (words := detect_spaced_words(samples)):
        return words
    if delimiter or (best.dialect.width > 1 and best.share >= CONSISTENT):
        return _with_doubt(best, candidates) if not delimiter else best.dialect
    special = None if quote else _aligned(samples) or _wrapped(samples, escape)
    note = "one column: no delimiter gives the same number of fields in most lines"
    return special or Dialect(",", quotes[0], 1, note, one_column=_against_one_column(samples))


def _against_one_column(samples: Sequence[str]) -> str:
    """Say which delimiter stands in the first line and in nearly every other one, ragged as those may be."""
    lines = [line.strip() for text in samples for line in text.splitlines() if line.strip()][:JUDGED_ROWS]
    for mark in (*(mark for mark in DELIMITERS if mark not in WEAK), "  "):
        if len(lines) > 1 and mark in lines[0] and sum(mark in line for line in lines) >= DOUBTFUL * len(lines):
            shown = "blanks" if mark == "  " else repr(mark)
            return f"read as one column, though nearly all lines hold {shown}; set delimiter in the reading options"
    return ""


def _possible(samples: Sequence[str]) -> Iterator[str]:
    """Delimiters that occur at all; long ones only where they explain most of their own characters."""
    text = "\n".join(samples)
    # a colon would cut every time of day; `12:30` between the names and values of a colon's file looks like one
    without = ":" if CLOCK.search(text) and not _names_between_colons(samples) else ""
    yield from (mark for mark in DELIMITERS if mark == "," or (mark in text and mark != without))
    for delimiter in LONG_DELIMITERS:
        mark = delimiter.strip() or delimiter
        count = text.count(delimiter)
        if count > 1 and count * len(mark) >= 0.5 * text.count(mark[0]):
            yield delimiter


def _names_between_colons(samples: Sequence[str]) -> bool:
    """True when a line of names has just as many colons as each line below it."""
    lines = [line for line in samples[0].splitlines() if line.strip()]
    first = next((place for place, line in enumerate(lines) if ":" in line), 0)
    below = [line.count(":") for line in lines[first + 1 : JUDGED_ROWS]]
    return bool(below) and looks_like_header(lines[first].split(":")) and set(below) == {lines[first].count(":")}


def _encloses(samples: list[str], quote: str) -> bool:
    """True when this quote encloses some fields."""
    # only the lines that hold it: neither pattern goes beyond one
    samples = ["\n".join(line for line in text.split("\n") if quote in line) for text in samples]
    enclosed = re.compile(rf"(?m)(?:^|[,;\t|] ?){quote}[^{quote}\n]*{quote}(?= ?[,;\t|\r]|$)")
    if sum(len(enclosed.findall(text)) for text in samples) > 2:
        return True
    several = re.compile(rf"(?m)(?:^|[,;\t|] ?){quote}[^{quote}\n]*[,;\t|][^{quote}\n]*{quote}(?= ?[,;\t|\r]|$)")
    return any(several.search(text) for text in samples)  # one such field may be what makes all records alike


def _with_doubt(best: ScoredDialect, candidates: Sequence[ScoredDialect]) -> Dialect:
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


def _in_places(samples: Sequence[str]) -> Dialect | None:
    """Columns that blanks keep apart. In two or three lines a blank may stand above another one by accident."""
    few = sum(bool(line.strip()) for text in samples for line in text.splitlines()) < FEW_LINES
    placed, aligned = fixed_width.detect_fixed_width(samples), _all_aligned(samples)
    if few and placed and aligned and placed.width != aligned.width and "ruler" not in placed.note:
        doubt = f"in so few lines blanks may make {placed.width} columns or {aligned.width}; ask for a delimiter"
        return replace(placed, doubt=doubt)
    return placed or aligned


def _all_aligned(samples: Sequence[str]) -> Dialect | None:
    """Columns with two or more spaces between in every line, three columns at least."""
    found = None if any("\t" in text for text in samples) else _aligned(samples)
    return found if found and found.width > 2 and "100%" in found.note else None


def _aligned(samples: Sequence[str]) -> Dialect | None:
    """Columns that are aligned with two or more spaces."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()][:JUDGED_ROWS]
    widths = Counter(len(re.split(r" {2,}|\t+", line.strip())) for line in lines)
    width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    # two words below two words may be a sentence
    enough = 2 if len(lines) == 2 and width > 2 and looks_like_header(re.split(r" {2,}|\t+", lines[0].strip())) else 3
    if width < 2 or count < max(enough, 0.8 * len(lines)) or any('"' in line for line in lines):
        return None
    note = f"columns aligned with spaces: {count / len(lines):.0%} of the lines have {width}"
    return Dialect(" ", '"', width, note, runs=True)


def detect_spaced_words(samples: Sequence[str]) -> Dialect | None:
    """Fields between single spaces, some of which hold spaces themselves: cut by the kinds of their columns."""
    lines = [line for line in samples[0].splitlines() if line.strip()][:JUDGED_ROWS]
    width, share = find_spaced_width(lines)
    note = f"delimited by spaces: {share:.0%} of the lines fit into the {width} columns of the first"
    return Dialect(" ", '"', width, note) if width and share >= DOUBTFUL else None


def _wrapped(samples: Sequence[str], escape: str | None) -> Dialect | None:
    """Lines that some program quoted once more as a whole: `"1,""a, b"",2"`."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()]
    quoted = [line for line in lines if len(line) > 1 and line[0] == line[-1] == '"']
    if len(quoted) < max(2, 0.9 * len(lines)):
        return None
    inner = "\n".join(line[1:-1].replace('""', '"') if line[0] == line[-1] == '"' else line for line in lines)
    found = detect_dialect([inner + "\n"], None, '"', escape)
    sure = all(len(row) == found.width for row in split_sample(inner + "\n", found.delimiter, '"')[:2])
    if found.width < 2 or found.wrapped or not sure or not ('""' in "".join(lines) or found.width > 2):
        return None
    return replace(found, wrapped=True, note=f"every line is quoted as a whole; {found.note}")
