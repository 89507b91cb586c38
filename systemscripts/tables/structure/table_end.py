"""Where a table ends: at footers, at a second table, at rows of nothing but delimiters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, islice

from systemscripts.tables.structure import value_kinds
from systemscripts.tables.structure.header import Rows, looks_like_header
from systemscripts.tables.structure.value_kinds import ColumnKinds

MOST_FOOTER_ROWS = 60
LEAST_ROWS = 3  # of a second table, its header included, where no blank row stands before it
SAMPLED_ROWS = 200  # that tell the kinds of a column
# How often, on average, a cell may be looked at in search of a second table. A file in which rows of text stand among
# values everywhere holds records of several types: each of its rows might begin a table.
MOST_LOOKS = 5
NOTE = re.compile(
    r"\s*(?:notes?\b|sources?\b|quelle|hinweis|anmerkung|fuente|nota\b|remark|footnote|legend|copyright|©|\*|†|‡|[¹²³]"
    r"|\(\w\)\s|\[\w\]|\d\)\s|#|--+|==+|\x1a|generated|printed|exported|created by|report|page \d|last updated"
    r"|data as of|end of|total rows"
    r"|\(?\d[\d,.]* (?:rows?|records?|lines?)\b|rows? (?:returned|affected))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TableEnd:
    """`position`: of the first row that is no longer of the table; `dropped`: of repeated headers within it."""

    position: int
    note: str = ""
    dropped: frozenset[int] = field(default_factory=frozenset)


def find_first_table_width(rows: Rows) -> int:
    """How many fields the records of the first table have; a few lines of keys and values above it are no table."""
    filled = [fields for _, fields in rows if any(fields)]
    filled = [fields for fields in filled if not _is_sentence(fields)] or filled
    counts = Counter(map(len, filled))
    if not counts:
        return 0
    if _names_least(filled):
        return len(filled[0])
    several = {width: count for width, count in counts.items() if width > 1 < count}
    runs = {
        width: max(len(list(group)) for size, group in groupby(filled, key=len) if size == width) for width in counts
    }
    most = max(counts[width] for width in several or counts)
    often = [width for width in several or counts if counts[width] >= 0.6 * most]
    usual = max(often, key=lambda width: (runs[width], counts[width], -_first(filled, width)))
    for width, group in groupby(filled, key=len):
        stretch = list(group)
        if width == usual:
            return usual
        if (
            width > 1
            and len(stretch) >= max(LEAST_ROWS + (width == 2), 0.1 * counts[usual])
            and _is_table(stretch, width)
        ):
            return width
    return usual


def _names_least(rows: Sequence[Sequence[str]]) -> bool:
    """True when names stand above records of as many fields, or at places more: those have delimiters too many."""
    width = len(rows[0])
    fitting = [fields for fields in rows[1:] if len(fields) == width]
    if width < 2 or not fitting or any(len(fields) < width for fields in rows) or not looks_like_header(rows[0]):
        return False
    if any(looks_like_header(fields) for fields in rows[1:SAMPLED_ROWS] if len(fields) > width):
        return False
    for_header, for_data = value_kinds.count_votes(rows[0], value_kinds.profile_columns(fitting[:SAMPLED_ROWS], width))
    return for_header > 0 and not for_data and any(len(fields) == width for fields in rows[1:4])


def _is_sentence(fields: Sequence[str]) -> bool:
    """True for a line whose delimiters are the commas of a sentence: a space follows each."""
    return len(fields) > 1 and all(field.startswith(" ") for field in fields[1:])


def _first(rows: Sequence[Sequence[str]], width: int) -> int:
    return next(place for place, fields in enumerate(rows) if len(fields) == width)


def _is_table(rows: Sequence[Sequence[str]], width: int) -> bool:
    if not looks_like_header(rows[0]):
        return False
    for_header, for_data = value_kinds.count_votes(rows[0], value_kinds.profile_columns(rows[1:SAMPLED_ROWS], width))
    return for_header > 0 and not for_data


def find_end(rows: Rows, start: int, width: int, header: Sequence[str] = (), only_footer: bool = False) -> TableEnd:
    """Find the end of the table whose records begin at position `start`; `header` is its header row as it stands."""
    sample = [fields for _, fields in rows[start : start + SAMPLED_ROWS] if len(fields) == width]
    above = [fields for _, fields in rows[start : find_blank_row(rows, start)] if len(fields) == width]
    body = value_kinds.profile_columns(above[:SAMPLED_ROWS] if len(above) > 2 else sample, width)
    scan = _Scan(rows, start, width, list(header), body)
    end = TableEnd(len(rows)) if only_footer else scan.second_table()
    if end.position < len(rows):
        return end
    footer = scan.footer()
    if footer == len(rows):
        return end
    blank = not any(any(fields) for _, fields in rows[footer:])
    return TableEnd(footer, "" if blank else f"notes below the table begin in row {rows[footer][0]}", end.dropped)


def find_blank_row(rows: Rows, start: int) -> int:
    """The position of the first record that follows a blank line or holds nothing; where there is none, the end."""
    for position in range(start, len(rows)):
        if not any(rows[position][1]) or (position > start and _gap(rows, position)):
            return position
    return len(rows)


def _gap(rows: Rows, position: int) -> bool:
    """True when blank lines stand before this row."""
    if position == 0:
        return False
    line, fields = rows[position - 1]
    breaks = sum(cell.count("\n") or cell.count("\r") for cell in fields)
    return rows[position][0] > line + 1 + breaks


@dataclass
class _Scan:
    rows: Rows
    start: int
    width: int
    header: list[str]
    body: Sequence[ColumnKinds]

    def __post_init__(self) -> None:
        cells = sum(len(fields) for _, fields in self.rows)
        self._looks_left = MOST_LOOKS * (cells + SAMPLED_ROWS * max(self.width, 1))

    def second_table(self) -> TableEnd:
        """The end before a second table; a header that comes again at a page break is dropped, not an end."""
        dropped: list[int] = []
        for position in range(self.start, len(self.rows)):
            fields = self.rows[position][1]
            apart = self._is_apart(position)
            if self.header and fields == self.header and any(fields):
                if self._is_again(position):
                    return self._ended(position, dropped)
                dropped += [*range(self._without_blank(position), position), position]
            elif self._looks_left < 0:
                continue
            elif (apart and self._begins_apart(position)) or (
                self._begins_at_once(position) if len(fields) != self.width else self._begins_as_wide(position)
            ):
                return self._ended(position, dropped)
        return TableEnd(len(self.rows), dropped=frozenset(dropped))

    def _ended(self, position: int, dropped: list[int]) -> TableEnd:
        note = f"a second table begins in row {self.rows[position][0]}"
        while position > self.start and not any(self.rows[position - 1][1]):
            position -= 1
        return TableEnd(position, note, frozenset(dropped))

    def _is_apart(self, position: int) -> bool:
        if position == self.start or not any(self.rows[position][1]):
            return False
        return not any(self.rows[position - 1][1]) or _gap(self.rows, position)

    def _is_again(self, position: int) -> bool:
        """The same table a second time: its first records follow the header."""
        count = min(3, len(self.rows) - position - 1, position - self.start)
        later = [fields for _, fields in self.rows[position + 1 : position + 1 + count]]
        return count > 0 and later == [fields for _, fields in self.rows[self.start : self.start + count]]

    def _begins_apart(self, position: int) -> bool:
        """After a blank row: a header of another kind, perhaps below a title."""
        filled = (fields for _, fields in self.rows[position : position + SAMPLED_ROWS] if any(fields))
        rest = list(islice(filled, 13))  # three titles, and ten rows to compare
        titles = 0
        while titles < min(3, len(rest) - 2) and _filled(rest[titles]) == 1 and self.width > 1:
            titles += 1
        rest = rest[titles:]
        if len(rest) < 2 or _filled(rest[0]) < 2:
            return False
        if titles and self.header and rest[0] == self.header:
            return True
        width, same = len(rest[0]), [row for row in rest[:10] if len(row) == len(rest[0])]
        if width != self.width:
            if len(same) < 2 or not looks_like_header(rest[0]):
                return False
            return not value_kinds.count_votes(rest[0], self._kinds([*rest[1:], *filled], width))[1]
        for_header, for_data = value_kinds.count_votes(rest[0], self.body)
        if for_header >= 2 and not for_data and looks_like_header(rest[0]):
            return True
        return self._begins_as_wide(position, least=1) or self._begins_alike(position)

    def _begins_at_once(self, position: int) -> bool:
        """Without a blank row: from here on all rows have another width, and the first of them reads like a header."""
        fields = self.rows[position][1]
        width, count = len(fields), min(SAMPLED_ROWS, len(self.rows) - position)
        if width < 2 or count < LEAST_ROWS or self._as_wide[position] < 0.9 * count:
            return False
        common = min(width, len(self.header))
        if common > 1 and fields[:common] == self.header[:common]:
            return True
        if not looks_like_header(fields):
            return False
        below = [fields for _, fields in self.rows[position + 1 : position + SAMPLED_ROWS]]
        for_header, for_data = value_kinds.count_votes(fields, self._kinds(below, width))
        return for_header > 0 and not for_data

    def _begins_as_wide(self, position: int, least: int = 2) -> bool:
        """In as many columns: another header, above values of other kinds than those before.

        `least`: how many of its names cannot be values of the columns before it; fewer where a blank row is between.
        """
        if position < self.start + 2:
            return False
        fields, last = self.rows[position][1], self.rows[position - 1][1]
        new_kinds = (
            value_kinds.classify_value(new) == "text" != value_kinds.classify_value(old)
            for new, old in zip(fields, last, strict=False)
        )
        if (least > 1 and not any(new_kinds)) or not looks_like_header(fields):
            return False
        before = self._columns(max(self.start, position - SAMPLED_ROWS), position)
        for_header, for_data = value_kinds.count_votes(fields, before)
        if for_header < least or for_data:
            return False
        after = self._columns(position + 1, position + SAMPLED_ROWS)
        own_header, own_data = value_kinds.count_votes(fields, after)
        typed = [(old, new) for old, new in zip(before, after, strict=True) if old.kinds and new.count > 1]
        others = sum(not old.kinds & new.kinds for old, new in typed)
        return own_header > 0 and not own_data and others >= max(1, len(before) / 4)

    def _begins_alike(self, position: int) -> bool:
        """Other names in every column, of which one cannot be a value there: below them as above stand other kinds."""
        fields, header = self.rows[position][1], self.header
        enough = self.start + 2 <= position < len(self.rows) - 2 and len(header) == self.width
        # an odd value may follow a blank row, too, where there are many
        if not enough or not all(map(str.strip, fields)) or self._apart_count > 1:
            return False
        before = self._columns(max(self.start, position - SAMPLED_ROWS), position)
        after = self._columns(position + 1, position + SAMPLED_ROWS)
        proven = [
            value_kinds.count_votes(names, columns)
            for names, columns in ((header, before), (fields, before), (fields, after))
        ]
        others = not set(map(str.casefold, fields)) & set(map(str.casefold, header))
        return others and looks_like_header(fields) and all(votes and not against for votes, against in proven)

    @cached_property
    def _apart_count(self) -> int:
        return sum(map(self._is_apart, range(self.start, len(self.rows))))

    @cached_property
    def _as_wide(self) -> list[int]:
        """For each row, how many of the rows from it on, SAMPLED_ROWS at most, have its width."""
        widths = [len(fields) for _, fields in self.rows]
        ahead: Counter[int] = Counter()
        found = [0] * len(widths)
        for position in range(len(widths) - 1, -1, -1):
            ahead[widths[position]] += 1
            if position + SAMPLED_ROWS < len(widths):
                ahead[widths[position + SAMPLED_ROWS]] -= 1
            found[position] = ahead[widths[position]]
        return found

    def _columns(self, start: int, end: int) -> list[value_kinds.ColumnKinds]:
        return self._kinds([row for _, row in self.rows[start:end] if len(row) == self.width], self.width)

    def _kinds(self, rows: Sequence[Sequence[str]], width: int) -> list[value_kinds.ColumnKinds]:
        self._looks_left -= len(rows) * width
        return value_kinds.profile_columns(rows, width)

    def footer(self) -> int:
        """The position from which only notes and rows of nothing but delimiters follow."""
        first = end = self._without_blank(len(self.rows))
        if self.width < 2:
            return end
        for position in range(end - 1, max(self.start, end - MOST_FOOTER_ROWS) - 1, -1):
            fields = self.rows[position][1]
            if any(fields) and not self._may_be_note(fields):
                break
            if self._is_apart(position) or (position == first - 1 and self._is_note(fields)):
                first = position
        else:
            return end  # so much text is no footer
        return self._without_blank(first)

    def _without_blank(self, position: int) -> int:
        while position > self.start and not any(self.rows[position - 1][1]):
            position -= 1
        return position

    def _may_be_note(self, fields: Sequence[str]) -> bool:
        """True for a row that can be a note when it stands apart from the table."""
        if len(fields) == self.width and _filled(fields) > 1:
            for_header, for_data = value_kinds.count_votes(fields, self.body)
            prose = for_header > 0 and not for_data and len(fields[0].split()) > 2
            return prose or (bool(NOTE.match(fields[0])) and not _fits(fields, self.body))
        if _filled(fields) == 1 and not fields[0].strip() and len(fields) == self.width:
            return False  # a note begins on the left
        return _filled(fields) == 0 or not _fits(fields, self.body)

    def _is_note(self, fields: Sequence[str]) -> bool:
        """True for a row that is a note even directly below the records."""
        if self.width < 2 or _filled(fields) == 0:
            return False
        text = fields[0].strip()
        alone = _filled(fields) == 1 and bool(text)
        sentence = len(text.split()) >= 4 or text.endswith((".", ":"))
        if alone and len(fields) in (1, self.width):
            return bool(NOTE.match(text)) or (
                sentence and value_kinds.classify_value(text) == "text" and self.width > 2
            )
        return len(fields) != self.width and bool(NOTE.match(text)) and not _fits(fields, self.body)


def _fits(fields: Sequence[str], body: Sequence[ColumnKinds]) -> bool:
    """True when some field has the kind of its column."""
    return any(value_kinds.classify_value(cell) in column.kinds for cell, column in zip(fields, body, strict=False))


def _filled(fields: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in fields)
