"""The order of things: finish what is left, fetch, then prepare and load file by file."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from systemscripts import file_ledger, log_utils, sources
from systemscripts.configuration import ImportConfig, referenced_files
from systemscripts.datasets import identity
from systemscripts.datasets.identity import Rule
from systemscripts.db_utils import Connection, advisory_lock, transaction
from systemscripts.directory_management import Directories, decode_name
from systemscripts.errors import BadDataError, ConfigurationError, EtlError, UsageError, describe_unexpected
from systemscripts.ingest import archive_and_settle, fetch, file_warnings, unexpected_errors
from systemscripts.ingest.ingest_context import Context, check_upload
from systemscripts.summary import Summary
from systemscripts.tables.text import background_sha256

if TYPE_CHECKING:
    from systemscripts.ingest import dry_run_load
    from systemscripts.ingest.load import Outcome

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
            _one_import(context, options, summary)
        except EtlError as error:
            if connection.closed:
                raise
            summary.problem(f"{config.config_name}: {error}" if len(configs) > 1 else str(error), error.exit_code)
        except Exception as error:
            if connection.closed or len(configs) == 1:
                raise
            logger.exception("%s: unexpected error", config.config_name, extra={"on_console": False})
            summary.problem(f"{config.config_name}: {describe_unexpected(error)}; the log has the traceback")
    summary.headline = _headline(summary, options.dry_run)
    return summary


def _one_import(context: Context, options: Options, summary: Summary) -> None:
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
            _preview(context, options, summary)
        else:
            _run(context, options, summary)


def _run(context: Context, options: Options, summary: Summary) -> None:
    with transaction(context.connection) as cursor:
        file_warnings.say_what_was_left_unsaid(cursor, context, summary)
    for problem in archive_and_settle.finish_all(context):
        summary.problem(problem)
    if options.retry_refused:
        archive_and_settle.bring_back_refused(context)
    with log_utils.step("fetch"), options.while_asking():
        tickets, whole = fetch.fetch(context, options.only, options.leave, summary, options.ask_sources)
    if options.until == "fetch":
        _note_waiting(context, tickets, summary)
        return
    if not whole and len(context.config.sources) > 1:
        # what one source brought belongs together with what the others did not bring: it waits here for them
        _note_waiting(context, tickets, summary)
        return
    if options.until == "prepare":
        prepared_tickets = [ticket for ticket in tickets if _prepare_only(context, ticket, summary, leave_csv=True)]
        _note_waiting(context, prepared_tickets, summary)
        return
    if context.config.dateconfig == "file_content" or len(context.config.sources) > 1:
        # the order is known, or the set is whole, only when all are prepared
        tickets = [ticket for ticket in tickets if _prepare_only(context, ticket, summary)]
    for ticket in sorted(tickets, key=lambda ticket: _order(context, ticket)):
        if options.should_stop():
            return  # what is left waits for the next run
        _one_file(context, ticket, summary)
    if context.config.guards.max_age_days is not None:
        from systemscripts.imports import freshness

        with transaction(context.connection) as cursor:
            if old := freshness.too_old(cursor, context.config, asked=whole):
                summary.problem(f"{context.config.config_name}: {old}", BadDataError.exit_code)


def _order(context: Context, ticket: file_ledger.Ticket) -> tuple[str, str]:
    """Files load in the order of their full stamp, then name."""
    config = context.config
    stamp = ticket.stamp
    if config.dateconfig in ("filename", "static"):
        with contextlib.suppress(BadDataError):
            text = identity.from_name(Rule(config.dateconfig, config.datelocation), ticket.name, config.delimiter)
            stamp = identity.identify(None, text, config.dateformat).stamp
    return stamp, ticket.name


def _prepare_only(context: Context, ticket: file_ledger.Ticket, summary: Summary, leave_csv: bool = False) -> bool:
    """Prepare without loading; false when that is all that can be done with the file."""

    def prepare_it() -> None:
        from systemscripts.ingest import load, prepare

        with prepare.prepared(context, ticket) as file:
            if leave_csv:
                prepare.leave_clean_csv(context, file)
            elif context.config.load_mode == "new_rows":
                load.extend_ahead(context, file)

    return _guarded(context, ticket, summary, prepare_it)


def _note_waiting(context: Context, tickets: list[file_ledger.Ticket], summary: Summary) -> None:
    from systemscripts.ingest.load import Outcome

    for ticket in tickets:
        summary.files += 1
        summary.rows.append(
            _as_row(context.config.config_name, Outcome(ticket.name, ticket.status, label=ticket.label))
        )


def _one_file(context: Context, ticket: file_ledger.Ticket, summary: Summary) -> None:
    path = file_ledger.real_path(ticket.path, context.directories)
    look = file_ledger.look(path)
    background_sha256.start_digest(path)  # a thread hashes while this one imports what it needs to read and load

    def load_it() -> None:
        from systemscripts.ingest import load, prepare

        with log_utils.step("prepare"), prepare.prepared(context, ticket) as file:
            outcome = load.load(context, file)
        _note(summary, context, outcome)

    if _guarded(context, ticket, summary, load_it):
        _finish(context, ticket, summary, look)


def _guarded(context: Context, ticket: file_ledger.Ticket, summary: Summary, work: Callable[[], None]) -> bool:
    """Do something with one file; what goes wrong with it does not stop the others. Returns whether all went well."""
    try:
        work()
        return True
    except BadDataError as error:
        _refuse(context, ticket, summary, error)
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
            _refuse(context, ticket, summary, refusal)
    return False


def _refuse(context: Context, ticket: file_ledger.Ticket, summary: Summary, error: BadDataError) -> None:
    if ticket.file_sha256 is None:  # not even its bytes can be read: it stays where it is, the operator must act
        summary.problem(str(error), error.exit_code)
        return
    from systemscripts.ingest import load

    _note(summary, context, load.refuse(context, ticket, error))
    _finish(context, ticket, summary)


def _finish(
    context: Context, ticket: file_ledger.Ticket, summary: Summary, read_as: file_ledger.Look | None = None
) -> None:
    try:
        archive_and_settle.finish(context, ticket, read_as)
    except EtlError as error:
        if context.connection.closed:
            raise
        summary.problem(str(error))


def _note(summary: Summary, context: Context, outcome: Outcome) -> None:
    summary.files += 1
    summary.counts.add(outcome.counts)
    summary.warn_all(outcome.warnings)
    summary.rows.append(_as_row(context.config.config_name, outcome))
    if outcome.status in ("refused", "held"):
        summary.problem(f"{outcome.name} is {outcome.status}: {outcome.reason}", BadDataError.exit_code)


def _as_row(config_name: str, outcome: Outcome) -> dict[str, Any]:
    counts = outcome.counts
    return {
        "import": config_name,
        "file": outcome.name,
        "state": outcome.status,
        "dataset": outcome.dataset_id,
        "label": outcome.label,
        "date": outcome.date,
        "read": counts.read,
        "loaded": counts.loaded,
        "rejected": counts.rejected,
        "skipped": counts.skipped,
    }


def _preview(context: Context, options: Options, summary: Summary) -> None:
    if options.only is not None and not options.only.is_file():
        raise UsageError(f"{options.only} does not exist")
    with contextlib.ExitStack() as stack:
        for path in _looked_at(context, options, stack, summary):
            if (name := decode_name(path.name)) == path.name:
                _preview_one(context, path, summary)
            else:
                summary.warn("file_renamed", f"the name of {name} is not UTF-8: a run renames it first")


def _looked_at(context: Context, options: Options, stack: contextlib.ExitStack, summary: Summary) -> list[Path]:
    """What a run would find: what waits, what its folders hold, the first page of its APIs."""
    if options.only is not None:
        return [options.only.absolute()]
    local = sources.module("local")
    found: list[Path] = local.waiting(context.config, context.directories)
    for source in context.config.sources:
        kind = sources.module(source.type)
        look = getattr(kind, "looked_at", None)
        if look is None:
            summary.details.append(f"sources of type {source.type} are not asked by a dry run")
            continue
        try:
            found += stack.enter_context(look(context.request(source.options, None, options.leave)))
            if part := getattr(kind, "LOOKS_AT", ""):
                summary.details.append(f"of sources of type {source.type} a dry run asks for {part} alone")
        except EtlError as error:
            summary.problem(str(error), error.exit_code)
    return found


def _preview_one(context: Context, path: Path, summary: Summary) -> None:
    from systemscripts.ingest import dry_run_load
    from systemscripts.ingest.load import Outcome

    try:
        shown = dry_run_load.preview(context, path)
    except Exception as error:
        if isinstance(error, EtlError | ImportError | psycopg2.Error) and not isinstance(error, BadDataError):
            raise
        reason = str(error) if isinstance(error, BadDataError) else describe_unexpected(error)
        summary.rows.append(_as_row(context.config.config_name, Outcome(path.name, "would be refused")))
        summary.problem(f"{path.name} would be refused: {reason}", BadDataError.exit_code)
        return
    summary.files += 1
    summary.counts.add(shown.outcome.counts)
    summary.rows.append(_as_row(context.config.config_name, shown.outcome))
    summary.details += _as_details(path.name, shown)
    summary.warn_all(shown.outcome.warnings)


def _as_details(name: str, shown: dry_run_load.Preview) -> list[str]:
    found = ", ".join(f"{key} {value!r}" for key, value in shown.detected.items() if value not in ("", None, []))
    lines = [f"{name}: {found}"]
    lines += [f"  {c['column']} ({c['type']}) from {c['header']!r}: {c['samples']}" for c in shown.columns]
    return lines + [f"  {line}" for line in (*shown.statements, *shown.rejects)]


def _headline(summary: Summary, dry_run: bool) -> str:
    if not summary.files and not summary.problems:
        return "nothing to do: no file waits"
    counts = summary.counts
    done = "dry run, nothing written: " if dry_run else ""
    return (
        f"{done}{summary.files} {'file' if summary.files == 1 else 'files'}: {counts.read:,} rows read, "
        f"{counts.loaded:,} loaded, {counts.rejected:,} rejected, {counts.skipped:,} skipped"
    )
