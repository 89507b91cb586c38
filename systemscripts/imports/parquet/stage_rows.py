"""Let DuckDB read the lines of a file: it takes values of the usual form; other lines take the checked path."""

from __future__ import annotations

import ast
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from systemscripts import duck
from systemscripts.duck import quote_identifier, quote_literal
from systemscripts.imports.copy_rows import Load
from systemscripts.imports.parquet import duckdb_types
from systemscripts.imports.values.row_checks import Equation
from systemscripts.tables.model import Lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

logger = logging.getLogger(__name__)

TABLE = "staged"
# DuckDB's mark for a missing field, which no file contains
ABSENT = "\x01\x02"
# no column of a file has such a name, because names do not contain $ (tables/column_names.py)
TEXT_PREFIX, VALUE_PREFIX, IS_GOOD = "c$", "v$", "is$good"
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


@dataclass(frozen=True)
class StagedRows:
    """The number of `good` rows, and the `lines` of the file that need the checked path, in order."""

    good: int
    lines: Sequence[int]


def stage_rows(connection: DuckDBPyConnection, load: Load, lines: Lines) -> StagedRows | None:
    """Read the file into the table `staged`; return None if that is not possible and all rows need the checked path.

    The table's rowid counts the records: DuckDB keeps the order of a file (DuckDB manual, "Order Preservation").
    """
    if not _can_stage(load):
        return None
    import duckdb

    try:
        connection.execute(_build_statement(load, lines))
        if _count_rows(connection, TABLE) != lines.last - lines.first + 1:
            raise ValueError("some records take several lines, or none")
        doubtful = _find_doubtful_rows(connection, load)
    except (duckdb.Error, ValueError) as error:
        # line breaks in quotes, damaged text, numbers too long to multiply: only speed is lost
        logger.info("%s is read row by row: %s", lines.path.name, str(error).partition("\n")[0])
        connection.execute(f"drop table if exists {TABLE}")
        return None
    total = lines.last - lines.first + 1
    return StagedRows(total - len(doubtful), [lines.first + rowid for rowid in doubtful])


def _can_stage(load: Load) -> bool:
    rules = load.rules
    usual = all(
        field.index is not None and field.null == {""} and duckdb_types.is_castable_as_is(field.column)
        for field in rules.fields
    )
    divided = any(
        isinstance(node, ast.Div) for e in rules.equations for side in (e.left, e.right) for node in ast.walk(side)
    )
    # DuckDB numbers the rows of a table as rowid, unless a column has this name
    names = {field.name for field in rules.fields} | {rules.extras_name}
    return usual and "rowid" not in names and not (rules.skip_if or rules.transform or divided)


def _build_statement(load: Load, lines: Lines) -> str:
    """Return the statement that reads the file: the values of each row, and whether all its texts are good."""
    rules, width = load.rules, load.rules.width
    names = ", ".join(f"'{TEXT_PREFIX}{index}': 'varchar'" for index in range(width + 1))
    casts, values = [], []
    # neither too few fields nor too many
    tests = [f"{TEXT_PREFIX}{width - 1} is not null", f"{TEXT_PREFIX}{width} is null"]
    for field in rules.fields:
        name = f"{VALUE_PREFIX}{field.index}"
        value, test = duckdb_types.cast_as_is(f"{TEXT_PREFIX}{field.index}", name, field.column)
        casts.append(f"{value} as {name}")
        values.append(f"{name} as {quote_identifier(field.name)}")
        tests.append(test)
    columns_by_name = {field.name: f"{VALUE_PREFIX}{field.index}" for field in rules.fields}
    tests += [_build_equation(field, columns_by_name) for field in rules.equations]
    if rules.extras_name:
        values.append(f"{_build_extras(rules.extras)} as {quote_identifier(rules.extras_name)}")
    # the values in a subquery: otherwise DuckDB would convert each text twice
    return f"""create temp table {TABLE} as
        select {", ".join(values)}, coalesce({" and ".join(tests)}, false) as {IS_GOOD}
        from (select *, {", ".join(casts)} from read_csv({duck.quote_path(lines.path)},
            auto_detect = false, header = false, skip = {lines.first - 1},
            delim = {quote_literal(lines.wire.delimiter)}, quote = {quote_literal(lines.wire.quote)},
            escape = {quote_literal(lines.wire.quote)}, new_line = {_name_line_end(lines.line_end)},
            nullstr = {quote_literal(ABSENT)}, null_padding = true,
            hive_partitioning = false, columns = {{{names}}}))"""


def _name_line_end(line_end: str) -> str:
    return r"'\r\n'" if line_end == "\r\n" else r"'\n'"


def _build_equation(equation: Equation, columns: dict[str, str]) -> str:
    """Return the test of an equation; a row that lacks one of the values is not checked."""
    known = " and ".join(f"{columns[name]} is not null" for name in equation.names)
    left, right = _build_expression(equation.left, columns), _build_expression(equation.right, columns)
    return f"(case when {known} then abs(({left}) - ({right})) <= {equation.tolerance:f} else true end)"


def _build_expression(node: ast.expr, columns: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return columns[node.id]
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.UnaryOp):
        return f"-({_build_expression(node.operand, columns)})"
    assert isinstance(node, ast.BinOp)
    left, right = _build_expression(node.left, columns), _build_expression(node.right, columns)
    return f"({left} {_OPERATORS[type(node.op)]} {right})"


def _build_extras(indexes: dict[str, int]) -> str:
    """Return the SQL for the undeclared columns as one JSON object, written as the checked path writes it."""
    if not indexes:
        return "null::varchar"
    parts = [
        f"case when {TEXT_PREFIX}{index} <> '' "
        f"then {quote_literal(_quote_json_key(name))} || to_json({TEXT_PREFIX}{index})::varchar end"
        for name, index in indexes.items()
    ]
    joined = f"concat_ws(', ', {', '.join(parts)})"
    return f"case when {joined} <> '' then '{{' || {joined} || '}}' end"


def _quote_json_key(name: str) -> str:
    import json

    return json.dumps(name, ensure_ascii=False) + ": "


def _find_doubtful_rows(connection: DuckDBPyConnection, load: Load) -> list[int]:
    """Return in order the rowids of rows that may not be good; each distinct lookup value is tested once."""
    conditions = [f"not {IS_GOOD}"]
    for number, field in enumerate(load.rules.fields):
        if field.column.checks.lookup:
            known = sorted(load.rules.lookups[field.column.checks.lookup])
            type_name = duckdb_types.to_duckdb_type(field.column)
            name = quote_identifier(field.name)
            connection.execute(
                f"create temp table known as select try_cast(value as {type_name}) as value "
                "from (select unnest(?::varchar[]) as value)",
                [known],
            )
            connection.execute(
                f"create temp table unknown_{number} as "
                f"select value from (select distinct {name} as value from {TABLE}) "
                "where value is not null and value not in (select value from known where value is not null)"
            )
            connection.execute("drop table known")
            if _count_rows(connection, f"unknown_{number}"):
                conditions.append(f"{name} in (select value from unknown_{number})")
    rows: list[tuple[Any, ...]] = connection.execute(
        f"select rowid from {TABLE} where {' or '.join(conditions)} order by rowid"
    ).fetchall()
    return [row[0] for row in rows]


def _count_rows(connection: DuckDBPyConnection, table: str) -> int:
    row: Any = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0])
