"""Copy raw records of load mode new_rows as texts: the server hashes them, and then converts them to their types.

The hash of a row is over its texts in the file (see `validate_rows`), which are lost in a table with types. The server
computes the same hash five times as fast as Python.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.imports.target_plan import Plan
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.lineage import LINEAGE, ROW_HASH

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

STAGE_TABLE = "incoming_texts"
# of a function (PostgreSQL, FUNC_MAX_ARGS)
MAX_ARGUMENTS = 100
# A cast of a text to one of these does what COPY does; one to bit or to a domain may cut the text.
_TYPES = frozenset({
    "text", "character varying", "smallint", "integer", "bigint", "numeric", "boolean", "date",
    "time", "time without time zone", "timestamp", "timestamp without time zone",
    "timestamptz", "timestamp with time zone",
})  # fmt: skip


class TextStage:
    """A temporary table with the records of one block, as texts; `plan`: to copy into it.

    A record that was converted already has its hash, a raw one has none.
    """

    def __init__(self, cursor: Cursor, plan: Plan, rules: Rules) -> None:
        self._cursor = cursor
        self.plan = replace(plan, schema="pg_temp", table=STAGE_TABLE)
        stage = sql.Identifier("pg_temp", STAGE_TABLE)
        names = list(map(sql.Identifier, plan.columns))
        definitions = sql.SQL("").join(sql.SQL(", {} text").format(name) for name in names)
        cursor.execute(
            sql.SQL("create temporary table {} ({} integer, {} integer, {} uuid{}) on commit drop").format(
                stage, *map(sql.Identifier, (*LINEAGE, ROW_HASH)), definitions
            )
        )
        self.clear = sql.SQL("truncate {}; ").format(stage)
        self._move = sql.SQL(_MOVE).format(
            target=sql.Identifier(plan.schema, plan.table),
            stage=stage,
            columns=sql.SQL(", ").join(map(sql.Identifier, [*LINEAGE, ROW_HASH, *plan.columns])),
            lineage=sql.SQL(", ").join(map(sql.Identifier, LINEAGE)),
            row_hash=sql.Identifier(ROW_HASH),
            text=_build_text(rules.fields),
            values=sql.SQL("").join(
                sql.SQL(f", {{}}::{_without_limits(plan.types[column])}").format(name)
                for column, name in zip(plan.columns, names, strict=True)
            ),
        )  # fmt: skip

    def move_rows(self) -> int:
        """Insert the rows into the target with their hashes; return how many. Raises psycopg2.Error as COPY does."""
        self._cursor.execute(self._move)
        return self._cursor.rowcount

    def drop(self) -> None:
        """Drop the table: one transaction may load several files."""
        self._cursor.execute(sql.SQL("drop table {}").format(sql.Identifier("pg_temp", STAGE_TABLE)))


def can_stage(plan: Plan) -> bool:
    """Return whether a cast converts the texts of all columns as COPY does."""
    return all(_without_limits(plan.types[name]) in _TYPES for name in plan.columns)


def _without_limits(type_name: str) -> str:
    """Return a type without its length: an explicit cast would cut a text that is too long, which INSERT refuses."""
    return re.sub(r"\(.*?\)", "", type_name)


def _build_text(fields: Sequence[Field]) -> sql.Composable:
    """Return the SQL for what is hashed of a row, as in `validate_rows._hash_rows`.

    An empty field is NULL here, and so is what stands for it, which concat leaves out.
    """
    names = sorted(field.name for field in fields if field.column.from_column is None)
    pairs = [(sql.Literal(f"{name}="), sql.Identifier(name)) for name in names]
    parts = [sql.SQL("{0} || length({1}) || ':' || {1}").format(*pair) for pair in pairs]
    groups = [parts[at : at + MAX_ARGUMENTS] for at in range(0, len(parts), MAX_ARGUMENTS)]
    texts = [sql.SQL("concat({})").format(sql.SQL(", ").join(group)) for group in groups]
    return sql.SQL(" || ").join(texts or [sql.SQL("''")])


# The first 16 bytes of SHA-256, as a UUID.
_MOVE = """
    insert into {target} ({columns})
    select {lineage},
        coalesce({row_hash}, encode(substr(sha256(convert_to({text}, 'UTF8')), 1, 16), 'hex')::uuid){values}
    from {stage}"""
