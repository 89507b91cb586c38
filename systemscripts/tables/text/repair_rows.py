"""Repair rows in another dialect (`1 2024-05-01 "a, b"` among commas): split them by the kinds of their columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from systemscripts.tables.structure import value_kinds
from systemscripts.tables.structure.value_kinds import ColumnKinds

OTHER_DELIMITERS = (";", "\t", "|", ",", ", ", " ")
# A value of another kind is worse than a few blank ones.
WRONG_VALUE_COST, BLANK_VALUE_COST = 4, 1
# A split may have two blank values, and also one wrong value if at least this many columns have a kind.
TOLERATED_BLANKS, MIN_COLUMNS_FOR_A_WRONG_VALUE = 2, 5
# The time to group tokens grows with the square of their number.
MAX_TOKENS = 400
# If there is no other way to split a line, half of the values may be of other kinds, else hardly any.
MAX_WRONG_SHARE_IF_SURE, MAX_WRONG_SHARE = 0.5, 0.1
# Fewer columns, or columns with a kind, do not show where words belong.
MIN_WIDTH, MIN_TYPED_COLUMNS = 3, 2
# Fewer lines of exactly the width of the first do not show the kinds of the columns.
MIN_EXACT_LINES = 3


def realign_row(line: str, width: int, body: Sequence[ColumnKinds], delimiter: str) -> list[str] | None:
    """Return the fields of a line that the delimiter of the file does not split into `width`; None if it is not sure.

    `body`: the kinds of the columns. Another delimiter must give exactly `width` fields of these kinds. Words between
    spaces may also be joined if there is only one way that fits.
    """
    for other in OTHER_DELIMITERS:
        if other == delimiter:
            continue
        tokens = split_line(line, other)
        if len(tokens) == width and _has_fitting_values(tokens, body, sure=delimiter not in line and other != " "):
            return [plain for plain, _ in tokens]
    tokens = split_line(line, " ")
    typed = sum(bool(column.kinds) for column in body)
    if width < MIN_WIDTH or typed < MIN_TYPED_COLUMNS or not width < len(tokens) <= MAX_TOKENS:
        return None
    return _group_tokens(tokens, width, body)


def realign_header(line: str, width: int, delimiter: str, may_have_spaces: bool) -> list[str] | None:
    """Return the names of a header line with another delimiter; None if no delimiter gives exactly `width` names.

    `may_have_spaces`: a space may be the delimiter. A title that happens to have `width` words is not a header.
    """
    for other in OTHER_DELIMITERS:
        if other == " " and not may_have_spaces:
            continue
        names = [plain for plain, _ in split_line(line, other)]
        if other != delimiter and len(names) == width > 1 and value_kinds.looks_like_header(names):
            return names
    return None


def find_spaced_width(lines: Sequence[str], max_lines: int = 200) -> tuple[int, float]:
    """Return the number of columns of lines of words, named in the first line, and the share of lines that fit.

    The lines that have exactly as many words show the kinds of the columns. (0, 0) if there are too few of them.
    """
    split_lines = [split_line(line, " ") for line in lines[:max_lines]]
    width = len(split_lines[0]) if split_lines else 0
    exact = [[text for text, _ in tokens] for tokens in split_lines[1:] if len(tokens) == width]
    if width < MIN_WIDTH or len(exact) < MIN_EXACT_LINES:
        return 0, 0
    if not value_kinds.looks_like_header([text for text, _ in split_lines[0]]):
        return 0, 0
    body = value_kinds.profile_columns(exact, width)
    if sum(bool(column.kinds) for column in body) < MIN_TYPED_COLUMNS:
        return 0, 0
    fit = sum(len(tokens) == width or bool(_group_tokens(tokens, width, body)) for tokens in split_lines[1:])
    return width, fit / (len(split_lines) - 1)


def split_line(line: str, delimiter: str) -> list[tuple[str, bool]]:
    """Split a line at a delimiter outside quotes. Return each field without its quotes, and whether it had some."""
    mark = re.escape(delimiter)
    # |(?!) ends a repetition that fails: Python before 3.11.5 forgets where it began (cpython issue 106052).
    field = re.compile(rf'(?:"((?:[^"]|""|(?!))*+)"|((?:(?!{mark}).|(?!))*+))(?:{mark}|\Z)', re.DOTALL)
    fields, position = [], 0
    while position <= len(line):
        match = field.match(line, position)
        # a quote that is never closed
        if match is None:
            return []
        quoted = match[1] is not None
        fields.append((match[1].replace('""', '"') if quoted else match[2], quoted))
        if match.end() == len(line):
            if line.endswith(delimiter) and match.end() > match.end(1 if quoted else 2):
                fields.append(("", False))
            break
        position = match.end()
    return fields


def _has_fitting_values(tokens: Sequence[tuple[str, bool]], body: Sequence[ColumnKinds], sure: bool) -> bool:
    """Return whether values have the kinds of their columns.

    `sure`: the line does not contain the delimiter of the file, so there is no other way to split it. Then one value
    that fits is enough, and in three fields or more it is enough if half of them do.
    """
    typed = [(text, column) for (text, _), column in zip(tokens, body, strict=False) if column.kinds and text.strip()]
    wrong = sum(column.vote(text) > 0 for text, column in typed)
    if sure and len(tokens) >= MIN_WIDTH:
        return wrong <= MAX_WRONG_SHARE_IF_SURE * len(typed)
    return len(typed) >= (1 if sure else MIN_TYPED_COLUMNS) and wrong <= MAX_WRONG_SHARE * len(typed)


def _group_tokens(tokens: Sequence[tuple[str, bool]], width: int, body: Sequence[ColumnKinds]) -> list[str] | None:
    """Join adjacent words to `width` fields at the least cost. None if two ways cost the same or all cost too much."""
    # For each column: number of tokens used -> cost, number of ways, and number of tokens used before the column.
    best: list[dict[int, tuple[int, int, int]]] = [{0: (0, 1, -1)}]
    for column in body[:width]:
        after: dict[int, tuple[int, int, int]] = {}
        for used, (cost, ways, _) in best[-1].items():
            longest = 1 if column.kinds else len(tokens) - used
            for size in range(1, min(longest, len(tokens) - used) + 1):
                if size > 1 and (tokens[used + size - 1][1] or tokens[used][1]):
                    # Quoted text is a field of its own.
                    break
                total = cost + _measure_cost(tokens[used : used + size], column)
                known = after.get(used + size)
                if known is None or total < known[0]:
                    after[used + size] = (total, ways, used)
                elif total == known[0]:
                    after[used + size] = (total, known[1] + ways, known[2])
        best.append(after)
    cost, ways, _ = best[-1].get(len(tokens), (0, 0, 0))
    tolerated = TOLERATED_BLANKS * BLANK_VALUE_COST
    if sum(bool(column.kinds) for column in body) >= MIN_COLUMNS_FOR_A_WRONG_VALUE:
        tolerated += WRONG_VALUE_COST
    if ways != 1 or cost > tolerated:
        return None
    ends = [len(tokens)]
    for after in reversed(best[1:]):
        ends.append(after[ends[-1]][2])
    ends.reverse()
    return [" ".join(text for text, _ in tokens[start:end]) for start, end in pairwise(ends)]


def _measure_cost(group: Sequence[tuple[str, bool]], column: ColumnKinds) -> int:
    text = " ".join(plain for plain, _ in group)
    if not text.strip():
        return BLANK_VALUE_COST if column.count and (column.kinds or column.texts) else 0
    if column.kinds:
        return WRONG_VALUE_COST if column.vote(text) > 0 else 0
    return WRONG_VALUE_COST if column.count == 0 else 0
