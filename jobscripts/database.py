"""Show, start, stop, query, move or upgrade the database."""
# no cron log: url prints the password, sql prints data

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
from enum import StrEnum
from typing import Annotated, Literal

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job, print_text, wants_json


class Action(StrEnum):
    """What to do with the database."""

    url = "url"
    reader_url = "reader-url"
    start = "start"
    stop = "stop"
    status = "status"
    sql = "sql"
    move = "move"
    upgrade = "upgrade"


@job(database=False, alert=False)
def database(
    action: Annotated[Action, typer.Argument(help="What to do.", case_sensitive=False)],
    statement: Annotated[str, typer.Argument(help="The SQL, for the action sql; embedded, for move.")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Run the SQL with the reader's login.")] = False,
    back: Annotated[bool, typer.Option("--back", help="With upgrade: put back the data of before.")] = False,
) -> Summary:
    """Show, start, stop, query, move or upgrade the database.

    url and reader-url print the whole address with the password, for DBeaver or psql. sql prints CSV with a header.
    Only the embedded database can be started and stopped here; it runs until it is stopped. move takes the database to
    a server whose two addresses it asks for. upgrade updates the schema, after it has moved the data of the embedded
    database to the installed major version of PostgreSQL.

    Examples:
        database.py status
        database.py url
        database.py sql "select * from dba.v_run order by started_at desc limit 5"
    """
    if action in (Action.url, Action.reader_url):
        return _print_address("etl" if action is Action.url else "reader")
    if action is Action.sql:
        return _run_sql(statement, "reader" if read_only else "etl")
    if action is Action.move:
        return _move(statement)
    if action is Action.upgrade:
        from systemscripts.db_utils import embedded_upgrade

        return Summary(headline=embedded_upgrade.upgrade_database(is_back=back))
    return _control_server(action)


def _print_address(role: Literal["etl", "reader"]) -> Summary:
    from systemscripts import db_utils

    # printed here, because the summary masks the password
    address = db_utils.resolve_address(role)
    print_text(json.dumps({"url": address}) if wants_json() else address)
    return Summary(shown=True)


def _move(address: str) -> Summary:
    from systemscripts import backups, settings
    from systemscripts.directory_management import Directories

    directories = Directories(settings.current().etl_data_dir)
    return backups.move_database(*backups.ask_addresses(address), directories)


def _control_server(action: Action) -> Summary:
    from systemscripts import settings
    from systemscripts.db_utils import embedded, migrations, redact_address, resolve_address
    from systemscripts.errors import UsageError

    if not settings.current().uses_embedded_database:
        if action is not Action.status:
            raise UsageError(
                "only the embedded database can be started and stopped here", "DATABASE_URL names another one."
            )
        return Summary(rows=[{"embedded": False, "address": redact_address(resolve_address("etl"))}])
    if action is Action.start:
        embedded.start_server()
        migrations.connect_up_to_date("etl", "database").close()
    stopped = action is Action.stop and embedded.try_stop_server()
    headline = {Action.start: "started", Action.stop: "stopped" if stopped else "was not running"}.get(action, "")
    return Summary(headline=headline, rows=[embedded.describe_server()])


def _run_sql(statement: str, role: Literal["etl", "reader"]) -> Summary:
    from systemscripts.db_utils import migrations, queries, transaction
    from systemscripts.errors import UsageError

    text = statement.strip().rstrip(";")
    if not text:
        example = format_command("database", "sql", "select 1")
        raise UsageError("there is no SQL to run", f"Type it in quotes: {example}")
    with (
        contextlib.closing(migrations.connect_up_to_date(role, "database")) as connection,
        transaction(connection) as cursor,
    ):
        output = io.StringIO(newline="") if wants_json() else sys.stdout
        if not queries.try_copy_csv(cursor, text, output):
            status, rows = queries.run_statement(cursor, text)
            return Summary(headline=status, rows=rows)
    if isinstance(output, io.StringIO):
        return Summary(rows=list(csv.DictReader(io.StringIO(output.getvalue(), newline=""))))
    return Summary(shown=True)


if __name__ == "__main__":
    database.main()
