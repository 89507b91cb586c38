"""What is known of the columns of an import: those that its configuration names, and those of the last good file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg2 import sql

from systemscripts.configuration import ImportConfig
from systemscripts.datasets.current import SAME_LABEL
from systemscripts.db_utils import Cursor


@dataclass(frozen=True)
class LastFile:
    """The last good file of a label: its dataset, its target, and the header of each column, by the column's name."""

    dataset_id: int
    headers: Mapping[str, str]
    position: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """The columns that a configuration expects of each file, by their names in the file.

    `key`: the alternatives of each element of the key. `required`: must be there. `declared`: named by the schema or
    the key, without those that the load fills in by itself.
    """

    key: tuple[tuple[str, ...], ...]
    required: frozenset[str]
    declared: frozenset[str]


def read_expected(config: ImportConfig) -> Expected:
    """Return the columns that a configuration expects of each file."""
    given = {name for name, column in config.declared.items() if not column.fill and not column.from_column}
    in_file = {column.rename or name: name for name, column in config.declared.items()}
    key = tuple(tuple(in_file.get(name, name) for name in element.split("|")) for element in config.key_columns)
    key = tuple(names for names in key if not any(_is_filled(config, name) for name in names))
    without_default = {name for name in given if config.declared[name].default is None}
    return Expected(
        key,
        frozenset(name for name in without_default if config.declared[name].required),
        frozenset(without_default) | {name for names in key for name in names if len(names) == 1},
    )


def _is_filled(config: ImportConfig, name: str) -> bool:
    column = config.declared.get(name)
    return column is not None and bool(column.fill or column.from_column or column.default is not None)


def find_last_file(cursor: Cursor, config: ImportConfig, label: str | None) -> LastFile | None:
    """Return the last good file of a label: active or superseded, neither undone nor held; None where there is none."""
    cursor.execute(
        f"""select d.dataset_id, f.headers, d.columns from dba.tdataset d
            cross join lateral (
                select coalesce(t.detected -> 'headers', '{{}}') as headers from dba.tfile t
                where t.dataset_id = d.dataset_id and t.status = 'loaded' limit 1) f
            where config_name = %(name)s and {SAME_LABEL}
              and d.status in ('active', 'superseded') and not d.is_held_file and d.rows_read > d.rows_rejected
            order by d.dataset_id desc limit 1""",
        {"name": config.config_name, "label": label},
    )
    row = cursor.fetchone()
    if row is None:
        return None
    dataset_id, headers, target_columns = row
    in_file = {column.rename: name for name, column in config.declared.items() if column.rename}
    order = {in_file.get(name, name): index for index, name in enumerate(target_columns)}
    return LastFile(dataset_id, headers, order)


def read_samples(cursor: Cursor, config: ImportConfig, last: LastFile | None, column: str, limit: int) -> list[str]:
    """Return up to `limit` different values that a column of the last file has in the target, as text."""
    if last is None or config.target.parquet:
        return []
    declared = config.declared.get(column)
    name = declared.rename if declared is not None and declared.rename else column
    schema, table = config.schema_and_table
    cursor.execute(
        "select exists (select from information_schema.columns where table_schema = %s and table_name = %s"
        " and column_name = %s)",
        (schema, table, name),
    )
    if cursor.fetchone() != (True,):
        return []
    cursor.execute(
        sql.SQL("select distinct {}::text from {} where dataset_id = %s and {} is not null limit %s").format(
            sql.Identifier(name), sql.Identifier(schema, table), sql.Identifier(name)
        ),
        (last.dataset_id, limit),
    )
    return [value for (value,) in cursor.fetchall() if value.strip()]
