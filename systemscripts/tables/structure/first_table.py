"""Find out how many fields the records of the first table of a text have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from systemscripts.tables.structure.header_position import Rows
from systemscripts.tables.structure.value_kinds import count_votes, looks_like_header, profile_columns

# These rows show the kinds of the columns.
SAMPLE_ROWS = 200
# A second table, including its header, has at least so many rows if no blank row precedes it.
MIN_TABLE_ROWS = 3
# A width is usual if this share of the most frequent width has it.
MIN_USUAL_SHARE = 0.6
# Before the rows of the usual width, a table has at least this share of their number.
MIN_FIRST_TABLE_SHARE = 0.1


def find_first_table_width(rows: Rows) -> int:
    """Return how many fields the records of the first table have. A few lines of keys and values above do not count."""
    filled = [fields for _, fields in rows if any(fields)]
    filled = [fields for fields in filled if not _is_sentence(fields)] or filled
    counts = Counter(map(len, filled))
    if not counts:
        return 0
    if _has_names_of_least_width(filled):
        return len(filled[0])
    if len(filled) == 2 and not filled[0][-1].strip() and len(filled[1]) == len(filled[0]) - 1:
        return len(filled[1])
    usual = _find_usual_width(filled, counts)
    for width, group in groupby(filled, key=len):
        stretch = list(group)
        if width == usual:
            return usual
        min_rows = max(MIN_TABLE_ROWS + (width == 2), MIN_FIRST_TABLE_SHARE * counts[usual])
        if width > 1 and len(stretch) >= min_rows and _is_table(stretch, width):
            return width
    return usual


def find_surplus_width(rows: Rows, width: int) -> int:
    """Return how many fields the records have if each ends with one delimiter more than the names above, else 0.

    `width`: the usual number of fields, which is that of the names if there is only one record.
    """
    wide = len(rows[-1][1]) if len(rows) == 2 else width
    first = next((position for position, (_, fields) in enumerate(rows) if len(fields) == wide), 0)
    names = rows[first - 1][1] if first else []
    if len(names) < 2 or len(names) != wide - 1 or not all(map(str.strip, names)) or not looks_like_header(names):
        return 0
    return 0 if any(fields[-1].strip() for _, fields in rows[first:] if len(fields) == wide) else wide


def _find_usual_width(rows: Sequence[Sequence[str]], counts: Counter[int]) -> int:
    """Return a frequent width, the one with the longest run of rows. One field or one row counts if nothing else."""
    candidates = [width for width, count in counts.items() if width > 1 < count] or list(counts)
    min_count = MIN_USUAL_SHARE * max(counts[width] for width in candidates)
    runs: Counter[int] = Counter()
    firsts: dict[int, int] = {}
    for position, fields in enumerate(rows):
        firsts.setdefault(len(fields), position)
    for width, group in groupby(rows, key=len):
        runs[width] = max(runs[width], sum(1 for _ in group))
    frequent = [width for width in candidates if counts[width] >= min_count]
    return max(frequent, key=lambda width: (runs[width], counts[width], -firsts[width]))


def _has_names_of_least_width(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether names are above records with as many fields or, after surplus delimiters, with more."""
    width = len(rows[0])
    fitting = [fields for fields in rows[1:] if len(fields) == width]
    if width < 2 or not fitting or any(len(fields) < width for fields in rows) or not looks_like_header(rows[0]):
        return False
    if any(looks_like_header(fields) for fields in rows[1:SAMPLE_ROWS] if len(fields) > width):
        return False
    for_header, for_data = count_votes(rows[0], profile_columns(fitting[:SAMPLE_ROWS], width))
    return for_header > 0 and not for_data and any(len(fields) == width for fields in rows[1:4])


def _is_sentence(fields: Sequence[str]) -> bool:
    """Return whether the delimiters of a line are the commas of a sentence: each has a space after it."""
    return len(fields) > 1 and all(field.startswith(" ") for field in fields[1:])


def _is_table(rows: Sequence[Sequence[str]], width: int) -> bool:
    if not looks_like_header(rows[0]):
        return False
    for_header, for_data = count_votes(rows[0], profile_columns(rows[1:SAMPLE_ROWS], width))
    return for_header > 0 and not for_data
