"""Columns at fixed positions: found by a ruler of dashes below the names, or by blanks that run through all lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from systemscripts.tables.structure import value_kinds
from systemscripts.tables.text.dialect_score import JUDGED_ROWS, Dialect

RULER = re.compile(r"\s*[-=]{2,}(?: +[-=]+)+\s*")
MOST_TITLES = 5  # above the names; more of them are hardly by accident without a ruler
FEW_LINES = 5  # of so few lines the blanks may meet by accident: then names must stand above values
MOSTLY = 0.8  # of the records hold something in two columns: a table of another kind below a longer line does not
FEW_COLUMNS = 3  # of a single record: two words below two words are a sentence
LETTERS = re.compile(r"[^\s]")


def detect_fixed_width(samples: Sequence[str]) -> Dialect | None:
    """Return where the columns begin; None when no blanks run through all lines."""
    lines = [line for text in samples for line in text.splitlines() if line.strip()][:JUDGED_ROWS]
    if any("\t" in line for line in lines[:20]):
        return None
    ruler = next((place for place, line in enumerate(lines[:20]) if RULER.fullmatch(line)), 0)
    if ruler:
        positions = tuple(match.start() for match in re.finditer(r"[-=]+", lines[ruler]))
        positions = (0, *positions[1:])
        return _as_dialect(lines[ruler - 1 : ruler] + lines[ruler + 1 :], positions, "a ruler of dashes shows")
    for first in range(min(MOST_TITLES, max(len(lines) - 2, min(len(lines) - 1, 1)))):
        positions = _blank_through(lines[first:])
        if found := _as_dialect(lines[first:], positions, "blanks at the same places of all lines show"):
            return found
    return None


def delimit_line(line: str, positions: Sequence[int], mark: str, quote: str) -> str:
    """Write a line with `mark` between its fields. A ruler becomes a blank line; a line of another form stays whole."""
    text = line.rstrip("\r\n")
    end = line[len(text) :]
    if RULER.fullmatch(text):
        return end
    fields = split_line(text, positions)
    fields = [text.strip()] if fields is None else fields
    if not any(fields):
        return end
    return mark.join(_quoted(field, quote) if quote in field else field for field in fields) + end


def split_line(line: str, positions: Sequence[int]) -> list[str] | None:
    """Return the fields of a line without the blanks around them; None where letters run over from one to the next."""
    for start in positions[1:]:
        if line[start - 1 : start].strip():
            return None
    ends = [*positions[1:], None]
    return [line[start:end].strip() for start, end in zip(positions, ends, strict=True)]


def _quoted(field: str, quote: str) -> str:
    return quote + field.replace(quote, quote * 2) + quote


def _blank_through(lines: Sequence[str]) -> tuple[int, ...]:
    """Where columns begin: behind the places that are blank in every line."""
    width = max(map(len, lines))
    used = [False] * (width + 1)
    for line in lines:
        for match in LETTERS.finditer(line):
            used[match.start()] = True
    return tuple(place for place in range(width) if used[place] and (place == 0 or not used[place - 1]))


def _as_dialect(lines: Sequence[str], positions: tuple[int, ...], why: str) -> Dialect | None:
    """Return the dialect, if names stand in the first line and the lines below fit; columns without name are none."""
    if len(positions) < 2 or len(lines) < 2:
        return None
    positions = positions if "ruler" in why else _with_both(lines, positions)
    rows = [fields for line in lines if (fields := split_line(line, positions)) is not None]
    if len(positions) < 2 or len(rows) < 0.9 * len(lines) or split_line(lines[0], positions) is None:
        return None
    names, records = rows[0], rows[1:]
    if not all(names) or not records or not value_kinds.looks_like_header(names) or _ends_in_marks(lines, positions):
        return None
    if any('"' in name or name.endswith((",", ";", "|", ":")) for name in names):
        return None
    if "ruler" not in why and sum(sum(map(bool, fields)) > 1 for fields in records) < MOSTLY * len(records):
        return None
    for_header, for_data = value_kinds.count_votes(names, value_kinds.profile_columns(records, len(names)))
    if for_data or (len(lines) < FEW_LINES and "ruler" not in why and not for_header):
        return None
    if "ruler" not in why and any("  " in field for fields in rows for field in fields):
        return None  # aligned by eye, or not at all
    if len(records) == 1 and len(names) < FEW_COLUMNS:
        return None
    note = f"{why} {len(positions)} columns of fixed width"
    return Dialect(" ", '"', len(positions), note, positions=positions)


def _with_both(lines: Sequence[str], positions: tuple[int, ...]) -> tuple[int, ...]:
    """Leave out the begins of second words, one blank behind the first: nothing but a name, or only values there."""
    kept = list(positions)
    for start, end in zip(positions[1:], [*positions[2:], None], strict=True):
        has_name = bool(lines[0][start:end].strip())
        has_values = any(line[start:end].strip() for line in lines[1:])
        if has_name != has_values and any(line[start - 2 : start - 1].strip() for line in lines):
            kept.remove(start)
    return tuple(kept)


def _ends_in_marks(lines: Sequence[str], positions: Sequence[int]) -> bool:
    """True when a delimiter stands before the blanks: `1, a, x`."""
    for start in positions[1:]:
        before = [line[:start].rstrip() for line in lines[1:] if len(line) > start]
        if before and all(text.endswith((",", ";", "|", ":")) for text in before):
            return True
    return False
