"""The order of things: finish what is left, fetch, then prepare and load file by file."""

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
from systemscripts.datasets import identity
from systemscripts.datasets.identity import Rule
from systemscripts.db_utils import Connection, advisory_lock, transaction
from systemscripts.directory_management import Directories, FileStat, read_file_stat
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, describe_unexpected
from systemscripts.ingest import archive_and_settle, fetch, file_outcome, file_warnings, unexpected_errors
from systemscripts.ingest.file_outcome import Outcome
from systemscripts.ingest.ingest_context import Context, check_upload
from systemscripts.summary import Summary
from systemscripts.tables.text import background_sha256

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What the operator asked for."""

    only: Path | None = None  # this file alone
    dry_run: bool = False
    reload: bool = False
    accept_drop: bool = False
    retry_refused: bool = False
    until: str | None = None  # fetch or prepare
    ask_sources: bool = True  # false: only what is here already
    wait_seconds: float = 0
    should_stop: Callable[[], bool] = lambda: False  # asked before each file
    while_asking: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext  # around what sources are asked
    leave: frozenset[str] = frozenset()  # names of files that nobody may take: they match several imports


def run_imports(
    connection: Connection,
    configs: list[ImportConfig],
    directories: Directories,
    run_uuid: str,
    options: Options,
    summary: Summary | None = None,
) -> Summary:
    """Load the files that wait for some imports; one that fails does not stop the others.

    `summary`: the one to go on with. Raises TryLaterError when the database goes away.
    """
    summary = summary or Summary()
    unforeseen: set[str] = set()
    for config in configs:
        context = Context(
            connection, config, directories, run_uuid, options.reload, options.accept_drop, len(configs) > 1, unforeseen
        )
        try:
            _run_import(context, options, summary)
        except EtlError as error:
            if connection.closed:
                raise
            summary.problem(f"{config.config_name}: {error}" if len(configs) > 1 else str(error), error.exit_code)
        except Exception as error:
            if connection.closed or len(configs) == 1:
                raise
            logger.exception("%s: unexpected error", config.config_name, extra={"on_console": False})
            summary.problem(f"{config.config_name}: {describe_unexpected(error)}; the log has the traceback")
    summary.headline = file_outcome.build_headline(summary, options.dry_run)
    return summary


def _run_import(context: Context, options: Options, summary: Summary) -> None:
    """Raises TryLaterError when the import or its target is being worked on and `wait_seconds` is over."""
    connection, config = context.connection, context.config
    for fault in referenced_files.find_faults(config).values():  # said before anything is loaded
        raise ConfigurationError(fault)
    check_upload(connection, config)
    with (
        advisory_lock(connection, f"import {config.config_name}", options.wait_seconds),
        advisory_lock(connection, f"target {config.target_table}", options.wait_seconds),
    ):
        if options.dry_run:
            from systemscripts.ingest import dry_run

            dry_run.preview_files(context, options.only, options.leave, summary)
        else:
            _run_steps(context, options, summary)


def _run_steps(context: Context, options: Options, summary: Summary) -> None:
    with transaction(context.connection) as cursor:
        file_warnings.report_unreported_warnings(cursor, context, summary)
    for problem in archive_and_settle.finish_files(context):
        summary.problem(problem)
    if options.retry_refused:
        archive_and_settle.return_refused_files(context)
    with log_utils.step("fetch"), options.while_asking():
        tickets, whole = fetch.fetch_files(context, options.only, options.leave, summary, options.ask_sources)
    if options.until == "fetch":
        _add_waiting_files(context, tickets, summary)
        return
    if not whole and len(context.config.sources) > 1:
        # what one source brought belongs together with what the others did not bring: it waits here for them
        _add_waiting_files(context, tickets, summary)
        return
    if options.until == "prepare":
        prepared_tickets = [ticket for ticket in tickets if _prepare_only(context, ticket, summary, leave_csv=True)]
        _add_waiting_files(context, prepared_tickets, summary)
        return
    if context.config.dateconfig == "file_content" or len(context.config.sources) > 1:
        # the order is known, or the set is whole, only when all are prepared
        tickets = [ticket for ticket in tickets if _prepare_only(context, ticket, summary)]
    for ticket in sorted(tickets, key=lambda ticket: _load_order_of(context, ticket)):
        if options.should_stop():
            return  # what is left waits for the next run
        _load_file(context, ticket, summary)
    if context.config.guards.max_age_days is not None:
        from systemscripts.imports import freshness

        with transaction(context.connection) as cursor:
            if old := freshness.too_old(cursor, context.config, asked=whole):
                summary.problem(f"{context.config.config_name}: {old}", BadDataError.exit_code)


def _load_order_of(context: Context, ticket: file_ledger.Ticket) -> tuple[str, str]:
    """Files load in the order of their full stamp, then name."""
    config = context.config
    stamp = ticket.stamp
    if config.dateconfig in ("filename", "static"):
        with contextlib.suppress(BadDataError):
            text = identity.find_text_in_name(
                Rule(config.dateconfig, config.datelocation), ticket.name, config.delimiter
            )
            stamp = identity.build_identity(None, text, config.dateformat).stamp
    return stamp, ticket.name


def _prepare_only(context: Context, ticket: file_ledger.Ticket, summary: Summary, leave_csv: bool = False) -> bool:
    """Prepare without loading; false when that is all that can be done with the file."""

    def prepare_it() -> None:
        from systemscripts.ingest import load_plan, prepare

        with prepare.prepare_file(context, ticket) as file:
            if leave_csv:
                prepare.write_clean_csv(context, file)
            elif context.config.load_mode == "new_rows":
                load_plan.extend_target_ahead(context, file)

    return _succeeds(context, ticket, summary, prepare_it)


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
    look = read_file_stat(path)
    background_sha256.start_digest(path)  # a thread hashes while this one imports what it needs to read and load

    def load_it() -> None:
        from systemscripts.ingest import load, prepare

        with log_utils.step("prepare"), prepare.prepare_file(context, ticket) as file:
            outcome = load.load_file(context, file)
        file_outcome.add_outcome(summary, context.config.config_name, outcome)

    if _succeeds(context, ticket, summary, load_it):
        _finish_file(context, ticket, summary, look)


def _succeeds(context: Context, ticket: file_ledger.Ticket, summary: Summary, work: Callable[[], None]) -> bool:
    """Do something with one file; what goes wrong with it does not stop the others. Returns whether all went well."""
    try:
        work()
        return True
    except BadDataError as error:
        _refuse_file(context, ticket, summary, error)
    except ConfigurationError:
        raise  # every file of the import would meet it
    except EtlError as error:
        if context.connection.closed:
            raise
        summary.problem(str(error), error.exit_code)
    except Exception as error:
        if context.connection.closed or isinstance(error, ImportError | psycopg2.Error):
            raise  # not about this file
        if refusal := unexpected_errors.as_refusal(context, ticket, summary, error):
            _refuse_file(context, ticket, summary, refusal)
    return False


def _refuse_file(context: Context, ticket: file_ledger.Ticket, summary: Summary, error: BadDataError) -> None:
    if ticket.file_sha256 is None:  # not even its bytes can be read: it stays where it is, the operator must act
        summary.problem(str(error), error.exit_code)
        return
    from systemscripts.ingest import load

    file_outcome.add_outcome(summary, context.config.config_name, load.refuse_file(context, ticket, error))
    _finish_file(context, ticket, summary)


def _finish_file(
    context: Context, ticket: file_ledger.Ticket, summary: Summary, read_as: FileStat | None = None
) -> None:
    try:
        archive_and_settle.finish_file(context, ticket, read_as)
    except EtlError as error:
        if context.connection.closed:
            raise
        summary.problem(str(error))
