"""The values of one load as texts: all of them, or of a large file exact counts and rows spread over it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# Up to here every value is read: some 0.1 s, a tenth of the load of so many rows.
MAX_EXACT_ROWS = 50_000
SAMPLE_ROWS = 20_000
# Of wide tables fewer rows are read: so many values at once, of rows that are all read and of a sample.
MAX_EXACT_VALUES = 2_000_000
MAX_SAMPLE_VALUES = 800_000
# Longer texts are cut: what is compared are lengths of codes and names, not of letters.
MAX_TEXT_CHARACTERS = 500


@dataclass
class Sample:
    """Values by column, all of one length, in the order of the file; None where a field is empty.

    `rows` and `filled` count the whole load.
    """

    names: list[str]
    columns: dict[str, tuple[str | None, ...]]
    rows: int
    filled: dict[str, int]
    is_estimated: bool = False
    types: dict[str, str] = field(default_factory=dict)
    # of columns with declared expectations: how often each value occurs in the whole load
    exact_counts: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many rows were read."""
        return len(next(iter(self.columns.values()))) if self.columns else 0


def read_table(
    cursor: Cursor, relation: sql.Composable, dataset_id: int, types: dict[str, str], key: Sequence[str] = (),
    exact: Sequence[str] = (),
) -> Sample:  # fmt: skip
    """Read what a load has put into a table.

    `key`: by which rows of a large file are drawn, so that rows of one key stay together. `exact`: columns of which
    every value is counted.
    """
    names = list(types)
    condition = sql.SQL("from {} i where dataset_id = {}").format(relation, sql.Literal(dataset_id))
    cursor.execute(sql.SQL("select count(*) ") + condition)
    counted: Any = cursor.fetchone()
    rows = counted[0]
    if not names or not rows:
        return Sample(names, {}, rows, {}, types=types)
    values = sql.SQL(", ").join(_as_text(name, types[name]) for name in names)
    step = _find_step(rows, len(names))
    if step == 1:
        cursor.execute(sql.SQL("select {} ").format(values) + condition + sql.SQL(" order by source_row"))
        return _build(names, types, cursor.fetchall(), rows)
    counts = sql.SQL(", ").join(sql.SQL("count({})").format(sql.Identifier(name)) for name in names)
    cursor.execute(sql.SQL("select {} ").format(counts) + condition)
    counted = cursor.fetchone()
    drawn: sql.Composable = sql.SQL("source_row")
    if key:
        texts = sql.SQL(" || '|' || ").join(sql.SQL("coalesce({}::text, '')").format(sql.Identifier(n)) for n in key)
        drawn = sql.SQL("abs(hashtext({})::bigint)").format(texts)
    cursor.execute(
        sql.SQL("select {} ").format(values)
        + condition
        + sql.SQL(" and {} % {} = 0 order by source_row").format(drawn, sql.Literal(step))
    )
    sample = _build(names, types, cursor.fetchall(), rows)
    sample.filled, sample.is_estimated = dict(zip(names, counted, strict=True)), True
    for name in exact:
        value = _as_text(name, types[name])
        cursor.execute(sql.SQL("select {}, count(*) ").format(value) + condition + sql.SQL(" group by 1"))
        sample.exact_counts[name] = Counter({value: count for value, count in cursor.fetchall() if value is not None})
    return sample


def read_parquet(path: Path, types: dict[str, str], spill: Path) -> Sample:
    """Read what a load has written into a Parquet file."""
    from systemscripts import duck

    with duck.open_session(spill) as connection:
        source = f"read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')"
        described = connection.execute(f"describe select * from {source}").fetchall()
        names = [name for name, *_ in described if name in types]
        types = {name: types[name] for name in names}
        counts = ", ".join(["count(*)", *(f"count({_quote(name)})" for name in names)])
        rows, *exact = connection.execute(f"select {counts} from {source}").fetchone() or (0,)
        if not names or not rows:
            return Sample(names, {}, rows, {}, types=types)
        values = ", ".join(f"left({_quote(name)}::varchar, {MAX_TEXT_CHARACTERS})" for name in names)
        step = _find_step(rows, len(names))
        where = f" where source_row % {step} = 0" if step > 1 else ""
        fetched = connection.execute(f"select {values} from {source}{where} order by source_row").fetchall()
        sample = _build(names, types, fetched, rows)
        sample.filled, sample.is_estimated = dict(zip(names, exact, strict=True)), step > 1
    return sample


def _find_step(rows: int, columns: int) -> int:
    """Return of how many rows one is read."""
    if rows <= min(MAX_EXACT_ROWS, MAX_EXACT_VALUES // columns):
        return 1
    return math.ceil(rows / max(1, min(SAMPLE_ROWS, MAX_SAMPLE_VALUES // columns)))


def _build(names: list[str], types: dict[str, str], rows: list[tuple[str | None, ...]], total: int) -> Sample:
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    filled = {name: len(values) - values.count(None) for name, values in columns.items()}
    return Sample(names, columns, total, filled, types=types)


def _as_text(name: str, declared: str) -> sql.Composable:
    text = sql.SQL("{}::text").format(sql.Identifier(name))
    if declared == "text" or declared.startswith(("text[", "json")):
        return sql.SQL("left({}, {})").format(text, sql.Literal(MAX_TEXT_CHARACTERS))
    return text


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
