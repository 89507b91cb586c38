"""Detect columns at fixed positions, by a ruler of dashes below the names or by blanks that run through all lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from systemscripts.tables.structure import value_kinds
from systemscripts.tables.text.dialect_score import MAX_SCORED_ROWS, Dialect

RULER = re.compile(r"\s*[-=]{2,}(?: +[-=]+)+\s*")
# The ruler is near the top, below titles and names.
RULER_SEARCH_LINES = 20
# Below more titles, blanks may align by accident.
MAX_TITLES = 5
# In fewer lines blanks may align by accident, so there must be names above values.
MIN_SURE_LINES = 5
# This share of the records must have values in two columns, unlike a table of another kind below a longer line.
MIN_FILLED_SHARE = 0.8
# Two words below two words are a sentence, so a single record needs more columns.
MIN_COLUMNS_OF_ONE_RECORD = 3
# This share of the lines must fit: titles and notes do not.
MIN_FITTING_SHARE = 0.9
# A name or value that ends with one of these is delimited, not of fixed width.
MARKS = (",", ";", "|", ":")
# As many of one of these in each line, also in that of the names, separate fields. Commas also separate words.
STRONG_MARKS = (";", "|")
LETTERS = re.compile(r"[^\s]")
# not str.splitlines(): within a line it also splits at characters such as U+2028
LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def detect_fixed_width(samples: Sequence[str]) -> Dialect | None:
    """Return a dialect of fixed width, or None if the columns of the samples are not at fixed positions."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()][:MAX_SCORED_ROWS]
    if any("\t" in line for line in lines[:RULER_SEARCH_LINES]):
        return None
    ruler = next((index for index, line in enumerate(lines[:RULER_SEARCH_LINES]) if RULER.fullmatch(line)), 0)
    if ruler:
        positions = tuple(match.start() for match in re.finditer(r"[-=]+", lines[ruler]))
        positions = (0, *positions[1:])
        return _make_dialect(lines[ruler - 1 : ruler] + lines[ruler + 1 :], positions, "a ruler of dashes shows")
    for first in range(min(MAX_TITLES, max(len(lines) - 2, min(len(lines) - 1, 1)))):
        positions = _find_positions(lines[first:])
        if dialect := _make_dialect(lines[first:], positions, "blanks at the same positions of all lines show"):
            return dialect
    return None


def declare_dialect(columns: Sequence[tuple[str, int, int | None]]) -> Dialect:
    """Return the dialect of columns that the configuration declares: name, start and end of each."""
    spans = tuple((start, end) for _, start, end in columns)
    return Dialect(" ", '"', len(spans), f"{len(spans)} columns of fixed width, as set", spans=spans)


def delimit_text(text: str, dialect: Dialect, mark: str, quote: str) -> str:
    """Return complete lines with `mark` between their fields."""
    return "".join(_delimit_line(line, dialect, mark, quote) for line in LINES.findall(text))


def _delimit_line(line: str, dialect: Dialect, mark: str, quote: str) -> str:
    """Return a ruler as a blank line, and a line that does not fit the detected columns as one field."""
    text = line.rstrip("\r\n")
    end = line[len(text) :]
    if RULER.fullmatch(text):
        return end
    fields: list[str] | None
    if dialect.spans:
        fields = [text[start:stop].strip() for start, stop in dialect.spans]
    else:
        fields = split_line(text, dialect.positions)
    fields = [text.strip()] if fields is None else fields
    if not any(fields):
        return end
    return mark.join(_quote(field, quote) if quote in field else field for field in fields) + end


def split_line(line: str, positions: Sequence[int]) -> list[str] | None:
    """Return the fields of a line without outer blanks, or None if text extends over the edge of a column."""
    for start in positions[1:]:
        if line[start - 1 : start].strip():
            return None
    ends = [*positions[1:], None]
    return [line[start:end].strip() for start, end in zip(positions, ends, strict=True)]


def _quote(field: str, quote: str) -> str:
    return quote + field.replace(quote, quote * 2) + quote


def _find_positions(lines: Sequence[str]) -> tuple[int, ...]:
    """Return where columns begin: after positions that are blank in every line."""
    width = max(map(len, lines))
    used = [False] * (width + 1)
    for line in lines:
        for match in LETTERS.finditer(line):
            used[match.start()] = True
    return tuple(index for index in range(width) if used[index] and (index == 0 or not used[index - 1]))


def _make_dialect(lines: Sequence[str], positions: tuple[int, ...], why: str) -> Dialect | None:
    """Return the dialect if the first line has a name for each column and the lines below fit, else None."""
    if len(positions) < 2 or len(lines) < 2:
        return None
    is_ruled = "ruler" in why
    positions = positions if is_ruled else _drop_second_words(lines, positions)
    rows = [fields for line in lines if (fields := split_line(line, positions)) is not None]
    if len(positions) < 2 or len(rows) < MIN_FITTING_SHARE * len(lines) or split_line(lines[0], positions) is None:
        return None
    names, records = rows[0], rows[1:]
    if not all(names) or not records or not value_kinds.looks_like_header(names):
        return None
    if not is_ruled and any(_is_in_all_lines(mark, lines) for mark in STRONG_MARKS):
        return None
    if _has_marks_before_blanks(lines, positions) or any('"' in name or name.endswith(MARKS) for name in names):
        return None
    if not is_ruled and sum(sum(map(bool, fields)) > 1 for fields in records) < MIN_FILLED_SHARE * len(records):
        return None
    for_header, for_data = value_kinds.count_votes(names, value_kinds.profile_columns(records, len(names)))
    if for_data or (len(lines) < MIN_SURE_LINES and not is_ruled and not for_header):
        return None
    if not is_ruled and any("  " in field for fields in rows for field in fields):
        # The columns are aligned by eye, or not at all.
        return None
    if len(records) == 1 and len(names) < MIN_COLUMNS_OF_ONE_RECORD:
        return None
    note = f"{why} {len(positions)} columns of fixed width"
    return Dialect(" ", '"', len(positions), note, positions=positions)


def _drop_second_words(lines: Sequence[str], positions: tuple[int, ...]) -> tuple[int, ...]:
    """Drop the positions of second words, one blank after the first, which have only a name or only values."""
    remaining = list(positions)
    for start, end in zip(positions[1:], [*positions[2:], None], strict=True):
        has_name = bool(lines[0][start:end].strip())
        has_values = any(line[start:end].strip() for line in lines[1:])
        if has_name != has_values and any(line[start - 2 : start - 1].strip() for line in lines):
            remaining.remove(start)
    return tuple(remaining)


def _is_in_all_lines(mark: str, lines: Sequence[str]) -> bool:
    counts = {line.count(mark) for line in lines}
    return len(counts) == 1 and 0 not in counts


def _has_marks_before_blanks(lines: Sequence[str], positions: Sequence[int]) -> bool:
    """Return whether a delimiter precedes the blanks of a column: `1, a, x`."""
    for start in positions[1:]:
        before = [line[:start].rstrip() for line in lines[1:] if len(line) > start]
        if before and all(text.endswith(MARKS) for text in before):
            return True
    return False
