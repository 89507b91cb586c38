"""Which tables there are to look at, with their columns: what the reader's login may select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.errors import MissingError, UsageError
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

NUMBER_TYPES = frozenset(("smallint", "integer", "bigint", "numeric", "real", "double precision"))
LINEAGE = ("dataset_id", "source_row")
# Of dba only what an import fills: the suite's own views are the operator's.
_VISIBLE = """c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
    and (n.nspname <> 'dba' or exists (
        select 1 from dba.v_import_health h where h.target_table = n.nspname || '.' || c.relname))"""


@dataclass(frozen=True)
class Column:
    """One column; `type` as PostgreSQL writes it."""

    name: str
    type: str
    comment: str

    @property
    def kind(self) -> str:
        """What it is for the eye: number, time, text."""
        base = self.type.partition("(")[0]
        if base in NUMBER_TYPES:
            return "number"
        return "time" if base.startswith(("timestamp", "date", "time")) else "text"


@dataclass(frozen=True)
class Relation:
    """One table or view."""

    schema: str
    name: str
    is_table: bool
    estimate: int  # rows, by the planner's statistics; -1 where there are none
    comment: str
    columns: tuple[Column, ...] = ()

    @property
    def full_name(self) -> str:
        """schema.table."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """For a statement."""
        return sql.Identifier(self.schema, self.name)

    @property
    def has_lineage(self) -> bool:
        """Whether each row says which dataset it is of."""
        return self.is_table and any(column.name == "dataset_id" for column in self.columns)

    def column(self, name: str) -> Column:
        """A column by its name; raises UsageError where there is none of it."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UsageError(f"{self.full_name} has no column {name!r}", "Choose one of its columns.")


def listed(cursor: Cursor) -> list[Relation]:
    """Every table there is to look at; the _current view of a target is left out: its table shows the current rows."""
    found = connections.rows(
        cursor,
        f"""select n.nspname as schema, c.relname as name, c.relkind in ('r', 'p') as is_table,
                c.reltuples::bigint as estimate, coalesce(obj_description(c.oid), '') as comment
            from pg_class c join pg_namespace n on n.oid = c.relnamespace where {_VISIBLE}
            order by n.nspname, c.relname""",
    )
    tables = {(row["schema"], row["name"]) for row in found if row["is_table"]}
    hidden = [
        row for row in found
        if not row["is_table"] and (row["schema"], row["name"].removesuffix("_current")) in tables
    ]  # fmt: skip
    return [Relation(**row) for row in found if row not in hidden]


def find(cursor: Cursor, full_name: str) -> Relation:
    """One table by schema.table; raises MissingError where there is none that the reader may see."""
    schema, _, name = full_name.partition(".")
    row = connections.first(
        cursor,
        f"""select c.oid, n.nspname as schema, c.relname as name, c.relkind in ('r', 'p') as is_table,
                c.reltuples::bigint as estimate, coalesce(obj_description(c.oid), '') as comment
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = %s and c.relname = %s and {_VISIBLE}""",
        (schema, name),
    )
    if row is None:
        raise MissingError(f"there is no table {full_name}, or it is not for reading", "See the list of tables.")
    columns = _columns(cursor, row.pop("oid"))
    return Relation(**row, columns=columns)


def _columns(cursor: Cursor, oid: Any) -> tuple[Column, ...]:
    cursor.execute(
        """select attname, format_type(atttypid, atttypmod), coalesce(col_description(attrelid, attnum), '')
           from pg_attribute where attrelid = %s and attnum > 0 and not attisdropped order by attnum""",
        (oid,),
    )
    return tuple(Column(*row) for row in cursor.fetchall())


def current_datasets(cursor: Cursor, full_name: str) -> tuple[list[int], list[int], int]:
    """Of a target: the numbers of its current datasets, of all others, and how many rows are current.

    `cursor` as etl.
    """
    cursor.execute(
        """select dataset_id, rows_loaded, dataset_id in (select dataset_id from dba.v_current_dataset)
           from dba.tdataset where target_table = %s""",
        (full_name,),
    )
    found = cursor.fetchall()
    current = [row[0] for row in found if row[2]]
    return current, [row[0] for row in found if not row[2]], sum(row[1] for row in found if row[2])
