"""Fetch files from an import's sources, and find the files of earlier runs that still wait."""

from __future__ import annotations

import logging
from pathlib import Path

from systemscripts import file_ledger, settings, sources
from systemscripts.configuration import ImportConfig, Source, plain_secrets, variables
from systemscripts.db_utils import transaction
from systemscripts.directory_management import split_still_files
from systemscripts.errors import EtlError, GaveUpError
from systemscripts.ingest.ingest_context import Context
from systemscripts.sources import arrival
from systemscripts.summary import Notice, Summary, add_details, limit_per_code

logger = logging.getLogger(__name__)
FILE_WATCHER = Source(type="local")


def fetch_files(
    context: Context, only: Path | None, leave: frozenset[str], summary: Summary, ask_sources: bool = True
) -> tuple[list[file_ledger.Ticket], bool]:
    """Return the tickets of all files that wait now, and whether every source could be asked.

    `only`: fetch this file only. `leave`: names of files to leave alone. `ask_sources`: False to look only at files
    that are here already. An error of one source goes into the summary and does not stop the others. Raises EtlError
    when `only` cannot be fetched or the database connection is lost.
    """
    tickets: dict[int, file_ledger.Ticket] = {}
    left: dict[Path, Notice] = {}
    whole = True
    _delete_incomplete_tickets(context)
    arrival.remove_landed(context.directories.temporary)
    for source in _list_sources(context.config, only is None and ask_sources):
        name = context.config.config_name
        summary.warn_all(add_details(plain_secrets.find_warnings(source.options, f"import {name}"), config_name=name))
        try:
            # what the sources brought in this run is whole: file_watcher/ need not wait for it to stop changing
            brought = {Path(ticket.path).name for ticket in tickets.values()} if source == FILE_WATCHER else set()
            request = context.ask(source, only, leave | brought)
            fetched = sources.load_module(source.type).fetch(request)
            if request.unpacking is not None:
                fetched.failures += request.unpacking.failures
                fetched.warnings += request.unpacking.notices
        except EtlError as error:
            if context.connection.closed or only is not None:
                raise
            whole = _can_load_despite(context, source, error, summary) and whole
            continue
        for failure in fetched.failures:
            whole = _can_load_despite(context, source, failure, summary) and whole
        left |= fetched.left
        summary.warn_all(add_details(limit_per_code(fetched.warnings), config_name=name))
        tickets |= {ticket.file_id: ticket for ticket in fetched.tickets}
    if only is None:
        tickets |= _find_earlier_tickets(context, leave, tickets, left)
    summary.warn_all(add_details(limit_per_code(left.values()), config_name=context.config.config_name))
    return [ticket for ticket in tickets.values() if _is_still_waiting(context, ticket, summary)], whole


def _can_load_despite(context: Context, source: Source, error: EtlError, summary: Summary) -> bool:
    """Report that a source failed; return whether the import counts as complete without it."""
    name = context.config.config_name
    # this host does not use the source: its settings are missing
    if context.is_one_of_many and isinstance(error, variables.UnsetVariableError):
        summary.warn("source_not_asked", f"not asked: {error}", name)
        return False
    if source.optional:
        summary.warn("source_left_out", f"an optional source is left out: {error}", name)
        return True
    summary.problem(str(error), error.exit_code, error)
    summary.gave_up += isinstance(error, GaveUpError)
    return False


def _list_sources(config: ImportConfig, remote: bool) -> list[Source]:
    """Return where to look for files: the sources of the import (`remote`), and always file_watcher/."""
    others = [source for source in config.sources if source != FILE_WATCHER] if remote else []
    return [*others, FILE_WATCHER]


def _delete_incomplete_tickets(context: Context) -> None:
    """Delete the tickets of files that never arrived, because their run was killed: they are fetched again."""
    with transaction(context.connection) as cursor:
        for ticket in file_ledger.list_open_tickets(cursor, context.config.config_name):
            path = file_ledger.to_real_path(ticket.path, context.directories)
            elsewhere = ticket.source != "local" or ticket.source_stamp is not None
            if elsewhere and not path.exists():
                logger.info("%s did not arrive completely and is fetched again", ticket.name)
                file_ledger.delete_ticket(cursor, ticket)


def _find_earlier_tickets(
    context: Context, leave: frozenset[str], fetched: dict[int, file_ledger.Ticket], left: dict[Path, Notice]
) -> dict[int, file_ledger.Ticket]:
    """Return the tickets of an earlier run that no source reported now, such as that of a file given with --file."""
    with transaction(context.connection) as cursor:
        earlier = [
            t for t in file_ledger.list_open_tickets(cursor, context.config.config_name) if t.file_id not in fetched
        ]
    paths = {file_ledger.to_real_path(ticket.path, context.directories): ticket for ticket in earlier}
    others = [path for path in paths if path not in left and path.name not in leave]
    _, moving = split_still_files(others, settings.current().file_still_seconds)
    for path in moving:
        text = f"{path.name} is still being written, left for the next run"
        left[path] = Notice("file_still_written", text, file_id=paths[path].file_id)
    return {paths[path].file_id: paths[path] for path in others if path not in moving}


def _is_still_waiting(context: Context, ticket: file_ledger.Ticket, summary: Summary) -> bool:
    if file_ledger.to_real_path(ticket.path, context.directories).exists():
        return True
    # removed before it was loaded: the target has no rows of it, so its ticket goes too
    with transaction(context.connection) as cursor:
        file_ledger.delete_ticket(cursor, ticket)
    text = f"{ticket.name} disappeared before it was loaded"
    summary.warn("file_gone", text, context.config.config_name)
    return False
