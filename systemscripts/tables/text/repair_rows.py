"""Rows in another dialect than the rest (`1 2024-05-01 "a, b"` among commas), cut by the kinds of their columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from systemscripts.tables.structure import value_kinds
from systemscripts.tables.structure.value_kinds import ColumnKinds

OTHER_DELIMITERS = (";", "\t", "|", ",", ", ", " ")
WRONG, MISSING = 4, 1  # what a value of another kind costs, and a blank
MOST_TOKENS = 400


def realign_row(line: str, width: int, body: Sequence[ColumnKinds], delimiter: str) -> list[str] | None:
    """The fields of a line that the file's own delimiter does not cut into `width`; None when it is not sure.

    `body`: the kinds of the columns. Another delimiter must give exactly as many fields, of the kinds that their
    columns have; words between spaces may also be put together again where only one way to do so fits.
    """
    for other in OTHER_DELIMITERS:
        if other == delimiter:
            continue
        tokens = split_line(line, other)
        if len(tokens) == width and _fit(tokens, body, sure=delimiter not in line and other != " "):
            return [plain for plain, _ in tokens]
    tokens = split_line(line, " ")
    if width < 3 or not width < len(tokens) <= MOST_TOKENS or sum(bool(column.kinds) for column in body) < 2:
        return None
    return _grouped(tokens, width, body)


def realign_header(line: str, width: int, delimiter: str, words: bool) -> list[str] | None:
    """The names in a header line that is delimited in another way; None when no delimiter gives just `width` names.

    `words`: names may stand between spaces; a title that happens to have so many words is no header.
    """
    for other in OTHER_DELIMITERS:
        if other == " " and not words:
            continue
        names = [plain for plain, _ in split_line(line, other)]
        if other != delimiter and len(names) == width > 1 and value_kinds.looks_like_header(names):
            return names
    return None


def find_spaced_width(lines: Sequence[str], most: int = 200) -> tuple[int, float]:
    """How many columns lines of words have when the first one names them, and the share of the lines that fit.

    Lines that happen to have just so many words tell the kinds of the columns; (0, 0) where there are too few of them.
    """
    cut = [split_line(line, " ") for line in lines[:most]]
    width = len(cut[0]) if cut else 0
    exact = [[text for text, _ in tokens] for tokens in cut[1:] if len(tokens) == width]
    if width < 3 or len(exact) < 3 or not value_kinds.looks_like_header([text for text, _ in cut[0]]):
        return 0, 0
    body = value_kinds.profile_columns(exact, width)
    if sum(bool(column.kinds) for column in body) < 2:
        return 0, 0
    fit = sum(len(tokens) == width or bool(_grouped(tokens, width, body)) for tokens in cut[1:])
    return width, fit / (len(cut) - 1)


def split_line(line: str, delimiter: str) -> list[tuple[str, bool]]:
    """Cut a line at a delimiter outside quotes; each field without its quotes, and whether it had some."""
    mark = re.escape(delimiter)
    # |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
    field = re.compile(rf'(?:"((?:[^"]|""|(?!))*+)"|((?:(?!{mark}).|(?!))*+))(?:{mark}|\Z)', re.DOTALL)
    fields, position = [], 0
    while position <= len(line):
        match = field.match(line, position)
        if match is None:  # a quote that nothing closes
            return []
        quoted = match[1] is not None
        fields.append((match[1].replace('""', '"') if quoted else match[2], quoted))
        if match.end() == len(line):
            if line.endswith(delimiter) and match.end() > match.end(1 if quoted else 2):
                fields.append(("", False))
            break
        position = match.end()
    return fields


def _fit(tokens: Sequence[tuple[str, bool]], body: Sequence[ColumnKinds], sure: bool) -> bool:
    """Whether values have the kinds of their columns.

    `sure`: the file's own delimiter does not occur, so that the line is cut in this way or not at all; then one value
    that fits is enough, and in three fields or more it is enough that most do.
    """
    typed = [(text, column) for (text, _), column in zip(tokens, body, strict=False) if column.kinds and text.strip()]
    wrong = sum(column.votes(text) > 0 for text, column in typed)
    if sure and len(tokens) > 2:
        return wrong <= 0.5 * len(typed)
    return len(typed) >= (1 if sure else 2) and wrong <= 0.1 * len(typed)


def _grouped(tokens: Sequence[tuple[str, bool]], width: int, body: Sequence[ColumnKinds]) -> list[str] | None:
    """Join neighbouring words to `width` fields at the least cost; None where two ways cost the same or all are bad."""
    # after each column, by the number of tokens used: cost, ways to get there, and tokens used before it
    best: list[dict[int, tuple[int, int, int]]] = [{0: (0, 1, -1)}]
    for column in body[:width]:
        after: dict[int, tuple[int, int, int]] = {}
        for used, (cost, ways, _) in best[-1].items():
            longest = 1 if column.kinds else len(tokens) - used
            for size in range(1, min(longest, len(tokens) - used) + 1):
                if size > 1 and (tokens[used + size - 1][1] or tokens[used][1]):
                    break  # quoted text is a field of its own
                total = cost + _cost(tokens[used : used + size], column)
                known = after.get(used + size)
                if known is None or total < known[0]:
                    after[used + size] = (total, ways, used)
                elif total == known[0]:
                    after[used + size] = (total, known[1] + ways, known[2])
        best.append(after)
    found = best[-1].get(len(tokens))
    tolerated = 2 * MISSING + WRONG * (sum(bool(column.kinds) for column in body) > 4)
    if found is None or found[0] > tolerated or found[1] > 1:
        return None
    ends = [len(tokens)]
    for after in reversed(best[1:]):
        ends.append(after[ends[-1]][2])
    ends.reverse()
    return [" ".join(text for text, _ in tokens[a:b]) for a, b in pairwise(ends)]


def _cost(group: Sequence[tuple[str, bool]], column: ColumnKinds) -> int:
    text = " ".join(plain for plain, _ in group)
    if not text.strip():
        return MISSING if column.count and (column.kinds or column.texts) else 0
    if column.kinds:
        return WRONG if column.votes(text) > 0 else 0
    return WRONG if column.count == 0 else 0
