"""What an import's sources bring, and the files of earlier runs that still wait."""

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
from systemscripts.summary import Notice, Summary, about, bundled

logger = logging.getLogger(__name__)


def fetch_files(
    context: Context, only: Path | None, leave: frozenset[str], summary: Summary, ask_sources: bool = True
) -> tuple[list[file_ledger.Ticket], bool]:
    """The tickets of all files that wait now, and whether every source could be asked.

    `only`: this file alone. `leave`: names of files that are not to be taken. `ask_sources`:
    false for what is here already. What goes wrong with one source is noted
    in the summary and does not stop the others; raises EtlError where `only` cannot be had or the database is away.
    """
    tickets: dict[int, file_ledger.Ticket] = {}
    left: dict[Path, Notice] = {}
    whole = True
    _delete_incomplete_tickets(context)
    arrival.remove_landed(context.directories.temporary)
    for source in _list_sources(context.config, only is None and ask_sources):
        name = context.config.config_name
        summary.warn_all(about(plain_secrets.find_warnings(source.options, f"import {name}"), config_name=name))
        try:
            request = context.request(source.options, only, leave)
            fetched = sources.load_module(source.type).fetch(request)
        except EtlError as error:
            if context.connection.closed or only is not None:
                raise
            whole = _can_load_despite(context, source, error, summary) and whole
            continue
        for failure in fetched.failures:
            whole = _can_load_despite(context, source, failure, summary) and whole
        left |= fetched.left
        summary.warn_all(about(bundled(fetched.warnings), config_name=name))
        tickets |= {ticket.file_id: ticket for ticket in fetched.tickets}
    if only is None:
        tickets |= _find_earlier_tickets(context, leave, tickets, left)
    summary.warn_all(about(bundled(left.values()), config_name=context.config.config_name))
    return [ticket for ticket in tickets.values() if _is_still_waiting(context, ticket, summary)], whole


def _can_load_despite(context: Context, source: Source, error: EtlError, summary: Summary) -> bool:
    """Say what a source could not do; what waits here already is loaded nevertheless. Return whether it may be so."""
    name = context.config.config_name
    if context.among_others and isinstance(error, variables.UnsetVariableError):
        summary.warn("source_not_asked", f"not asked: {error}", name)  # a source that this host does not use
        return False
    if source.optional:
        summary.warn("source_left_out", f"an optional source is left out: {error}", name)
        return True
    summary.problem(str(error), error.exit_code)
    summary.gave_up += isinstance(error, GaveUpError)
    return False


def _list_sources(config: ImportConfig, remote: bool) -> list[Source]:
    """Where to look for files: where the import says, and always in file_watcher/, the door that all come through."""
    door = Source(type="local")
    return [*([source for source in config.sources if source != door] if remote else []), door]


def _delete_incomplete_tickets(context: Context) -> None:
    """A run that was killed between ticket and file has left a ticket of a file that is still to be fetched."""
    with transaction(context.connection) as cursor:
        for ticket in file_ledger.list_open_tickets(cursor, context.config.config_name):
            path = file_ledger.to_real_path(ticket.path, context.directories)
            elsewhere = ticket.source != "local" or ticket.source_stamp is not None
            if elsewhere and not path.exists():
                logger.info("%s did not arrive whole, it is fetched again", ticket.name)
                file_ledger.delete_ticket(cursor, ticket)


def _find_earlier_tickets(
    context: Context, leave: frozenset[str], fetched: dict[int, file_ledger.Ticket], left: dict[Path, Notice]
) -> dict[int, file_ledger.Ticket]:
    """The tickets that an earlier run opened and no source has named now, such as a file brought in by --file."""
    with transaction(context.connection) as cursor:
        found = [
            t for t in file_ledger.list_open_tickets(cursor, context.config.config_name) if t.file_id not in fetched
        ]
    paths = {file_ledger.to_real_path(ticket.path, context.directories): ticket for ticket in found}
    others = [path for path in paths if path not in left and path.name not in leave]
    _, moving = split_still_files(others, settings.current().file_still_seconds)
    for path in moving:
        text = f"{path.name} is still being written, left for the next run"
        left[path] = Notice("file_still_written", text, file_id=paths[path].file_id)
    return {paths[path].file_id: paths[path] for path in others if path not in moving}


def _is_still_waiting(context: Context, ticket: file_ledger.Ticket, summary: Summary) -> bool:
    if file_ledger.to_real_path(ticket.path, context.directories).exists():
        return True
    # somebody took it away before it was loaded; nothing of it is in the target, so its ticket goes too
    with transaction(context.connection) as cursor:
        file_ledger.delete_ticket(cursor, ticket)
    text = f"{ticket.name} has gone from where it waited, nothing of it was loaded"
    summary.warn("file_gone", text, context.config.config_name)
    return False
