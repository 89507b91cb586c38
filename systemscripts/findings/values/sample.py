"""The values of one load as texts: all of them, or of a large file exact counts and rows spread over it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.tables.lineage import Extent

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# A look may cost a tenth of the load, and to read a value takes as long as loading a tenth of a row. So a small file is
# read whole, and of a large one as many rows as give so many values. Shares are compared to some points: 5,000 rows
# tell them to one, and more would only take time.
MAX_EXACT_VALUES = 20_000
SAMPLED_PART = 50
MIN_SAMPLE_VALUES = 10_000
MAX_SAMPLE_VALUES = 50_000
# First rows of a large load without a key, by which it is found which column names a row, and what share of them must
# have a value of their own: by a column of few values whole groups of rows would be drawn, or none of them.
PREVIEWED_ROWS = 1000
MIN_DIFFERENT_SHARE = 0.3
# From PostgreSQL 16 on aggregates of different values may sort whole rows.
PRESORTING_VERSION = 160_000
NUMBER_TYPES = frozenset(("integer", "bigint", "numeric", "smallint", "double precision", "real"))
DATE_TYPES = frozenset(("date", "timestamp", "timestamptz"))
# Longer texts are cut: what is compared are lengths of codes and names, not of letters.
MAX_TEXT_CHARACTERS = 500


@dataclass
class Sample:
    """Values by column, all of one length, in the order of the file; None where a field is empty.

    `rows`, `filled`, `last_days` (the latest date of a column) and `keys` (the key, or the column that comes nearest to
    one; how many differ is then computed from the sample) are of the whole load. `keeps_twins`: rows that occur more
    than once in the load do so in the sample, because all rows of one value were drawn.
    """

    names: list[str]
    columns: dict[str, tuple[str | None, ...]]
    rows: int
    filled: dict[str, int]
    is_estimated: bool = False
    types: dict[str, str] = field(default_factory=dict)
    # of columns with declared expectations: how often each value occurs in the whole load
    exact_counts: dict[str, Counter[str]] = field(default_factory=dict)
    last_days: dict[str, str] = field(default_factory=dict)
    # only of a sample, by the columns of a key: how many rows of the load have one, and how many different ones
    keys: dict[tuple[str, ...], tuple[int, int]] = field(default_factory=dict)
    keeps_twins: bool = False
    # only of a sample, of numbers whose first or last value may be their total
    sums: dict[str, float] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many rows were read."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def may_have_total(self, name: str) -> bool:
        """Whether the first or last value of a number is about the sum of all others, as a sample can tell."""
        if not is_number(self.types[name]):
            return False
        first, *between, last = (float(value or 0) for value in self.columns[name])
        estimate = math.fsum(between) * self.filled[name] / len(between)
        return any(abs(end - estimate) <= abs(estimate) / 2 for end in (first, last)) and estimate != 0


def read_table(
    cursor: Cursor, relation: sql.Composable, dataset_id: int, types: dict[str, str], extent: Extent,
    key: Sequence[str] = (), exact: Sequence[str] = (),
) -> Sample:  # fmt: skip
    """Read what a load has put into a table.

    `key`: by which rows of a large file are drawn, so that rows of one key stay together. `exact`: columns of which
    every value is counted.
    """
    quick = {"enable_seqscan": "off", "work_mem": "'64MB'"}
    if cursor.connection.server_version >= PRESORTING_VERSION:
        quick["enable_presorted_aggregate"] = "off"
    # the index on dataset_id spares the rows of all loads before, which the planner does not know yet;
    # and to sort whole rows by their key, or on disk, costs more than all else
    cursor.execute("; ".join(f"set local {name} = {value}" for name, value in quick.items()))
    sample = _read_load(cursor, relation, dataset_id, types, extent, key, exact)
    cursor.execute("; ".join(f"set local {name} to default" for name in quick))
    return sample


def _read_load(
    cursor: Cursor, relation: sql.Composable, dataset_id: int, types: dict[str, str], extent: Extent,
    key: Sequence[str], exact: Sequence[str],
) -> Sample:  # fmt: skip
    names = list(types)
    if not names or not extent.rows:
        return Sample(names, {}, extent.rows, {}, types=types)
    load = sql.SQL("from {} i where dataset_id = {}").format(relation, sql.Literal(dataset_id))
    values = sql.SQL(", ").join(_as_text(name, types[name]) for name in names)
    days = [name for name in names if is_date(types[name])]
    step, drawn_by = find_step(extent.rows, len(names)), key
    condition: sql.Composable = sql.SQL("")
    if step > 1:
        drawn_by = key or _find_best_column(cursor, values, load, names)
        # a total stands in the first or last row, and a file is cut in the last one
        condition = sql.SQL(" filter (where {} & {} = 0 or source_row in ({}, {}))").format(
            _draw_by(drawn_by, types), *map(sql.Literal, (step - 1, extent.first, extent.last))
        )
    # all in one pass over the rows, which several processes of the server share
    drawing = sql.SQL(", array_agg(array[source_row::text, {}]){} ").format(values, condition)
    rows, keys, different, *figures, drawn = _fetch_row(
        cursor, _count_columns(names, days, key, types) + drawing + load
    )
    in_order = sorted(drawn or (), key=lambda row: int(row[0]))
    columns = dict(zip(names, list(zip(*in_order, strict=True))[1:] or [()] * len(names), strict=True))
    sample = Sample(names, columns, rows, dict(zip(names, figures, strict=False)), step > 1, types)
    sample.last_days = dict(zip(days, figures[len(names) :], strict=True))
    if sample.is_estimated:
        sample.keeps_twins = bool(drawn_by)
        if key:
            sample.keys[tuple(key)] = (keys, different)
        elif drawn_by:
            sample.keys[tuple(drawn_by)] = _estimate_different(sample, *drawn_by)
        for name in filter(sample.may_have_total, names):
            sample.sums[name] = float(
                _fetch_row(cursor, sql.SQL("select sum({}) ").format(sql.Identifier(name)) + load)[0]
            )
    for name in exact:
        statement = sql.SQL("select {}::text, count(*) ").format(sql.Identifier(name)) + load
        cursor.execute(statement + sql.SQL(" group by 1"))
        sample.exact_counts[name] = Counter({text: count for text, count in cursor.fetchall() if text is not None})
    return sample


def _fetch_row(cursor: Cursor, statement: sql.Composable) -> Any:
    cursor.execute(statement)
    return cursor.fetchone()


def _find_best_column(cursor: Cursor, values: sql.Composable, load: sql.Composable, names: list[str]) -> list[str]:
    """Return the column that names a row best in the first rows of a load; none where no column names some."""
    cursor.execute(sql.SQL("select {} {} limit {}").format(values, load, sql.Literal(PREVIEWED_ROWS)))
    columns = list(zip(*cursor.fetchall(), strict=True))
    different = [len({value for value in column if value is not None}) for column in columns]
    most = max(different, default=0)
    return [names[different.index(most)]] if columns and most >= MIN_DIFFERENT_SHARE * len(columns[0]) else []


def _estimate_different(sample: Sample, name: str) -> tuple[int, int]:
    """Return how many rows of a load have a value in the column by which a sample was drawn, and how many differ."""
    values = [value for value in sample.columns[name] if value is not None]
    filled = sample.filled[name]
    return filled, round(filled * len(set(values)) / len(values)) if values else 0


def _count_columns(
    names: Sequence[str], days: Sequence[str], key: Sequence[str], types: dict[str, str]
) -> sql.Composable:
    """Return the begin of a query for what is counted of the whole load."""
    figures = [sql.SQL("select count(*)"), _count_keys(key, types)]
    figures += [sql.SQL("count({})").format(sql.Identifier(name)) for name in names]
    figures += [sql.SQL("max({})::text").format(sql.Identifier(name)) for name in days]
    return sql.SQL(", ").join(figures)


def _count_keys(key: Sequence[str], types: dict[str, str]) -> sql.Composable:
    """Return the expressions for how many keys there are, and how many different ones; of texts by their check sums."""
    if not key:
        return sql.SQL("0, 0")
    value = _join_key(key, types)
    if not _is_whole_number(key, types):
        value = sql.SQL("hashtextextended({}, 0)").format(value)
    return sql.SQL("count({0}), count(distinct {0})").format(value)


def _draw_by(key: Sequence[str], types: dict[str, str]) -> sql.Composable:
    """Return the number by which rows are drawn."""
    if not key:
        return sql.SQL("source_row")
    by_hash = (
        "coalesce(hashint8({}), source_row)" if _is_whole_number(key, types) else "coalesce(hashtext({}), source_row)"
    )
    return sql.SQL(by_hash).format(_join_key(key, types))


def _is_whole_number(key: Sequence[str], types: dict[str, str]) -> bool:
    return len(key) == 1 and types[key[0]] in ("integer", "bigint")


def _join_key(key: Sequence[str], types: dict[str, str]) -> sql.Composable:
    """Return a key as one value, NULL where a part of it is empty."""
    if _is_whole_number(key, types):
        return sql.Identifier(key[0])
    return sql.SQL(" || '|' || ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in key)


def read_parquet(
    path: Path, types: dict[str, str], spill: Path, key: Sequence[str] = (), exact: Sequence[str] = ()
) -> Sample:
    """Read what a load has written into a Parquet file; `exact`: columns of which every value is counted."""
    from systemscripts import duck

    with duck.open_session(spill) as connection:
        source = f"read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')"
        described = connection.execute(f"describe select * from {source}").fetchall()
        names = [name for name, *_ in described if name in types]
        types = {name: types[name] for name in names}
        days = [name for name in names if is_date(types[name])]
        figures = [*(f"count({_quote(name)})" for name in names), *(f"max({_quote(name)})::varchar" for name in days)]
        if key_names := [name for name in key if name in names]:
            whole = " and ".join(f"{_quote(name)} is not null" for name in key_names)
            counts = ("count(*)", f"count(distinct ({', '.join(map(_quote, key_names))}))")
            figures += [f"{count} filter (where {whole})" for count in counts]
        counted: Any = connection.execute(f"select {', '.join(['count(*)', *figures])} from {source}").fetchone()
        rows = counted[0]
        if not names or not rows:
            return Sample(names, {}, rows, {}, types=types)
        values = ", ".join(f"left({_quote(name)}::varchar, {MAX_TEXT_CHARACTERS})" for name in names)
        step = find_step(rows, len(names))
        where = f" where source_row % {step} = 0" if step > 1 else ""
        fetched = connection.execute(f"select {values} from {source}{where} order by source_row").fetchall()
        sample = Sample(
            names, _turn(names, fetched), rows, dict(zip(names, counted[1:], strict=False)), step > 1, types
        )
        sample.last_days = dict(zip(days, counted[1 + len(names) :], strict=False))
        if sample.is_estimated and key_names:
            sample.keys[tuple(key_names)] = counted[-2:]
        for name in (name for name in exact if name in types):
            statement = f"select {_quote(name)}::varchar, count(*) from {source} group by 1"
            texts = connection.execute(statement).fetchall()
            sample.exact_counts[name] = Counter({text: count for text, count in texts if text is not None})
    return sample


def find_step(rows: int, columns: int) -> int:
    """Return of how many rows one is read: a power of two, so that files of like size draw the same keys."""
    if rows * columns <= MAX_EXACT_VALUES:
        return 1
    values_to_read = min(max(rows * columns / SAMPLED_PART, MIN_SAMPLE_VALUES), MAX_SAMPLE_VALUES)
    return int(2 ** round(math.log2(rows * columns / values_to_read)))


def is_number(column_type: str) -> bool:
    """Whether a type is one of numbers."""
    return column_type in NUMBER_TYPES or column_type.startswith("numeric")


def is_date(column_type: str) -> bool:
    """Whether a type is one of dates or of times of a date."""
    return column_type in DATE_TYPES or column_type.startswith("timestamp")


def _turn(names: list[str], rows: list[tuple[str | None, ...]]) -> dict[str, tuple[str | None, ...]]:
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())


def _as_text(name: str, declared: str) -> sql.Composable:
    text = sql.SQL("{}::text").format(sql.Identifier(name))
    if declared == "text" or declared.startswith(("text[", "json")):
        return sql.SQL("left({}, {})").format(text, sql.Literal(MAX_TEXT_CHARACTERS))
    return text


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
