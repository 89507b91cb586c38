"""The ledger in the database of a target: created there, versioned, and kept as a copy of the one at home."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts import settings
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

SCHEMA = "client_etl"
FOLDER = settings.PROJECT / "sql" / "target_ledger"
# the columns of both ledgers, the number first
COLUMNS = (
    "dataset_id", "config_name", "label", "dataset_date", "stamp", "last_seen", "status", "load_mode",
    "held_dataset_id",
)  # fmt: skip
_STATUS = COLUMNS.index("status")
Datasets = dict[int, tuple[Any, ...]]


def read_installation(home: Cursor) -> str:
    """Return the identity of this installation."""
    home.execute("select installation_id::text from dba.tinstallation")
    row: Any = home.fetchone()
    return str(row[0])


def install(cursor: Cursor, where: str) -> None:
    """Create the ledger or bring it up to date; raises ConfigurationError if it is newer than this program."""
    cursor.execute(
        """select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relname = 'tversion')""",
        (SCHEMA,),
    )
    applied: dict[int, str] = {}
    if cursor.fetchone() == (True,):
        cursor.execute(sql.SQL("select number, checksum from {}").format(_name("tversion")))
        applied = dict(cursor.fetchall())
    files = {int(path.name[:4]): path for path in sorted(FOLDER.glob("*.sql"))}
    if unknown := applied.keys() - files.keys():
        raise ConfigurationError(
            f"the ledger in {where} has version {max(unknown)}, this program does not", "Update the program."
        )
    if not applied:
        cursor.execute("select exists (select from pg_namespace where nspname = %s)", (SCHEMA,))
        # "if not exists" needs the right to create schemas also where it exists
        if cursor.fetchone() != (True,):
            cursor.execute(sql.SQL("create schema {}").format(sql.Identifier(SCHEMA)))
        cursor.execute(sql.SQL(_CREATE).format(schema=sql.Identifier(SCHEMA)))
    for number, path in files.items():
        if number not in applied:
            content = path.read_bytes()
            cursor.execute(content.decode())
            cursor.execute(
                sql.SQL("insert into {} (number, checksum) values (%s, %s)").format(_name("tversion")),
                (number, hashlib.sha256(content).hexdigest()),
            )


def claim(cursor: Cursor, name: str, table: str, installation: str, where: str) -> None:
    """Note that this installation loads a table, under this name.

    Raises ConfigurationError where the table has another name, or another installation loads tables of the database:
    the numbers of its datasets would mean others here.
    """
    cursor.execute(
        sql.SQL("select target_table from {} where installation_id <> %s limit 1").format(_name("ttarget")),
        (installation,),
    )
    if other := cursor.fetchone():
        raise ConfigurationError(
            f"{where} is loaded by another installation ({other[0]})", "Name another database of that server."
        )
    cursor.execute(
        sql.SQL("insert into {} (target_table, known_as, installation_id) values (%s, %s, %s) on conflict do nothing")
        .format(_name("ttarget")),
        (table, name, installation),
    )  # fmt: skip
    cursor.execute(sql.SQL("select known_as from {} where target_table = %s").format(_name("ttarget")), (table,))
    row: Any = cursor.fetchone()
    if row[0] != name:
        raise ConfigurationError(
            f"{table} in {where} is loaded as {row[0]} already, not as {name}", "Name its database alike in both jobs."
        )


def read_home(home: Cursor, name: str, only: list[int] | None = None) -> tuple[Datasets, set[int]]:
    """Return the datasets of a target by the home ledger, those that are or were loaded, and the purged ones.

    `only`: the numbers of those that are wanted.
    """
    home.execute(
        f"""select purged_at is not null, {", ".join(COLUMNS)} from dba.tdataset
            where target_table = %s and status <> 'held' and not is_held_file
              {"" if only is None else "and dataset_id = any(%s)"}""",
        (name,) if only is None else (name, only),
    )
    rows = home.fetchall()
    return {row[1]: tuple(row[1:]) for row in rows}, {row[1] for row in rows if row[0]}


def read_there(cursor: Cursor, name: str, only: list[int] | None = None) -> tuple[Datasets, dict[int, str]]:
    """Return the datasets of a target by the ledger next to its rows, and the load of each; `only`: as there."""
    condition = "" if only is None else " and dataset_id = any(%s)"
    cursor.execute(
        sql.SQL(f"select load_uuid::text, {', '.join(COLUMNS)} from {{}} where target_table = %s{condition}").format(
            _name("tdataset")
        ),
        (name,) if only is None else (name, only),
    )
    rows = cursor.fetchall()
    return {row[1]: tuple(row[1:]) for row in rows}, {row[1]: row[0] for row in rows}


def add_dataset(home: Cursor, cursor: Cursor, name: str, dataset_id: int, load_uuid: str) -> None:
    """Add the dataset of a load that is under way, as home has it."""
    home.execute(f"select {', '.join(COLUMNS)} from dba.tdataset where dataset_id = %s", (dataset_id,))
    row: Any = home.fetchone()
    names = ", ".join(("target_table", "load_uuid", *COLUMNS))
    marks = ", ".join(["%s"] * (len(COLUMNS) + 2))
    cursor.execute(
        sql.SQL(f"insert into {{}} ({names}) values ({marks})").format(_name("tdataset")), (name, load_uuid, *row)
    )


def copy_changed_states(home: Cursor, cursor: Cursor, name: str) -> None:
    """Copy the states that the transaction at home has changed: a load takes no longer the more datasets there are."""
    home.execute(
        # as the condition of the index is written
        """select dataset_id from dba.tdataset
           where target_table = %s and target_table like 'postgresql:%%' and status_at = now()""",
        (name,),
    )
    if changed := [row[0] for row in home.fetchall()]:
        copy_states(home, cursor, name, changed)


def copy_states(home: Cursor, cursor: Cursor, name: str, only: list[int] | None = None) -> None:
    """Make what is known next to the rows equal to the home ledger; a dataset that home does not have is removed.

    `only`: the numbers of the datasets to compare, by default all.
    """
    at_home, _ = read_home(home, name, only)
    there, _ = read_there(cursor, name, only)
    assignments = ", ".join(f"{column} = %s" for column in COLUMNS[1:])
    for dataset_id, row in there.items():
        home_row = at_home.get(dataset_id)
        if home_row is None:
            delete_dataset(cursor, name, dataset_id)
        elif home_row != row:
            cursor.execute(
                sql.SQL(f"update {{}} set {assignments} where target_table = %s and dataset_id = %s").format(
                    _name("tdataset")
                ),
                (*home_row[1:], name, dataset_id),
            )


def delete_dataset(cursor: Cursor, name: str, dataset_id: int) -> None:
    """Forget a dataset that has no rows, and what was kept for its undo."""
    for table in ("trowhistory", "tdataset"):
        cursor.execute(
            sql.SQL("delete from {} where target_table = %s and dataset_id = %s").format(_name(table)),
            (name, dataset_id),
        )
    cursor.execute(sql.SQL("delete from {} where dataset_id = %s").format(_name("tdatasetoverlap")), (dataset_id,))


def status_of(row: tuple[Any, ...]) -> str:
    """Return the state of a dataset."""
    return str(row[_STATUS])


def load_mode_of(row: tuple[Any, ...]) -> str:
    """Return the load mode of a dataset."""
    return str(row[COLUMNS.index("load_mode")])


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, table)


_CREATE = """
    create table {schema}.tversion (
        number integer primary key, checksum text not null, applied_at timestamptz not null default now());
    comment on table {schema}.tversion is 'Which files of its ledger were applied';
    comment on column {schema}.tversion.number is 'Number of the file';
    comment on column {schema}.tversion.checksum is 'SHA-256 of the file';
    comment on column {schema}.tversion.applied_at is 'When'"""
