"""Show the first values of each column before and after their conversion, by the load's own checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.imports.target_plan import Plan
from systemscripts.imports.values import lookups, split_fields
from systemscripts.imports.values.validate_rows import RowChecker
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.tables.model import Block

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# enough values to recognise a column
MAX_SAMPLES = 3
# Among so many rows there are that many good ones, if the configuration fits the file at all.
FIRST_RECORDS = 100


def list_originals(file: PreparedFile) -> list[str]:
    """Return the first values of each column of a file, as they are written."""
    split = split_fields.split_block(_read_first_records(file), file.table, len(file.columns))
    return [" | ".join(values[:MAX_SAMPLES]) for values in split.columns]


def list_conversions(cursor: Cursor, file: PreparedFile, plan: Plan) -> list[str]:
    """Return the first good values of each column of a file, with what is stored where that differs.

    Raises ConfigurationError as the load would.
    """
    shown = list_originals(file)
    rules = plan.shape.rules(settings.get_zone(), lookups.load_lookup_values(cursor, plan.shape))
    block = _read_first_records(file)
    checked = RowChecker(rules).check(block, file.table)
    # a transform has columns of its own
    if rules.transform or not checked.rows:
        return shown
    split = split_fields.split_block(block, file.table, len(file.columns))
    rows = [split.lines.index(line) for line in checked.rows[:MAX_SAMPLES]]
    for number, field in enumerate(rules.fields):
        if field.index is not None and field.column.from_column is None:
            originals = [split.columns[field.index][row] for row in rows]
            stored = checked.columns[number][:MAX_SAMPLES]
            shown[field.index] = " | ".join(map(_show_conversion, originals, stored))
    return shown


def _show_conversion(original: str, stored: str) -> str:
    return original if original == stored else f"{original} -> {stored or 'no value'}"


def _read_first_records(file: PreparedFile) -> Block:
    block = next(file.table.blocks(), Block([], ())) if file.columns else Block([], ())
    return Block(block.records[:FIRST_RECORDS], block.rows[:FIRST_RECORDS])
