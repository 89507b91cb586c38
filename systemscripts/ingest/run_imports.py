"""Run imports: finish what earlier runs left, fetch, then prepare and load file by file."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from systemscripts import file_ledger, log_utils
from systemscripts.configuration import ImportConfig, referenced_files
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.datasets import label_and_date
from systemscripts.db_utils import Connection, advisory_lock, transaction
from systemscripts.directory_management import Directories, FileStat, read_file_stat
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, describe_unexpected
from systemscripts.ingest import (
    archive_and_settle,
    both_databases,
    fetch,
    file_outcome,
    file_warnings,
    heal_target,
    unexpected_errors,
)
from systemscripts.ingest.file_outcome import Outcome
from systemscripts.ingest.ingest_context import Context, check_upload
from systemscripts.summary import Summary
from systemscripts.tables.text import background_sha256

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What the operator asked for."""

    # load this file only
    only: Path | None = None
    dry_run: bool = False
    reload: bool = False
    accept_drop: bool = False
    retry_refused: bool = False
    # first change the columns of the target by the schema
    change_types: bool = False
    # stop after this phase: fetch or prepare
    until: str | None = None
    # False: load only files that are here already
    ask_sources: bool = True
    # how long to wait for the locks of the import and its target
    wait_seconds: float = 0
    # called before each file
    should_stop: Callable[[], bool] = lambda: False
    # entered around the requests to the sources
    while_asking: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    # names of files that no import may load, because they match several
    leave: frozenset[str] = frozenset()
    # what waits in the folders; None: each is listed when an import looks into it
    waiting: WaitingNames | None = None


def run_imports(
    connection: Connection,
    configs: list[ImportConfig],
    directories: Directories,
    run_uuid: str,
    options: Options,
    summary: Summary | None = None,
) -> Summary:
    """Load the waiting files of some imports; an import that fails does not stop the others.

    `summary`: the summary to add to, a new one by default. Raises TryLaterError when the database connection is lost.
    """
    summary = summary or Summary()
    seen: set[str] = set()
    for config in configs:
        context = Context(
            connection,
            config,
            directories,
            run_uuid,
            options.reload,
            options.accept_drop,
            len(configs) > 1,
            seen,
            waiting=options.waiting,
        )
        try:
            _run_import(context, options, summary)
        except EtlError as error:
            if connection.closed:
                raise
            summary.problem(
                f"{config.config_name}: {error}" if len(configs) > 1 else str(error), error.exit_code, error
            )
        except Exception as error:
            if connection.closed or len(configs) == 1:
                raise
            logger.exception("%s: unexpected error", config.config_name, extra={"on_console": False})
            summary.problem(
                f"{config.config_name}: {describe_unexpected(error)}; the log has the traceback", error=error
            )
    summary.headline = file_outcome.build_headline(summary, options.dry_run)
    return summary


def _run_import(context: Context, options: Options, summary: Summary) -> None:
    """Run one import under its locks; raise TryLaterError when they are not free within `wait_seconds`."""
    connection, config = context.connection, context.config
    # before anything is loaded
    for fault in referenced_files.find_faults(config).values():
        raise ConfigurationError(fault)
    check_upload(connection, config)
    if options.change_types and not options.dry_run:
        from systemscripts.imports import change_types

        change_types.log_changes(connection, config, context.run_uuid, options.wait_seconds)
    with (
        advisory_lock(connection, f"import {config.config_name}", options.wait_seconds),
        advisory_lock(connection, f"target {config.target_table}", options.wait_seconds),
        contextlib.ExitStack() as stack,
    ):
        writes = not options.dry_run
        context = stack.enter_context(heal_target.open_context(context, options.wait_seconds, writes=writes))
        if options.dry_run:
            from systemscripts.ingest import dry_run

            dry_run.preview_files(context, options.only, options.leave, summary)
        else:
            try:
                _run_steps(context, options, summary)
            except BaseException:
                # what ended the run is to be known, not what followed from it
                with contextlib.suppress(EtlError):
                    _publish_staging(context)
                raise
            _publish_staging(context)


def _publish_staging(context: Context) -> None:
    """Show the state of the sales files where SALES_STAGING_URL says; the other imports have no such table."""
    from systemscripts.marts import staging_table

    if context.config.config_name == staging_table.IMPORT and not context.connection.closed:
        staging_table.publish(context.connection)


def _run_steps(context: Context, options: Options, summary: Summary) -> None:
    with transaction(context.connection) as cursor:
        file_warnings.report_unreported_warnings(cursor, context, summary)
    archive_and_settle.finish_files(context, summary)
    if options.retry_refused:
        archive_and_settle.return_refused_files(context)
    with log_utils.step("fetch"), options.while_asking():
        tickets, whole = fetch.fetch_files(context, options.only, options.leave, summary, options.ask_sources)
    _publish_staging(context)
    if options.until == "fetch":
        _add_waiting_files(context, tickets, summary)
        return
    if not whole and len(context.config.sources) > 1:
        # files of several sources belong together: those of one source wait until the others could be asked
        _add_waiting_files(context, tickets, summary)
        return
    if options.until == "prepare":
        prepared_tickets = [ticket for ticket in tickets if _prepare_only(context, ticket, summary, write_csv=True)]
        _add_waiting_files(context, prepared_tickets, summary)
        return
    if context.config.dateconfig == "file_content" or len(context.config.sources) > 1:
        # only when all files are prepared is their order known, or the set known to be complete
        tickets = [ticket for ticket in tickets if _prepare_only(context, ticket, summary)]
    for ticket in sorted(tickets, key=lambda ticket: _find_load_order(context, ticket)):
        # the remaining files wait for the next run
        if options.should_stop():
            return
        _load_file(context, ticket, summary)
    if context.config.guards.max_age_days is not None:
        from systemscripts.imports import data_age

        with both_databases.open_for_plan(context) as cursor:
            if old := data_age.explain_stale(cursor, context.config, asked=whole, rows=context.rows(cursor)):
                summary.problem(f"{context.config.config_name}: {old}", BadDataError.exit_code)


def _find_load_order(context: Context, ticket: file_ledger.Ticket) -> tuple[str, str]:
    """Return what sorts a file into the order of loading: its full stamp, then its name."""
    config = context.config
    stamp = ticket.stamp
    if config.dateconfig in ("filename", "static"):
        with contextlib.suppress(BadDataError):
            stamp = label_and_date.find_stamp_in_name(context.date_rule, ticket.name, config.delimiter)
    return stamp, ticket.name


def _prepare_only(context: Context, ticket: file_ledger.Ticket, summary: Summary, write_csv: bool = False) -> bool:
    """Prepare a file without loading it; return False when it cannot be loaded either."""

    def prepare_file() -> None:
        from systemscripts.ingest import load_plan, prepare

        with prepare.prepare_file(context, ticket) as file:
            if write_csv:
                prepare.write_clean_csv(context, file)
            elif context.config.load_mode == "new_rows":
                load_plan.extend_target_ahead(context, file)

    return _succeeds(context, ticket, summary, prepare_file)


def _add_waiting_files(context: Context, tickets: list[file_ledger.Ticket], summary: Summary) -> None:
    for ticket in tickets:
        summary.files += 1
        summary.rows.append(
            file_outcome.outcome_as_row(
                context.config.config_name, Outcome(ticket.name, ticket.status, label=ticket.label)
            )
        )


def _load_file(context: Context, ticket: file_ledger.Ticket, summary: Summary) -> None:
    path = file_ledger.to_real_path(ticket.path, context.directories)
    file_stat = read_file_stat(path)
    # a thread computes the hash while this one imports the modules for reading and loading
    background_sha256.start_digest(path)

    def prepare_and_load() -> None:
        from systemscripts.ingest import load, prepare

        with log_utils.step("prepare"), prepare.prepare_file(context, ticket) as file:
            outcome = load.load_file(context, file)
        file_outcome.add_outcome(summary, context.config.config_name, outcome)

    if _succeeds(context, ticket, summary, prepare_and_load):
        _finish_file(context, ticket, summary, file_stat)


def _succeeds(context: Context, ticket: file_ledger.Ticket, summary: Summary, work: Callable[[], None]) -> bool:
    """Call `work` for one file; return whether it succeeded. An error of this file does not stop the others."""
    try:
        work()
        return True
    except BadDataError as error:
        _refuse_file(context, ticket, summary, error)
    except ConfigurationError:
        # every file of the import would fail with it
        raise
    except EtlError as error:
        if context.is_connection_lost:
            raise
        summary.problem(str(error), error.exit_code, error)
    except Exception as error:
        if context.is_connection_lost or isinstance(error, ImportError | psycopg2.Error):
            # not an error of this file
            raise
        if refusal := unexpected_errors.as_refusal(context, ticket, summary, error):
            _refuse_file(context, ticket, summary, refusal)
    return False


def _refuse_file(context: Context, ticket: file_ledger.Ticket, summary: Summary, error: BadDataError) -> None:
    # the file cannot even be read: it stays where it is, and the operator must act
    if ticket.file_sha256 is None:
        summary.problem(str(error), error.exit_code)
        return
    from systemscripts.ingest import refuse_file

    file_outcome.add_outcome(summary, context.config.config_name, refuse_file.refuse_file(context, ticket, error))
    _finish_file(context, ticket, summary)


def _finish_file(
    context: Context, ticket: file_ledger.Ticket, summary: Summary, read_as: FileStat | None = None
) -> None:
    try:
        archive_and_settle.finish_file(context, ticket, read_as)
    except EtlError as error:
        if context.is_connection_lost:
            raise
        summary.problem(str(error), error=error)
