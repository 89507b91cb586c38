"""One pass of a YAML job: load what its sources have now, retry if that may help, write the combined CSV."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from psycopg2 import sql

from systemscripts import configuration, retries, settings
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.imports.target_plan import OWN_LEDGER
from systemscripts.ingest import heal_target, run_imports
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Notice, Summary, record_warning
from systemscripts.tables.lineage import LINEAGE, ROW_HASH
from systemscripts.target_database import target_ledger

ATTEMPTS = 3
# Doubles with each attempt.
PAUSE_SECONDS = 2.0
# The exit codes of problems that a retry may fix; the others only a person can.
RETRIED_EXIT_CODES = (1, 75)

Connect = Callable[[], Connection]


def run_once(
    connect: Connect,
    config: ImportConfig,
    run_uuid: str,
    options: run_imports.Options,
    pause_seconds: float = PAUSE_SECONDS,
) -> Summary:
    """Fetch from all sources and load what they have, in up to three attempts; loaded files stay loaded.

    Raises EtlError if the database stays away.
    """
    directories = Directories(settings.current().etl_data_dir)
    (directories.data / config.source_directory).mkdir(parents=True, exist_ok=True)
    total = Summary()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            result = _run_attempt(connect, config, directories, run_uuid, options)
        except EtlError as error:
            if error.exit_code not in RETRIED_EXIT_CODES or attempt == ATTEMPTS:
                raise
            result = Summary()
            result.problem(str(error), error.exit_code, error)
        _add_attempt(total, result)
        # only once: a file that is refused again would come back at each attempt
        options = replace(options, retry_refused=False)
        if result.exit_code not in RETRIED_EXIT_CODES or attempt == ATTEMPTS or options.should_stop():
            break
        # what failed has been retried enough
        if result.gave_up == len(result.problems):
            break
        pause = retries.compute_pause(attempt - 1, pause_seconds)
        text = f"{'; '.join(result.problems)} The next attempt is in {pause:g} s."
        record_warning(Notice("try_failed", text, config.config_name), on_console=True)
        with options.while_asking():
            time.sleep(pause)
    return total


def _run_attempt(
    connect: Connect, config: ImportConfig, directories: Directories, run_uuid: str, options: run_imports.Options
) -> Summary:
    connection = connect()
    try:
        # it may have been changed, or paused by an undo
        config = configuration.load_import(connection, config.config_name)
        if not config.is_active:
            raise ConfigurationError(
                f"the job {config.config_name} is not active: it was switched off, or paused when a dataset was undone",
                "Set is_active to true in its row of dba.timportconfig, or change its file.",
            )
        result = run_imports.run_imports(connection, [config], directories, run_uuid, options)
        if config.job.output_csv_path and not options.dry_run and not result.exit_code:
            path = directories.data / config.job.output_csv_path
            if result.counts.loaded or not path.exists():
                where = "" if path.resolve().is_relative_to(directories.data.resolve()) else ", outside the data folder"
                result.details.append(
                    f"wrote {path}{where}: {_write_combined(connection, config, path, run_uuid):,} rows"
                )
        return result
    finally:
        connection.close()


def _add_attempt(total: Summary, result: Summary) -> None:
    """Add the counts of an attempt; the problems are those of the last attempt."""
    total.headline = result.headline
    total.replace_problems(result)
    total.held_datasets += result.held_datasets
    total.counts.add(result.counts)
    total.files += result.files
    total.rows += result.rows
    total.details += result.details
    total.show_warnings(result.warnings)


def _write_combined(connection: Connection, config: ImportConfig, path: Path, run_uuid: str) -> int:
    """Write the table of a job as one CSV without the lineage columns; return the number of rows."""
    if config.target.parquet:
        raise ConfigurationError(f"{config.config_name}: output_csv_path needs a table", "Remove output_csv_path.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        context = Context(connection, config, Directories(settings.current().etl_data_dir), run_uuid)
        with heal_target.open_context(context, writes=False) as opened, transaction(connection) as home:
            cursor = opened.rows(home)
            with atomic_write(path) as stream:
                cursor.copy_expert(_build_statement(cursor, config), stream)
                return int(cursor.rowcount)
    except OSError as error:
        raise EtlError(
            f"output_csv_path {path} cannot be written: {error.strerror}",
            "The rows are loaded; correct the path or its rights, or free space, then run it again.",
        ) from error


def _build_statement(cursor: Cursor, config: ImportConfig) -> str:
    schema, table = config.schema_and_table
    cursor.execute(
        """select column_name from information_schema.columns
           where table_schema = %s and table_name = %s and column_name <> all(%s)
           order by ordinal_position""",
        (schema, table, [*LINEAGE, ROW_HASH]),
    )
    columns = [sql.Identifier(row[0]) for row in cursor.fetchall()]
    if not columns:
        return "copy (select where false) to stdout"
    query = """copy (select {columns} from {view} where dataset_id in
                     (select dataset_id from {ledger}.tdataset where config_name = {name})
                     order by dataset_id, source_row) to stdout with (format csv, header)"""
    return sql.SQL(query).format(
        columns=sql.SQL(", ").join(columns),
        view=sql.Identifier(schema, f"{table}_current"),
        name=sql.Literal(config.config_name),
        ledger=sql.Identifier(target_ledger.SCHEMA if config.is_elsewhere else OWN_LEDGER),
    ).as_string(cursor)  # fmt: skip


def add_stop(
    options: run_imports.Options,
    should_stop: Callable[[], bool],
    while_asking: Callable[[], AbstractContextManager[None]],
) -> run_imports.Options:
    """Return options of a pass that stops before its next file on request, and at once while it waits for a source."""
    return replace(options, should_stop=should_stop, while_asking=while_asking)
