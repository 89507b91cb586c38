"""The rows' way into a Parquet file: the same rules and rejects as the way into a table, DuckDB as the writer.

Where the file's lines are its records, DuckDB reads them itself and tests each value by a rule that is narrower than
the checks; only the lines that fail it go the checked way. Everything else goes the checked way from the start: checked
values wait in a temporary file of text. At the end both are written as one file (parquet_writing).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts.configuration import ImportConfig
from systemscripts.datasets import lake
from systemscripts.datasets.lake import Lake
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError
from systemscripts.imports.copy_rows import Load
from systemscripts.imports.layout import Layout
from systemscripts.imports.parquet import duckdb_types, parquet_writer, staging
from systemscripts.imports.rejects import Rejects, store_rejects
from systemscripts.imports.target import Plan
from systemscripts.imports.values.validate_rows import RowChecker
from systemscripts.summary import Counts
from systemscripts.tables.model import Block

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def plan_target(cursor: Cursor, config: ImportConfig, shape: Layout, directories: Directories) -> Plan:
    """What a file adds to its folder under the import strategy; there is no DDL, each file has its own columns.

    Raises BadDataError when columns are missing and the strategy refuses that.
    """
    name = config.target_table
    target = Lake(name, lake.find_folder(name, directories), config.target.months_of)
    fields = [replace(each, column=duckdb_types.set_default_scale(each.column)) for each in shape.fields]
    made = Plan("", "", shape.names, shape.types, shape.headers, replace(shape, fields=fields), lake=target)
    made.ignored = list(shape.dropped)
    existing = lake.find_columns(cursor, name)
    made.missing = shape.find_missing(sorted(existing))
    known = set(existing) | shape.declared
    new = [column for column in made.columns if existing and column not in known]
    if config.importstrategyid != 1 and new:
        made.ignored += new
        made.columns = [column for column in made.columns if column not in new]
        made.shape = made.shape.without(new)
    if config.importstrategyid == 3 and made.missing and shape.width:
        raise BadDataError(
            f"columns are missing: {', '.join(made.missing)}",
            "Ask the sender for them, or set importstrategyid to 1 or 2.",
        )
    return made


def copy_table(cursor: Cursor, load: Load, advance: Callable[[int], None]) -> tuple[Counts, Rejects]:
    """Write all records of a load into the Parquet file of its dataset; returns the counts and the rejects (stored).

    The file is whole, on the disk and named by its dataset when this returns; it is visible with the commit.
    Raises EtlError when it cannot be written.
    """
    target = load.made.lake
    assert target is not None
    if target.write:
        lake.remove_leftovers(cursor, target)
    with parquet_writer.Writer(load, target) as writer:
        counts, rejects = _stage_file(cursor, load, writer, advance)
        if target.write:
            path, months = writer.finish(_find_next_generation(cursor, load.dataset_id, target))
            lake.record_file(cursor, load.dataset_id, path, months)
    return counts, rejects


def _find_next_generation(cursor: Cursor, dataset_id: int, target: Lake) -> int:
    before = lake.find_file_name(cursor, dataset_id)
    generation = 1
    while before is not None and target.path(dataset_id, generation).name != before:
        generation += 1
    return generation + (before is not None)


def find_earlier_file(cursor: Cursor, load: Load) -> Path | None:
    """The file that already holds rows of the dataset: rejected rows are being loaded into it."""
    target = load.made.lake
    name = lake.find_file_name(cursor, load.dataset_id)
    return target.folder / name if target is not None and name else None


def _stage_file(
    cursor: Cursor, load: Load, writer: parquet_writer.Writer, advance: Callable[[int], None]
) -> tuple[Counts, Rejects]:
    """Bring every record to the writer or to the rejects; read = loaded + rejected + skipped."""
    counts, rejects = Counts(), Rejects()
    writer.take_over(find_earlier_file(cursor, load))
    lines = load.table.lines()
    doubtful = staging.stage_rows(writer.connection, load, lines) if lines else None
    if doubtful is not None and lines is not None:
        writer.staged(doubtful, lines)
        counts.loaded = counts.read = doubtful.good
        advance(doubtful.good)
    checker = RowChecker(load.rules)
    for block in _read_doubtful_blocks(load, doubtful):
        checked = checker.check(block, load.table, careful=True)  # no server follows that would find 31 February
        unfit = writer.add(checked, block)
        for found in (checked.rejects, unfit):
            store_rejects(cursor, found, load.file_id, load.dataset_id)
            rejects.add(found)
        counts.read += len(block.records)
        counts.loaded += len(checked.rows) - len(unfit)
        counts.skipped += checked.skipped
        advance(len(block.records))
    counts.rejected = rejects.count
    return counts, rejects


def _read_doubtful_blocks(load: Load, doubtful: staging.StagedRows | None) -> Iterator[Block]:
    """All blocks, or of them the records whose lines are in doubt."""
    if doubtful is None:
        yield from load.table.blocks()
    elif doubtful.lines:
        for block in load.table.blocks():
            wanted = _select_lines(doubtful.lines, block.rows[0], block.rows[-1])
            if wanted:
                place = (
                    {row: number for number, row in enumerate(block.rows)} if not _are_consecutive(block.rows) else None
                )
                numbers = [line - block.rows[0] if place is None else place.get(line, -1) for line in wanted]
                numbers = [number for number in numbers if number >= 0]  # a blank line is no record
                yield Block([block.records[n] for n in numbers], [block.rows[n] for n in numbers])


def _select_lines(lines: Sequence[int], first: int, last: int) -> Sequence[int]:
    return lines[bisect_left(lines, first) : bisect_right(lines, last)]


def _are_consecutive(rows: Sequence[int]) -> bool:
    """Whether rows simply count on."""
    return rows[-1] - rows[0] == len(rows) - 1
