"""Copy rows into a Parquet file: with the rules and rejects of a copy into a table, and DuckDB as the writer.

If the file's lines are its records, DuckDB reads them itself and tests each value by a rule that is narrower than the
checks; only lines that fail it take the checked path. All other files take the checked path from the start: checked
values wait in a temporary text file. At the end both are written as one file (parquet_writer).
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
from systemscripts.imports.column_layout import Layout
from systemscripts.imports.copy_rows import Load
from systemscripts.imports.parquet import duckdb_types, parquet_writer, stage_rows
from systemscripts.imports.rejects import Rejects, store_rejects
from systemscripts.imports.target_plan import Plan
from systemscripts.imports.values.validate_rows import RowChecker
from systemscripts.summary import Counts
from systemscripts.tables.model import Block

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def plan_target(cursor: Cursor, config: ImportConfig, shape: Layout, directories: Directories) -> Plan:
    """Return what a file adds to its folder under the import strategy; without DDL, as each file has its own columns.

    Raises BadDataError when columns are missing and the strategy refuses that.
    """
    name = config.target_table
    target = Lake(name, lake.find_folder(name, directories), config.target.months_of)
    fields = [replace(field, column=duckdb_types.set_default_scale(field.column)) for field in shape.fields]
    plan = Plan("", "", shape.names, shape.types, shape.headers, replace(shape, fields=fields), lake=target)
    plan.ignored = list(shape.dropped)
    existing = lake.find_columns(cursor, name)
    plan.missing = shape.find_missing(sorted(existing))
    known = set(existing) | shape.declared
    new = [column for column in plan.columns if existing and column not in known]
    if config.importstrategyid != 1 and new:
        plan.ignored += new
        plan.columns = [column for column in plan.columns if column not in new]
        plan.shape = plan.shape.without(new)
    if config.importstrategyid == 3 and plan.missing and shape.width:
        raise BadDataError(
            f"columns are missing: {', '.join(plan.missing)}",
            "Ask the sender for them, or set importstrategyid to 1 or 2.",
        )
    return plan


def copy_table(cursor: Cursor, load: Load, advance: Callable[[int], None]) -> tuple[Counts, Rejects]:
    """Write all records of a load into the Parquet file of its dataset; return the counts and the rejects (stored).

    Afterwards the file is complete, on disk and recorded with its dataset; it is visible with the commit.
    Raises EtlError when it cannot be written.
    """
    target = load.plan.lake
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
    """Return the dataset's file if it exists already, as in a replay of rejected rows."""
    target = load.plan.lake
    name = lake.find_file_name(cursor, load.dataset_id)
    return target.folder / name if target is not None and name else None


def _stage_file(
    cursor: Cursor, load: Load, writer: parquet_writer.Writer, advance: Callable[[int], None]
) -> tuple[Counts, Rejects]:
    """Pass every record to the writer or to the rejects; read = loaded + rejected + skipped."""
    counts, rejects = Counts(), Rejects()
    writer.take_over(find_earlier_file(cursor, load))
    lines = load.table.lines()
    doubtful = stage_rows.stage_rows(writer.connection, load, lines) if lines else None
    if doubtful is not None and lines is not None:
        writer.add_staged(doubtful, lines)
        counts.loaded = counts.read = doubtful.good
        advance(doubtful.good)
    checker = RowChecker(load.rules)
    for block in _read_doubtful_blocks(load, doubtful):
        # careful, because no server follows that would detect 31 February
        checked = checker.check(block, load.table, careful=True)
        unfit = writer.add(checked, block)
        for rejected in (checked.rejects, unfit):
            store_rejects(cursor, rejected, load.file_id, load.dataset_id)
            rejects.add(rejected)
        counts.read += len(block.records)
        counts.loaded += len(checked.rows) - len(unfit)
        counts.skipped += checked.skipped
        advance(len(block.records))
    counts.rejected = rejects.count
    return counts, rejects


def _read_doubtful_blocks(load: Load, doubtful: stage_rows.StagedRows | None) -> Iterator[Block]:
    """Give all blocks, or only the records whose lines are in doubt."""
    if doubtful is None:
        yield from load.table.blocks()
    elif doubtful.lines:
        for block in load.table.blocks():
            lines = _select_lines(doubtful.lines, block.rows[0], block.rows[-1])
            if lines:
                if _are_consecutive(block.rows):
                    indexes = [line - block.rows[0] for line in lines]
                else:
                    index_of_line = {line: index for index, line in enumerate(block.rows)}
                    # a blank line is not a record
                    indexes = [index_of_line[line] for line in lines if line in index_of_line]
                yield Block([block.records[index] for index in indexes], [block.rows[index] for index in indexes])


def _select_lines(lines: Sequence[int], first: int, last: int) -> Sequence[int]:
    return lines[bisect_left(lines, first) : bisect_right(lines, last)]


def _are_consecutive(rows: Sequence[int]) -> bool:
    """Return whether row numbers have no gaps."""
    return rows[-1] - rows[0] == len(rows) - 1
