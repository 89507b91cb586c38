"""Find the end of a table: at notes, at a second table, or at rows of only delimiters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from systemscripts.summary import Notice
from systemscripts.tables.structure.first_table import MIN_TABLE_ROWS, SAMPLE_ROWS
from systemscripts.tables.structure.header_position import Rows
from systemscripts.tables.structure.value_kinds import (
    ColumnKinds,
    classify_value,
    count_filled,
    count_votes,
    looks_like_header,
    profile_columns,
)

# More rows of text are not a footer.
MAX_FOOTER_ROWS = 60
# The first rows after a blank one: titles of a second table, and rows to compare.
MAX_SECOND_TITLES, COMPARED_ROWS = 3, 10
# From the header of a second table on, this share of the rows has its width.
MIN_SAME_WIDTH_SHARE = 0.9
# In this part of its columns, a second table of the same width has other kinds of values than the first.
MIN_OTHER_KINDS_PART = 1 / 4
# A repeated table is recognised by this number of its first records.
MAX_COMPARED_RECORDS = 3
# A note directly below the records has at least so many words.
MIN_SENTENCE_WORDS = 4
# How often, on average, a cell is read in search of a second table. In a file with records of several types, text and
# values alternate, so that each row might start a table, and the search would take too long.
MAX_READS_PER_CELL = 5
NOTE = re.compile(
    r"\s*(?:notes?\b|sources?\b|quelle|hinweis|anmerkung|fuente|nota\b|remark|footnote|legend|copyright|©|\*|†|‡|[¹²³]"
    r"|\(\w\)\s|\[\w\]|\d\)\s|#|--+|==+|\x1a|generated|printed|exported|created by|report|page \d|last updated"
    r"|data as of|end of|total rows"
    r"|\(?\d[\d,.]* (?:rows?|records?|lines?)\b|rows? (?:returned|affected))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TableEnd:
    """`position`: that of the first row after the table; `dropped`: those of repeated headers within it."""

    position: int
    note: str = ""
    dropped: frozenset[int] = field(default_factory=frozenset)


def warn_of_rows_left_out(count: int, note: str) -> Notice:
    """Return the warning that `count` rows below the table are not read. `note`: that of the TableEnd."""
    return Notice("rows_left_out", f"{count} row{'s are' if count > 1 else ' is'} not read: {note}")


def warn_of_repeated_header(count: int) -> Notice:
    """Return the warning that the header is repeated below. `count`: the number of dropped rows."""
    return Notice("rows_left_out", f"the header is repeated below: {count} repeated or blank rows are not read")


def find_end(rows: Rows, start: int, width: int, header: Sequence[str] = (), only_footer: bool = False) -> TableEnd:
    """Find the end of the table whose records begin at position `start`. `header`: its header row, as in the file."""
    sample = [fields for _, fields in rows[start : start + SAMPLE_ROWS] if len(fields) == width]
    above = [fields for _, fields in rows[start : find_blank_row(rows, start)] if len(fields) == width]
    body = profile_columns(above[:SAMPLE_ROWS] if len(above) > 2 else sample, width)
    search = _EndSearch(rows, start, width, list(header), body)
    end = TableEnd(len(rows)) if only_footer else search.find_second_table()
    if end.position < len(rows):
        return end
    footer = search.find_footer()
    if footer == len(rows):
        return end
    is_blank = not any(any(fields) for _, fields in rows[footer:])
    return TableEnd(footer, "" if is_blank else f"notes below the table begin in row {rows[footer][0]}", end.dropped)


def find_blank_row(rows: Rows, start: int) -> int:
    """Return the position of the first row that is empty or follows a blank line, or the number of rows."""
    for position in range(start, len(rows)):
        if not any(rows[position][1]) or (position > start and _has_gap_above(rows, position)):
            return position
    return len(rows)


def _has_gap_above(rows: Rows, position: int) -> bool:
    """Return whether there are blank lines above this row."""
    if position == 0:
        return False
    line, fields = rows[position - 1]
    if rows[position][0] <= line + 1:
        # nearly always, and faster than counting the line breaks
        return False
    breaks = sum(cell.count("\n") or cell.count("\r") for cell in fields)
    return rows[position][0] > line + 1 + breaks


@dataclass
class _EndSearch:
    """The search for the end of one table. `body`: the kinds of its columns."""

    rows: Rows
    start: int
    width: int
    header: list[str]
    body: Sequence[ColumnKinds]

    def __post_init__(self) -> None:
        # of the row that was classified last
        self._kinds_before: list[str] = []
        self._classified = -1
        cells = sum(len(fields) for _, fields in self.rows)
        self._reads_left = MAX_READS_PER_CELL * (cells + SAMPLE_ROWS * max(self.width, 1))

    def find_second_table(self) -> TableEnd:
        """Return the end before a second table. A header that is repeated at a page break is dropped and not an end."""
        dropped: list[int] = []
        for position in range(self.start, len(self.rows)):
            fields = self.rows[position][1]
            is_apart = self._is_apart(position)
            if self.header and fields == self.header and any(fields):
                if self._is_repeated(position):
                    return self._make_end(position, dropped)
                dropped += [*range(self._skip_blank_above(position), position), position]
            elif self._reads_left < 0:
                continue
            elif (is_apart and self._starts_apart(position)) or (
                self._starts_at_once(position) if len(fields) != self.width else self._starts_as_wide(position)
            ):
                return self._make_end(position, dropped)
        return TableEnd(len(self.rows), dropped=frozenset(dropped))

    def _make_end(self, position: int, dropped: list[int]) -> TableEnd:
        note = f"a second table begins in row {self.rows[position][0]}"
        return TableEnd(self._skip_blank_above(position), note, frozenset(dropped))

    def _is_apart(self, position: int) -> bool:
        if position == self.start or not any(self.rows[position][1]):
            return False
        return not any(self.rows[position - 1][1]) or _has_gap_above(self.rows, position)

    def _is_repeated(self, position: int) -> bool:
        """Return whether the same table is repeated: its first records follow the header."""
        count = min(MAX_COMPARED_RECORDS, len(self.rows) - position - 1, position - self.start)
        later = [fields for _, fields in self.rows[position + 1 : position + 1 + count]]
        return count > 0 and later == [fields for _, fields in self.rows[self.start : self.start + count]]

    def _starts_apart(self, position: int) -> bool:
        """Return whether another header, perhaps below titles, follows a blank row."""
        filled = (fields for _, fields in self.rows[position : position + SAMPLE_ROWS] if any(fields))
        rest = list(islice(filled, MAX_SECOND_TITLES + COMPARED_ROWS))
        titles = 0
        while titles < min(MAX_SECOND_TITLES, len(rest) - 2) and count_filled(rest[titles]) == 1 and self.width > 1:
            titles += 1
        rest = rest[titles:]
        if len(rest) < 2 or count_filled(rest[0]) < 2:
            return False
        if titles and self.header and rest[0] == self.header:
            return True
        width, same = len(rest[0]), [row for row in rest[:COMPARED_ROWS] if len(row) == len(rest[0])]
        if width != self.width:
            if len(same) < 2 or not looks_like_header(rest[0]):
                return False
            return not count_votes(rest[0], self._profile_rows([*rest[1:], *filled], width))[1]
        for_header, for_data = count_votes(rest[0], self.body)
        if for_header >= 2 and not for_data and looks_like_header(rest[0]):
            return True
        return self._starts_as_wide(position, min_names=1) or self._starts_alike(position)

    def _starts_at_once(self, position: int) -> bool:
        """Return whether nearly all rows from here on have another width and the first looks like a header."""
        fields = self.rows[position][1]
        width, count = len(fields), min(SAMPLE_ROWS, len(self.rows) - position)
        if width < 2 or count < MIN_TABLE_ROWS or self._same_width_counts[position] < MIN_SAME_WIDTH_SHARE * count:
            return False
        common = min(width, len(self.header))
        if common > 1 and fields[:common] == self.header[:common]:
            return True
        if not looks_like_header(fields):
            return False
        below = [fields for _, fields in self.rows[position + 1 : position + SAMPLE_ROWS]]
        for_header, for_data = count_votes(fields, self._profile_rows(below, width))
        return for_header > 0 and not for_data

    def _starts_as_wide(self, position: int, min_names: int = 2) -> bool:
        """Return whether a header of the same width is above values of other kinds than those of this table.

        `min_names`: how many of its names cannot be values of this table; fewer are enough after a blank row.
        """
        if position < self.start + 2:
            return False
        fields = self.rows[position][1]
        if (min_names > 1 and not self._has_new_texts(position)) or not looks_like_header(fields):
            return False
        before = self._profile_range(max(self.start, position - SAMPLE_ROWS), position)
        for_header, for_data = count_votes(fields, before)
        if for_header < min_names or for_data:
            return False
        after = self._profile_range(position + 1, position + SAMPLE_ROWS)
        own_header, own_data = count_votes(fields, after)
        typed = [(old, new) for old, new in zip(before, after, strict=True) if old.kinds and new.count > 1]
        changed = sum(not old.kinds & new.kinds for old, new in typed)
        return own_header > 0 and not own_data and changed >= max(1, len(before) * MIN_OTHER_KINDS_PART)

    def _has_new_texts(self, position: int) -> bool:
        """Return whether a field is a text and the one above it is not."""
        before = self._kinds_before if self._classified == position - 1 else self._classify_row(position - 1)
        self._kinds_before, self._classified = self._classify_row(position), position
        # most rows have none
        return "text" in self._kinds_before and any(
            new == "text" != old for new, old in zip(self._kinds_before, before, strict=False)
        )

    def _classify_row(self, position: int) -> list[str]:
        return list(map(classify_value, self.rows[position][1]))

    def _starts_alike(self, position: int) -> bool:
        """Return whether this is a row of other names than the header, none of which is a value of its column."""
        fields, header = self.rows[position][1], self.header
        has_enough_rows = self.start + 2 <= position < len(self.rows) - 2
        if not has_enough_rows or len(header) != self.width:
            return False
        # Where there are many blank rows, an odd value may follow one of them.
        if not all(map(str.strip, fields)) or self._apart_count > 1:
            return False
        before = self._profile_range(max(self.start, position - SAMPLE_ROWS), position)
        after = self._profile_range(position + 1, position + SAMPLE_ROWS)
        proven = [
            count_votes(names, columns) for names, columns in ((header, before), (fields, before), (fields, after))
        ]
        is_other = not set(map(str.casefold, fields)) & set(map(str.casefold, header))
        return is_other and looks_like_header(fields) and all(votes and not against for votes, against in proven)

    @cached_property
    def _apart_count(self) -> int:
        return sum(map(self._is_apart, range(self.start, len(self.rows))))

    @cached_property
    def _same_width_counts(self) -> list[int]:
        """For each row, how many of the SAMPLE_ROWS rows from it on have its width."""
        widths = [len(fields) for _, fields in self.rows]
        ahead: Counter[int] = Counter()
        counts = [0] * len(widths)
        for position in range(len(widths) - 1, -1, -1):
            ahead[widths[position]] += 1
            if position + SAMPLE_ROWS < len(widths):
                ahead[widths[position + SAMPLE_ROWS]] -= 1
            counts[position] = ahead[widths[position]]
        return counts

    def _profile_range(self, start: int, end: int) -> list[ColumnKinds]:
        return self._profile_rows([row for _, row in self.rows[start:end] if len(row) == self.width], self.width)

    def _profile_rows(self, rows: Sequence[Sequence[str]], width: int) -> list[ColumnKinds]:
        self._reads_left -= len(rows) * width
        return profile_columns(rows, width)

    def find_footer(self) -> int:
        """Return the position from which only notes and rows of only delimiters follow."""
        first = end = self._skip_blank_above(len(self.rows))
        if self.width < 2:
            return end
        for position in range(end - 1, max(self.start, end - MAX_FOOTER_ROWS) - 1, -1):
            fields = self.rows[position][1]
            if any(fields) and not self._may_be_note(fields):
                break
            if self._is_apart(position) or (position == first - 1 and self._is_note(fields)):
                first = position
        else:
            # So much text is not a footer.
            return end
        return self._skip_blank_above(first)

    def _skip_blank_above(self, position: int) -> int:
        while position > self.start and not any(self.rows[position - 1][1]):
            position -= 1
        return position

    def _may_be_note(self, fields: Sequence[str]) -> bool:
        """Return whether a row can be a note if it is apart from the table."""
        if len(fields) == self.width and count_filled(fields) > 1:
            for_header, for_data = count_votes(fields, self.body)
            is_prose = for_header > 0 and not for_data and len(fields[0].split()) > 2
            return is_prose or (bool(NOTE.match(fields[0])) and not _has_fitting_value(fields, self.body))
        if count_filled(fields) == 1 and not fields[0].strip() and len(fields) == self.width:
            # A note begins on the left.
            return False
        return count_filled(fields) == 0 or not _has_fitting_value(fields, self.body)

    def _is_note(self, fields: Sequence[str]) -> bool:
        """Return whether a row is a note even directly below the records."""
        if self.width < 2 or count_filled(fields) == 0:
            return False
        text = fields[0].strip()
        is_alone = count_filled(fields) == 1 and bool(text)
        is_sentence = len(text.split()) >= MIN_SENTENCE_WORDS or text.endswith((".", ":"))
        if is_alone and len(fields) in (1, self.width):
            return bool(NOTE.match(text)) or (is_sentence and classify_value(text) == "text" and self.width > 2)
        return len(fields) != self.width and bool(NOTE.match(text)) and not _has_fitting_value(fields, self.body)


def _has_fitting_value(fields: Sequence[str], body: Sequence[ColumnKinds]) -> bool:
    """Return whether some field has the kind of its column."""
    return any(classify_value(cell) in column.kinds for cell, column in zip(fields, body, strict=False))
