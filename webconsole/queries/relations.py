"""Query the tables and columns that the reader's login may select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.errors import MissingError, UsageError
from webconsole import connections
from webconsole.security import visibility

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

NUMBER_TYPES = frozenset(("smallint", "integer", "bigint", "numeric", "real", "double precision"))
# of the schema dba only what an import fills: its own views are for the operator
_VISIBLE = """c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
    and (n.nspname <> 'dba' or exists (
        select 1 from dba.v_import_health h where h.target_table = n.nspname || '.' || c.relname))"""


@dataclass(frozen=True)
class Column:
    """One column of a relation; `type` as PostgreSQL writes it."""

    name: str
    type: str
    comment: str
    # its values are not for the user who asks: shown as a mask, and no filter or sort may reveal them
    is_masked: bool = False

    @property
    def display_type(self) -> str:
        """Return how it is displayed: number, time or text."""
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
    # number of rows by the planner's statistics, -1 without statistics
    estimate: int
    comment: str
    columns: tuple[Column, ...] = ()
    # a table that occupies no space; unknown for a view
    is_empty: bool = False

    @property
    def description(self) -> str:
        """Return the comment, "" for the one that a target gets when it is created, which says nothing to people."""
        return "" if self.comment.startswith(("Rows of the import ", "Rows of the imports ")) else self.comment

    @property
    def full_name(self) -> str:
        """Return schema.table."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """Return the quoted name, for a statement."""
        return sql.Identifier(self.schema, self.name)

    @property
    def has_lineage(self) -> bool:
        """Return whether each row names its dataset."""
        return self.is_table and any(column.name == "dataset_id" for column in self.columns)

    @property
    def masked_names(self) -> frozenset[str]:
        """Return the columns that the user of this request may not see."""
        return frozenset(column.name for column in self.columns if column.is_masked)

    def find_column(self, name: str) -> Column:
        """Return a column by its name; raise UsageError if it does not exist."""
        for column in self.columns:
            if column.name == name and not column.is_masked:
                return column
            if column.name == name:
                raise UsageError(f"the column {name} is personal", "Ask the operator for a group that may see it.")
        raise UsageError(f"{self.full_name} has no column {name!r}", "Choose one of its columns.")


def list_relations(cursor: Cursor) -> list[Relation]:
    """Return every table and view that the user of this request may see.

    Without the _current view of a target: its table shows the same rows.
    """
    rows = connections.fetch_rows(
        cursor,
        f"""select n.nspname as schema, c.relname as name, c.relkind in ('r', 'p') as is_table,
                c.reltuples::bigint as estimate, coalesce(obj_description(c.oid), '') as comment,
                c.relkind = 'r' and pg_relation_size(c.oid) = 0 as is_empty
            from pg_class c join pg_namespace n on n.oid = c.relnamespace where {_VISIBLE}
            order by n.nspname, c.relname""",
    )
    tables = {(row["schema"], row["name"]) for row in rows if row["is_table"]}
    hidden = [
        row for row in rows
        if not row["is_table"] and (row["schema"], row["name"].removesuffix("_current")) in tables
    ]  # fmt: skip
    allowed = visibility.current()
    return [Relation(**row) for row in rows if row not in hidden and allowed.may_see(row["schema"], row["name"])]


def find_relation(cursor: Cursor, full_name: str, import_name: str = "") -> Relation:
    """Return a table by schema.table, with the columns masked that the user of this request may not see.

    `import_name`: only lists of this import are asked for. Raise MissingError if it does not exist, or if the reader's
    login or the user may not see it.
    """
    schema, _, name = full_name.partition(".")
    row = connections.fetch_first(
        cursor,
        f"""select c.oid, n.nspname as schema, c.relname as name, c.relkind in ('r', 'p') as is_table,
                c.reltuples::bigint as estimate, coalesce(obj_description(c.oid), '') as comment
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = %s and c.relname = %s and {_VISIBLE}""",
        (schema, name),
    )
    if row is None:
        raise MissingError(
            f"the table {full_name} does not exist or may not be read", "Choose one from the list of tables."
        )
    allowed = visibility.current()
    if import_name and allowed.may_see_list(import_name, schema, name):
        masked = allowed.masked_columns(schema, name)
    else:
        masked = visibility.require_table(schema, name)
    columns = _list_columns(cursor, row.pop("oid"), masked)
    return Relation(**row, columns=columns)


def _list_columns(cursor: Cursor, oid: Any, masked: frozenset[str]) -> tuple[Column, ...]:
    cursor.execute(
        """select attname, format_type(atttypid, atttypmod), coalesce(col_description(attrelid, attnum), '')
           from pg_attribute where attrelid = %s and attnum > 0 and not attisdropped order by attnum""",
        (oid,),
    )
    return tuple(Column(name, column_type, comment, name in masked) for name, column_type, comment in cursor.fetchall())


def list_filled(cursor: Cursor, full_names: list[str]) -> dict[str, bool]:
    """Return for each table that an import fills whether it has rows; `cursor`: of the login etl."""
    cursor.execute(
        """select target_table, bool_or(rows_loaded > 0 and status in ('active', 'superseded')) from dba.tdataset
           where target_table = any(%s) group by 1""",
        (full_names,),
    )
    return dict(cursor.fetchall())


def count_dataset_rows(cursor: Cursor, full_name: str, dataset_id: int) -> int | None:
    """Return how many rows of a target a dataset loaded, None for one that does not exist or fills another table."""
    cursor.execute(
        "select rows_loaded from dba.tdataset where dataset_id = %s and target_table = %s and purged_at is null",
        (dataset_id, full_name),
    )
    row = cursor.fetchone()
    return row[0] if row else None


def find_current_datasets(cursor: Cursor, full_name: str) -> tuple[list[int], int, int]:
    """Return the numbers of a target's current datasets, how many others there are, and its count of current rows.

    `cursor`: of the login etl.
    """
    cursor.execute("select dataset_id, rows_loaded from dba.v_current_dataset where target_table = %s", (full_name,))
    rows = cursor.fetchall()
    current = [number for number, _ in rows]
    cursor.execute("select count(*) from dba.tdataset where target_table = %s", (full_name,))
    (number,) = cursor.fetchone() or (0,)
    others = number - len(current)
    return current, others, sum(count for _, count in rows)


def list_other_datasets(cursor: Cursor, full_name: str) -> list[int]:
    """Return the numbers of a target's datasets that are not current; `cursor`: of the login etl."""
    cursor.execute(
        """select dataset_id from dba.tdataset where target_table = %s
           except select dataset_id from dba.v_current_dataset where target_table = %s""",
        (full_name, full_name),
    )
    return [number for (number,) in cursor.fetchall()]
