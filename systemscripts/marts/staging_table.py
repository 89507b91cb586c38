"""Keep the staging table in MySQL or MariaDB equal to the view sales.staging, if SALES_STAGING_URL names a database.

The ledger of files stays the truth: the table is compared with it before files are loaded and after them, so that a
run that was killed, or a server that was away, leaves nothing to correct by hand.
"""

from __future__ import annotations

from typing import Any

from systemscripts.db_utils import Connection, transaction

# the import whose files are shown
IMPORT = "sales"
COLUMNS = ("file_id", "file_name", "file_location", "status", "created_date", "updated_date")
_TABLE = "staging"
_CREATE = f"""create table if not exists {_TABLE} (
    file_id bigint not null primary key, file_name varchar(1000) not null, file_location varchar(2000),
    status char(1) not null, created_date datetime(6) not null, updated_date datetime(6)
) engine = InnoDB default charset = utf8mb4
  comment = 'The sales files: A while a file is being processed, I when it is done (times in UTC)'"""


def publish(connection: Connection) -> None:
    """Make the staging table equal to the view, in one transaction; nothing where no database is set.

    Raises the errors of `mysql_client.open_connection`.
    """
    from systemscripts import mysql_client

    address = mysql_client.find_address(f"sales.{_TABLE}")
    if address is None:
        return
    with transaction(connection) as cursor:
        cursor.execute(
            """select file_id, file_name, file_location, status, created_date at time zone 'UTC',
                      updated_date at time zone 'UTC' from sales.staging order by file_id"""
        )
        files: dict[int, tuple[Any, ...]] = {row[0]: row for row in cursor.fetchall()}
    with mysql_client.open_connection(address) as target, target.cursor() as cursor:
        cursor.execute(_CREATE)
        cursor.execute(f"select {', '.join(COLUMNS)} from {_TABLE}")
        known = {row[0]: tuple(row) for row in cursor.fetchall()}
        changed = [row for key, row in files.items() if known.get(key) != row]
        gone = [(key,) for key in known.keys() - files.keys()]
        cursor.executemany(f"delete from {_TABLE} where file_id = %s", gone)
        placeholders = ", ".join(["%s"] * len(COLUMNS))
        cursor.executemany(f"replace into {_TABLE} ({', '.join(COLUMNS)}) values ({placeholders})", changed)
        target.commit()
