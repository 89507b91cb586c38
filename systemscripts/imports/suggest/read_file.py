"""Read a file for a proposal: the profile of its columns, its rows that are not data, its first rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from systemscripts.errors import BadDataError
from systemscripts.imports.reading_options import convert_given
from systemscripts.imports.suggest import profile_table, skip_proposals
from systemscripts.imports.suggest.column_profile import ColumnProfile
from systemscripts.imports.suggest.find_layout import find_layout
from systemscripts.imports.suggest.report_rows import SkipProposal
from systemscripts.imports.values import skip_rows, split_fields
from systemscripts.imports.values.skip_rows import SkipRule
from systemscripts.summary import Notice
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import Block, Detected, Lines, ReadingOptions, Table
from systemscripts.tables.open_table import open_table

# enough to see how a file ends
LAST_ROWS = 200
LAST_BYTES = 2**17
# the first lines of the last bytes may be the rest of a record
MAX_REST_LINES = 50


@dataclass
class FileFacts:
    """What was read of one file; `rows`: how many records, `first`: the values of each column in the first ones."""

    path: Path
    headers: Sequence[str]
    profiles: dict[str, ColumnProfile]
    rows: int
    skips: list[SkipProposal]
    first: dict[str, list[str]]
    detected: Detected = field(default_factory=Detected)
    notes: list[str] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)
    # how the file itself types its columns
    types: dict[str, dict[str, object]] = field(default_factory=dict)
    # the keys of `reading` that it was read with, because it needs them
    layout: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Kept:
    """The first and the last records of a table."""

    records: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    last: Block = field(default_factory=lambda: Block([], ()))
    rows: int = 0

    def add(self, block: Block) -> None:
        """Keep what is needed of a block."""
        missing = skip_proposals.FIRST_ROWS - len(self.records)
        if missing > 0:
            self.records += block.records[:missing]
            self.lines += list(block.rows[:missing])
        self.last, self.rows = block, self.rows + len(block.records)


class _WatchedTable(Table):
    """A table whose blocks are shown to `watch` in the first pass, and that leaves out the rows of some rules."""

    def __init__(self, table: Table, watch: Callable[[Block], None], rules: Sequence[SkipRule] = ()) -> None:
        self._table, self._watch, self._rules = table, watch, rules
        self.columns, self.wire, self.detected = table.columns, table.wire, table.detected
        self.parse = table.parse  # type: ignore[method-assign]

    def lines(self) -> Lines | None:
        """Return the lines of the file, unless some rows are left out."""
        return None if self._rules else self._table.lines()

    def content_sha256(self) -> str:
        """Return the hash of the whole table."""
        return self._table.content_sha256()

    def close(self) -> None:
        """Close the table."""
        self._table.close()

    def blocks(self) -> Iterator[Block]:
        """Yield the records that are data."""
        for block in self._table.blocks():
            self._watch(block)
            data = self._remove_rows(block) if self._rules else block
            # a block may have nothing but a total
            if data.records:
                yield data
        self._watch = lambda block: None

    def _remove_rows(self, block: Block) -> Block:
        split = split_fields.split_block(block, self._table, len(self.columns))
        lines = {split.lines[row] for row in skip_rows.find_rows_to_skip(split.columns, self._rules)}
        kept = [(record, line) for record, line in zip(block.records, block.rows, strict=True) if line not in lines]
        return Block([record for record, _ in kept], [line for _, line in kept]) if lines else block


def read_file(path: Path, advance: Callable[[int], None], options: ReadingOptions = ReadingOptions()) -> FileFacts:
    """Read a whole file. Raises BadDataError when it is empty, truncated or not a table.

    `options`: what a person says about reading it; the rest is detected, and without them also types of records,
    columns of fixed width without names, and the path of nested records.
    """
    layout = find_layout(path) if options == ReadingOptions() and path.is_file() else {}
    if not layout:
        return _read_as_table(path, advance, options)
    try:
        facts = _read_as_table(path, advance, replace(options, **convert_given(layout)))
    except BadDataError:
        # what was found does not hold for the whole file
        return _read_as_table(path, advance, options)
    facts.layout = layout
    return facts


def _read_as_table(path: Path, advance: Callable[[int], None], options: ReadingOptions) -> FileFacts:
    """Read a whole file with these options."""
    with open_table(path, options) as table:
        names, kept = make_column_names(table.columns), _Kept()
        profiles, rows = profile_table.profile_columns(_WatchedTable(table, kept.add), names, advance)
        if kept.rows < rows and (lines := table.lines()):
            kept.last, kept.rows = _read_last_records(lines, table), rows
        first = split_fields.split_block(Block(kept.records, kept.lines), table, len(names))
        first.columns = first.columns or [()] * len(names)
        skips = _find_skips(table, names, first, kept)
        sure = [proposal.rule for proposal in skips if proposal.is_sure]
        if sure:
            rules = skip_rows.compile_rules(sure, names)
            # once more, as the load will read it: a total must decide neither types nor keys
            data = _WatchedTable(table, lambda block: None, rules)
            profiles, rows = profile_table.profile_columns(data, names, lambda done: None)
            split_fields.remove_rows(first, rules)
        warned = [notice.text for notice in table.warnings]
        return FileFacts(
            path,
            table.columns,
            dict(zip(names, profiles, strict=True)),
            rows,
            skips,
            {name: list(values) for name, values in zip(names, first.columns, strict=True)},
            table.detected,
            list(dict.fromkeys(warned)),
            list(table.warnings),
            {
                name: {"type": table.column_types[header]["type"]}
                for name, header in zip(names, table.columns, strict=True)
                if header in table.column_types
            },
        )


def _read_last_records(lines: Lines, table: Table) -> Block:
    """Return the last records of a file that another program has read: those that all have the right width."""
    with lines.path.open("rb") as stream:
        stream.seek(max(0, lines.path.stat().st_size - LAST_BYTES))
        parts = stream.read().rstrip(b"\r\n").split(lines.line_end.encode())
    for first in range(1, min(MAX_REST_LINES, len(parts))):
        block = _join_lines(parts[first:], lines.last - len(parts) + first + 1, lines)
        if block.records and not split_fields.split_block(block, table, len(table.columns)).rejects:
            return block
    return Block([], ())


def _join_lines(parts: Sequence[bytes], line: int, lines: Lines) -> Block:
    """Return the records of some lines, of which the first is `line`: one ends where all quotes are closed."""
    end, quote = lines.line_end.encode(), lines.wire.quote.encode()
    records: list[bytes] = []
    rows: list[int] = []
    is_open = False
    for number, part in enumerate(parts, start=line):
        if is_open:
            records[-1] += end + part
        else:
            records.append(part)
            rows.append(number)
        is_open ^= part.count(quote) % 2 == 1
    return Block(records, rows)


def _find_skips(table: Table, names: list[str], first: split_fields.SplitBlock, kept: _Kept) -> list[SkipProposal]:
    """Return the rules for rows that are not data, found in the first rows and in the last ones."""
    is_whole = kept.rows <= skip_proposals.FIRST_ROWS
    proposals = skip_proposals.propose_rules(names, table.columns, first.columns, first.lines, is_whole)
    if not is_whole:
        tail = Block(kept.last.records[-LAST_ROWS:], kept.last.rows[-LAST_ROWS:])
        last = split_fields.split_block(tail, table, len(names))
        known = [proposal.rule for proposal in proposals]
        more = skip_proposals.propose_rules(names, table.columns, last.columns, last.lines, True)
        proposals += [proposal for proposal in more if proposal.rule not in known]
    return proposals
