"""Check whether the data of an import are older than guards.max_age_days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def explain_stale(cursor: Cursor, config: ImportConfig, asked: bool = True, rows: Cursor | None = None) -> str:
    """Return why the data of an import are too old, "" if they are not.

    `asked`: False when its sources could not be asked, which explains why there are no data at all. `rows`: of the
    database of the target, if that is another one.
    Raises ConfigurationError when guards.age_column is not a date column of the target.
    """
    limit = config.guards.max_age_days
    if limit is None:
        return ""
    column = config.guards.age_column
    newest = _find_newest_value(rows or cursor, config, column) if column else _find_last_good_load(cursor, config)
    what = f"the newest {column}" if column else "the last good load"
    if newest is None and not asked:
        return ""
    if newest is None:
        return f"there are no data yet, and guards.max_age_days is {limit:g}"
    age = (settings.now() - newest) / timedelta(days=1)
    if age <= limit:
        return ""
    return f"the data are {age:.0f} days old ({what} is of {newest:%Y-%m-%d}), guards.max_age_days is {limit:g}"


def _find_newest_value(cursor: Cursor, config: ImportConfig, column: str) -> datetime | None:
    schema, table = config.schema_and_table
    cursor.execute(
        """select data_type from information_schema.columns
           where table_schema = %s and table_name = %s and column_name = %s""",
        (schema, f"{table}_current", column),
    )
    row = cursor.fetchone()
    if row is None:
        cursor.execute("select to_regclass(%s) is null", (f'"{schema}"."{table}"',))
        if cursor.fetchone() == (True,):
            return None
    if row is None or not (row[0] == "date" or row[0].startswith("timestamp")):
        raise ConfigurationError(
            f"guards.age_column of {config.config_name}: {column} is not a date column of {config.target_table}",
            "Declare it in the schema as date, timestamp or timestamptz.",
        )
    cursor.execute(
        sql.SQL("select max({}) from {}").format(sql.Identifier(column), sql.Identifier(schema, f"{table}_current"))
    )
    newest: Any = cursor.fetchone()
    return _to_moment(newest[0])


def _find_last_good_load(cursor: Cursor, config: ImportConfig) -> datetime | None:
    cursor.execute(
        """select max(status_at) from dba.tfile
           where config_name = %s and status in ('loaded', 'unchanged', 'duplicate')""",
        (config.config_name,),
    )
    row: Any = cursor.fetchone()
    return _to_moment(row[0])


def _to_moment(value: date | datetime | None) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - gets the installation's zone below
    return value if value.tzinfo else value.replace(tzinfo=settings.now().tzinfo)
