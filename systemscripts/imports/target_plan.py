"""Plan and extend target tables: compare them with a file's columns, and add columns; nothing is ever dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.commands import format_command
from systemscripts.configuration.column_schema import COLUMN_TYPES, MAX_SCALE, Column
from systemscripts.db_utils import Cursor, reader_rights
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.imports import comments
from systemscripts.imports.column_layout import Layout
from systemscripts.tables import lineage
from systemscripts.tables.lineage import LINEAGE, ROW_HASH

if TYPE_CHECKING:
    from systemscripts.datasets.lake import Lake

# the schema of our ledger; a target in another database has one of its own (systemscripts/target_database)
OWN_LEDGER = "dba"
# of a table, including dropped columns (PostgreSQL, MaxHeapAttributeNumber)
MAX_COLUMNS = 1600
# PostgreSQL's own names of the types
_POSTGRESQL_TYPES = {
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}
_TYPES_BY_POSTGRESQL_NAME = {"smallint": "integer", **{name: key for key, name in _POSTGRESQL_TYPES.items()}}


@dataclass
class Plan:
    """What loading a file does to its target's columns."""

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
    stands_for: str = ""  # the target's name if another database has it, or a table of this session (--dry-run)
    ledger: str = OWN_LEDGER  # the schema of the ledger next to the target

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
        """Return the columns for COPY, after the lineage columns."""
        return [*self.columns, ROW_HASH] if self.shape.hashed else self.columns

    @property
    def needs_target_rows(self) -> bool:
        """Return whether a load compares with the rows in the target."""
        return bool(self.key_columns) or self.shape.hashed

    def statements(self) -> list[sql.Composed]:
        """Return the DDL statements, without the comments on columns."""
        if self.lake is not None:
            return []
        table = sql.Identifier(self.schema, self.table)
        new = self.definitions(self.added)
        if self.create:
            columns = [sql.SQL(lineage.define_columns(self.shape.hashed)), *new]
            keys = sql.SQL(", ").join(map(sql.Identifier, self.key_columns))
            return [
                sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)),
                # without autosummarize every query would read all rows loaded since the last vacuum
                sql.SQL("create index on {} using brin (dataset_id) with (autosummarize = on)").format(table),
                *([sql.SQL("create index on {} ({})").format(table, keys)] if self.key_columns else []),
            ]
        if not new:
            return []
        added = sql.SQL(", ").join(sql.SQL("add column {}").format(column) for column in new)
        return [sql.SQL("alter table {} {}").format(table, added)]

    def index_of_hashes(self) -> sql.Composed:
        """Return the statement for the index that a target of new_rows gets behind its first rows."""
        return sql.SQL("create unique index on {} (row_hash)").format(sql.Identifier(self.schema, self.table))

    def definitions(self, names: list[str]) -> list[sql.Composed]:
        """Return the definitions of columns for CREATE TABLE."""
        return [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(self.types[name])) for name in names]


def plan_target(
    cursor: Cursor, schema: str, table: str, shape: Layout, strategy: int, elsewhere: tuple[str, str] = ("", OWN_LEDGER)
) -> Plan:
    """Plan a load: compare the columns of a file with its target by an import strategy (dba.timportstrategy).

    `elsewhere`: of a target in another database its name, and the schema of the ledger there. Raises BadDataError when
    columns are missing and the strategy refuses that, ConfigurationError when the target is not a table
    of an import, or has a column of another type than declared.
    """
    plan = Plan(schema, table, shape.names, shape.types, shape.headers, shape, ignored=list(shape.dropped))
    plan.stands_for, plan.ledger = elsewhere
    existing = load_columns(cursor, schema, table)
    plan.missing = shape.find_missing([name for name in list(existing or ())[2:] if name != ROW_HASH])
    # a file without any column is an empty state, not a wrong layout
    if strategy == 3 and plan.missing and shape.width:
        raise BadDataError(
            f"columns are missing: {', '.join(plan.missing)}",
            "Ask the sender for them, or set importstrategyid to 1 or 2.",
        )
    if existing is None:
        plan.create, plan.added = True, list(plan.columns)
        _check_column_count(cursor, plan)
        return plan
    if list(existing)[:2] != list(LINEAGE):
        raise ConfigurationError(
            f"{plan.name} is not a table of an import: it does not begin with the columns {', '.join(LINEAGE)}",
            "Name another target.",
        )
    if shape.hashed and ROW_HASH not in existing:
        raise ConfigurationError(
            f"{plan.name} was loaded in another load mode: its rows have no {ROW_HASH}", "Name another target."
        )
    new = [name for name in plan.columns if name not in existing]
    if strategy == 1:
        plan.added = new
    else:
        plan.ignored += new
        plan.columns = [name for name in plan.columns if name in existing]
        plan.shape = shape.without(new)
    _check_types(plan, existing)
    if plan.added:
        _check_column_count(cursor, plan)
    return plan


def _check_column_count(cursor: Cursor, plan: Plan) -> None:
    """Raise BadDataError when the target would need more columns than a table can have."""
    cursor.execute(
        "select coalesce(max(attnum), 0), count(*) filter (where attisdropped) from pg_attribute "
        "where attrelid = to_regclass(%s)",
        (f'"{plan.schema}"."{plan.table}"',),
    )
    row: Any = cursor.fetchone()
    used, dropped = row
    used = used or len(LINEAGE) + plan.shape.hashed
    if used + len(plan.added) <= MAX_COLUMNS:
        return
    if plan.create:
        raise BadDataError(
            f"it has {len(plan.added):,} columns, but a PostgreSQL table has at most {MAX_COLUMNS:,}, "
            f"{used} of them ours",
            "List the columns you need in the schema, with strict_mode: true, or load the file into Parquet files "
            "(target: {parquet: folder}).",
        )
    raise BadDataError(
        f"{len(plan.added)} new columns ({', '.join(plan.added[:3])} ...) do not fit into {plan.name}: of at most "
        f"{MAX_COLUMNS:,} columns it has {used - dropped:,}, and {dropped:,} dropped ones count too",
        "Leave new columns out (importstrategyid: 2), keep them in one (extras_json), or name another target_table.",
    )


def _check_types(plan: Plan, existing: dict[str, str]) -> None:
    """Raise ConfigurationError when a column has another type than declared; undeclared columns keep their type."""
    declared, undeclared = plan.shape.declared, {}
    for name in plan.columns:
        if name in existing and name not in declared:
            plan.types[name] = existing[name]
            if existing[name] != "text":
                undeclared[name] = _parse_type(existing[name])
        elif name in existing and existing[name] != to_postgresql_type(plan.types[name]):
            convert = f"Run {format_command('apply_config')}, which converts the values"
            if plan.ledger != OWN_LEDGER:
                convert = f"Its owner changes it there (alter table {plan.schema}.{plan.table} alter column {name} ...)"
            raise ConfigurationError(
                f"column {name} of {plan.name} is {existing[name]}, but declared as {plan.types[name]}",
                f"{convert}, or declare the type it has.",
            )
    plan.shape = plan.shape.with_columns(undeclared)


def _parse_type(spelling: str) -> Column:
    """Return a PostgreSQL type as a declared column, so that its values are checked as if it were declared.

    Returns text for every other type: PostgreSQL alone checks its values.
    """
    number = re.fullmatch(r"numeric\(\d+,(\d+)\)", spelling)
    if number and int(number[1]) <= MAX_SCALE:
        return Column(type="numeric", scale=int(number[1]))
    type_name = _TYPES_BY_POSTGRESQL_NAME.get(spelling, spelling)
    return Column.model_validate({"type": type_name}) if type_name in COLUMN_TYPES else Column()


def to_postgresql_type(type_name: str) -> str:
    """Return PostgreSQL's own name of a declared type."""
    return _POSTGRESQL_TYPES.get(type_name, type_name)


def load_columns(cursor: Cursor, schema: str, table: str) -> dict[str, str] | None:
    """Return the columns of a table with their types; None when nothing has this name, {} when it is not a table."""
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


def extend_table(
    cursor: Cursor, plan: Plan, config_name: str, file_id: int, run_uuid: str, home: Cursor | None = None
) -> None:
    """Run a plan's DDL, comment the headers, replace the view of current rows, and record each statement.

    `home`: of the ledger, if the target is in another database.
    """
    headers = {name: plan.headers.get(name, "") for name in plan.columns}
    statements = plan.statements()
    if not statements:
        comments.comment_headers(cursor, plan.schema, plan.table, headers)
        return
    cursor.execute("select to_regnamespace(%s) is null", (f'"{plan.schema}"',))
    if cursor.fetchone() == (True,):
        statements.insert(0, sql.SQL("create schema {}").format(sql.Identifier(plan.schema)))
    _lock_view(cursor, plan)
    for statement in (*statements, build_current_view(plan.schema, plan.table, plan.name, plan.ledger)):
        run_ddl(cursor, statement, plan.name, config_name, run_uuid, file_id, home)
    if plan.create:
        comments.comment_table(cursor, plan.schema, plan.table, config_name)
    comments.comment_headers(cursor, plan.schema, plan.table, headers)
    # in another database its owner grants who may read
    for name in (plan.table, f"{plan.table}_current") if home is None else ():
        reader_rights.grant_target(cursor, plan.schema, name)


def _lock_view(cursor: Cursor, plan: Plan) -> None:
    """Lock the view before its table, in the order in which readers do: in the other order both could deadlock.

    LOCK TABLE would also lock every table that the view reads; resetting an option that is not set changes nothing and
    locks only the view (PostgreSQL manual, ALTER VIEW).
    """
    view = sql.Identifier(plan.schema, f"{plan.table}_current")
    cursor.execute(sql.SQL("alter view if exists {} reset (security_barrier)").format(view))


def run_ddl(
    cursor: Cursor, statement: sql.Composed, target: str, config_name: str, run_uuid: str, file_id: int | None = None,
    home: Cursor | None = None,
) -> None:  # fmt: skip
    """Run a DDL statement on a target, and record it in dba.tschemachange (of `home`, if that is another database)."""
    cursor.execute(statement)
    (home or cursor).execute(
        """insert into dba.tschemachange (target_table, statement, config_name, file_id, run_uuid)
           values (%s, %s, %s, %s, %s)""",
        (target, statement.as_string(cursor), config_name, file_id, run_uuid),
    )


def build_current_view(schema: str, table: str, name: str, ledger: str = OWN_LEDGER) -> sql.Composed:
    """Return the statement for the view of current rows; replacing it adds new columns at its end and keeps grants."""
    statement = """create or replace view {view} as select t.* from {table} t
        where t.dataset_id in (select d.dataset_id from {ledger}.v_current_dataset d where d.target_table = {name})"""
    return sql.SQL(statement).format(
        view=sql.Identifier(schema, f"{table}_current"),
        table=sql.Identifier(schema, table),
        name=sql.Literal(name),
        ledger=sql.Identifier(ledger),
    )
