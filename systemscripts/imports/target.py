"""The shape of a target table: planned against a file's columns, extended by additive DDL, never dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from psycopg2 import sql

from systemscripts.configuration.column_schema import COLUMN_TYPES, MAX_SCALE, Column
from systemscripts.datasets.lake import Lake
from systemscripts.db_utils import Cursor, reader_rights
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.imports import comments
from systemscripts.imports.layout import Layout
from systemscripts.tables import lineage
from systemscripts.tables.lineage import LINEAGE, ROW_HASH

# of a table, including dropped columns (PostgreSQL, MaxHeapAttributeNumber)
MAX_COLUMNS = 1600
_POSTGRESQL_TYPES = {  # PostgreSQL's own names of the types
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}
_TYPES_BY_POSTGRESQL_NAME = {spelling: kind for kind, spelling in _POSTGRESQL_TYPES.items()} | {"smallint": "integer"}


@dataclass
class Plan:
    """What loading a file does to its target's shape."""

    schema: str
    table: str
    columns: list[str]  # that are loaded, in the order of the rows
    types: dict[str, str]
    headers: dict[str, str]  # column -> header as the client wrote it
    shape: Layout
    key_columns: list[str] = field(default_factory=list)  # load mode upsert
    create: bool = False
    added: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # in the target or declared, not in the file
    lake: Lake | None = None  # a folder of Parquet files instead of a table
    stands_for: str = ""  # the target's name where a table of this session takes its place (--dry-run)

    @property
    def name(self) -> str:
        """schema.table, or parquet:folder."""
        if self.lake is not None:
            return self.lake.name
        if self.stands_for:
            return self.stands_for
        return f"{self.schema}.{self.table}"

    @property
    def copied(self) -> list[str]:
        """The columns as COPY gets them, after the lineage."""
        return [*self.columns, ROW_HASH] if self.shape.hashed else self.columns

    @property
    def compares(self) -> bool:
        """Whether a load looks at the rows that are there."""
        return bool(self.key_columns) or self.shape.hashed

    def statements(self) -> list[sql.Composed]:
        """The DDL, without the comments."""
        if self.lake is not None:
            return []
        table = sql.Identifier(self.schema, self.table)
        new = self.definitions(self.added)
        if self.create:
            columns = [sql.SQL(lineage.define_columns(self.shape.hashed)), *new]
            keys = sql.SQL(", ").join(map(sql.Identifier, self.key_columns))
            return [
                sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)),
                # summarised by the next autovacuum: until then every query would read all that was loaded since
                sql.SQL("create index on {} using brin (dataset_id) with (autosummarize = on)").format(table),
                *([sql.SQL("create index on {} ({})").format(table, keys)] if self.key_columns else []),
                *([sql.SQL("create unique index on {} (row_hash)").format(table)] if self.shape.hashed else []),
            ]
        if not new:
            return []
        added = sql.SQL(", ").join(sql.SQL("add column {}").format(column) for column in new)
        return [sql.SQL("alter table {} {}").format(table, added)]

    def definitions(self, names: list[str]) -> list[sql.Composed]:
        """Columns as CREATE TABLE wants them."""
        return [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(self.types[name])) for name in names]


def plan_target(cursor: Cursor, schema: str, table: str, shape: Layout, strategy: int) -> Plan:
    """Compare the columns of a file with its target under an import strategy (dba.timportstrategy).

    Raises BadDataError when columns are missing and the strategy refuses that, ConfigurationError when the target is a
    table that no import made, or a column of it has another type than declared.
    """
    made = Plan(schema, table, shape.names, shape.types, shape.headers, shape, ignored=list(shape.dropped))
    existing = load_columns(cursor, schema, table)
    made.missing = shape.find_missing([name for name in list(existing or ())[2:] if name != ROW_HASH])
    if strategy == 3 and made.missing and shape.width:  # a file without any column is a state, no other layout
        raise BadDataError(
            f"columns are missing: {', '.join(made.missing)}",
            "Ask the sender for them, or set importstrategyid to 1 or 2.",
        )
    if existing is None:
        made.create, made.added = True, list(made.columns)
        _check_column_count(cursor, made)
        return made
    if list(existing)[:2] != list(LINEAGE):
        raise ConfigurationError(
            f"{made.name} is not a table of an import: no table that begins with {', '.join(LINEAGE)}",
            "Name another target.",
        )
    if shape.hashed and ROW_HASH not in existing:
        raise ConfigurationError(
            f"{made.name} was loaded in another load mode, its rows have no {ROW_HASH}", "Name another target."
        )
    new = [name for name in made.columns if name not in existing]
    if strategy == 1:
        made.added = new
    else:
        made.ignored += new
        made.columns = [name for name in made.columns if name in existing]
        made.shape = shape.without(new)
    _check_types(made, existing)
    if made.added:
        _check_column_count(cursor, made)
    return made


def _check_column_count(cursor: Cursor, made: Plan) -> None:
    """Refuse what would need more columns than a table can have, before anything is done."""
    cursor.execute(
        "select coalesce(max(attnum), 0), count(*) filter (where attisdropped) from pg_attribute "
        "where attrelid = to_regclass(%s)",
        (f'"{made.schema}"."{made.table}"',),
    )
    row: Any = cursor.fetchone()
    used, dropped = row
    used = used or len(LINEAGE) + made.shape.hashed
    if used + len(made.added) <= MAX_COLUMNS:
        return
    if made.create:
        raise BadDataError(
            f"it has {len(made.added):,} columns, a table of PostgreSQL at most {MAX_COLUMNS:,}, {used} of them ours",
            "Name the columns that are needed in the schema, with strict_mode: true, or load it into Parquet files "
            "(target: {parquet: folder}).",
        )
    raise BadDataError(
        f"{len(made.added)} new columns ({', '.join(made.added[:3])} ...) do not fit into {made.name}: it has "
        f"{used - dropped:,} and had {dropped:,} that were dropped, which count, of at most {MAX_COLUMNS:,}",
        "Leave new columns out (importstrategyid: 2), keep them in one (extras_json), or name another target_table.",
    )


def _check_types(made: Plan, existing: dict[str, str]) -> None:
    """Changing a type is an explicit act; it never happens in passing. Undeclared columns keep what they have."""
    declared, undeclared = made.shape.declared, {}
    for name in made.columns:
        if name in existing and name not in declared:
            made.types[name] = existing[name]
            if existing[name] != "text":
                undeclared[name] = _parse_type(existing[name])
        elif name in existing and existing[name] != to_postgresql_type(made.types[name]):
            raise ConfigurationError(
                f"column {name} of {made.name} is {existing[name]}, declared is {made.types[name]}",
                "Run apply_config.py, which converts what is there, or declare it as it is.",
            )
    made.shape = made.shape.with_columns(undeclared)


def _parse_type(spelling: str) -> Column:
    """Return what a type of PostgreSQL is in a schema, so that its values are judged as if it were declared there.

    Text for every other type, whose values PostgreSQL judges alone.
    """
    number = re.fullmatch(r"numeric\(\d+,(\d+)\)", spelling)
    if number and int(number[1]) <= MAX_SCALE:
        return Column(type="numeric", scale=int(number[1]))
    kind = _TYPES_BY_POSTGRESQL_NAME.get(spelling, spelling)
    return Column.model_validate({"type": kind}) if kind in COLUMN_TYPES else Column()


def to_postgresql_type(kind: str) -> str:
    """PostgreSQL's own name of a declared type."""
    return _POSTGRESQL_TYPES.get(kind, kind)


def load_columns(cursor: Cursor, schema: str, table: str) -> dict[str, str] | None:
    """The columns of a table with their types, None when there is nothing, empty when it is something else."""
    cursor.execute(
        """select a.attname, format_type(a.atttypid, a.atttypmod)
           from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relname = %s and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
           order by a.attnum""",
        (schema, table),
    )
    rows: list[tuple[str, str]] = cursor.fetchall()
    if rows:
        return dict(rows)
    cursor.execute("select to_regclass(%s) is null", (f'"{schema}"."{table}"',))
    return None if cursor.fetchone() == (True,) else {}


def extend_table(cursor: Cursor, made: Plan, config_name: str, file_id: int, run_uuid: str) -> None:
    """Carry out a plan's DDL, note the headers, refresh the view of current rows, record each statement."""
    headers = {name: made.headers.get(name, "") for name in made.columns}
    statements = made.statements()
    if not statements:
        comments.comment_headers(cursor, made.schema, made.table, headers)
        return
    cursor.execute("select to_regnamespace(%s) is null", (f'"{made.schema}"',))
    if cursor.fetchone() == (True,):
        statements.insert(0, sql.SQL("create schema {}").format(sql.Identifier(made.schema)))
    _lock_view(cursor, made)
    for statement in (*statements, build_current_view(made.schema, made.table)):
        run_ddl(cursor, statement, made.name, config_name, run_uuid, file_id)
    if made.create:
        comments.comment_table(cursor, made.schema, made.table, config_name)
    comments.comment_headers(cursor, made.schema, made.table, headers)
    for name in (made.table, f"{made.table}_current"):
        reader_rights.grant_target(cursor, made.schema, name)


def _lock_view(cursor: Cursor, made: Plan) -> None:
    """Lock the view before its table, in the order in which readers do: the other way round each waits for the other.

    LOCK TABLE would lock every table that the view reads as well; taking away an option that is not set changes nothing
    and locks the view alone (PostgreSQL manual, ALTER VIEW).
    """
    view = sql.Identifier(made.schema, f"{made.table}_current")
    cursor.execute(sql.SQL("alter view if exists {} reset (security_barrier)").format(view))


def run_ddl(
    cursor: Cursor, statement: sql.Composed, target: str, config_name: str, run_uuid: str, file_id: int | None = None
) -> None:
    """Change the shape of a target, and record the statement in dba.tschemachange."""
    cursor.execute(statement)
    cursor.execute(
        """insert into dba.tschemachange (target_table, statement, config_name, file_id, run_uuid)
           values (%s, %s, %s, %s, %s)""",
        (target, statement.as_string(cursor), config_name, file_id, run_uuid),
    )


def build_current_view(schema: str, table: str) -> sql.Composed:
    """The view of the current rows; replaced, it takes up new columns at its end and keeps its grants."""
    statement = """create or replace view {view} as select t.* from {table} t
        where t.dataset_id in (select d.dataset_id from dba.v_current_dataset d where d.target_table = {name})"""
    return sql.SQL(statement).format(
        view=sql.Identifier(schema, f"{table}_current"),
        table=sql.Identifier(schema, table),
        name=sql.Literal(f"{schema}.{table}"),
    )
