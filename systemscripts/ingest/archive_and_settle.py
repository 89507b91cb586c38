"""A file in a final state leaves file_watcher/: into the archive, or refused/ with its reason; then its source is told.

Runs right after a load, and at every start for what a killed run has left: it only does what the ticket says.
"""

from __future__ import annotations

from pathlib import Path

from systemscripts import alerts, file_ledger, masking, settings, sources
from systemscripts.db_utils import transaction
from systemscripts.directory_management import FileStat, atomic_write, compute_sha256, move_file, read_file_stat
from systemscripts.errors import EtlError
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Notice, record_warning


def finish_file(context: Context, ticket: file_ledger.Ticket, read_as: FileStat | None = None) -> None:
    """Bring one file to its last place and settle it at its source; may be repeated at any point.

    `read_as`: size and time of the file when it was read, so that it need not be hashed again. Raises EtlError when it
    cannot be moved; the ticket keeps its state, and the next run does it.
    """
    safe = True
    if ticket.archived_at is None:
        safe = _move_to_archive(context, ticket, read_as)
        _notify_recipients(context, ticket)
        with transaction(context.connection) as cursor:  # durable: what comes next may remove the original
            file_ledger.mark_archived(cursor, ticket)
    context.clean_csv_path(ticket.name).unlink(missing_ok=True)
    if safe:
        _settle_source(context, ticket)
    with transaction(context.connection, durable=False) as cursor:
        file_ledger.mark_settled(cursor, ticket)


def _settle_source(context: Context, ticket: file_ledger.Ticket) -> None:
    """Tell the source that the file is safe here."""
    source = sources.find_source(context.config, ticket)
    if source is None and ticket.source != "local":
        name = context.config.config_name
        text = f"{ticket.name} came from {ticket.source_path}, which the import {name} does not name any more"
        text += ": nothing is tidied up there"
        record_warning(Notice("source_forgotten", text, name, ticket.file_id, ticket.dataset_id), on_console=True)
        return
    request = context.request(source.options if source else {})
    sources.load_module(ticket.source).settle(request, ticket)


def finish_files(context: Context) -> list[str]:
    """Finish what earlier runs have left; returns a sentence for each file that could not be finished."""
    with transaction(context.connection) as cursor:
        waiting = file_ledger.list_unfinished(cursor, context.config.config_name)
    problems = []
    for ticket in waiting:
        try:
            finish_file(context, ticket)
        except EtlError as error:
            problems.append(f"{ticket.name} is {ticket.status} but not put away: {error}")
    return problems


def return_refused_files(context: Context) -> None:
    """Put the refused files that no good load has replaced back to where files wait, to be tried again."""
    with transaction(context.connection) as cursor:
        refused = file_ledger.list_refused(cursor, context.config.config_name)
    for ticket in refused:
        kept = file_ledger.to_real_path(ticket.keep_path or "", context.directories)
        place = file_ledger.to_real_path(ticket.path, context.directories)
        if kept.is_file() and not place.exists():
            # first the reason: left behind by a kill, it would stand there for a file that has gone
            kept.with_name(f"{kept.name}.reason.txt").unlink(missing_ok=True)
            move_file(kept, place)


def _move_to_archive(context: Context, ticket: file_ledger.Ticket, read_as: FileStat | None) -> bool:
    """Move a file to where it is kept; false where it is nowhere any more, so that its source must not let it go."""
    source = file_ledger.to_real_path(ticket.path, context.directories)
    goal = file_ledger.to_real_path(ticket.keep_path, context.directories) if ticket.keep_path else None
    try:
        if not _is_same_file(source, ticket, read_as):
            # moved by a run that was killed before it could note it; or taken away, or replaced by a newer file
            if goal is not None and not goal.exists():
                text = f"{ticket.name} is {ticket.status}, but its file is no longer there"
                name, number = context.config.config_name, ticket.dataset_id
                record_warning(Notice("archived_file_missing", text, name, ticket.file_id, number), on_console=True)
                return False
            return goal is None or compute_sha256(goal) == ticket.file_sha256
        if goal is None:  # archive_policy none
            source.unlink()
            return True
        if ticket.status == "refused":
            goal.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(goal.with_name(f"{goal.name}.reason.txt")) as stream:
                stream.write(_describe_refusal(ticket).encode())
        move_file(source, goal)
        return True
    except OSError as error:
        raise EtlError(
            f"{source} cannot be moved to {goal}: {error.strerror}",
            "Free space or correct the rights, then run the same command again; its rows are safe.",
        ) from error


def _notify_recipients(context: Context, ticket: file_ledger.Ticket) -> None:
    """Tell whom the import names of a refused file or a held dataset; once more where a kill came between."""
    config, held = context.config, ticket.status == "loaded" and bool(ticket.reason)
    if not config.notify or not (held or ticket.status == "refused"):
        return
    state = "held" if held else "refused"
    subject = f"{config.config_name}: {ticket.name} is {state}"
    text = f"{ticket.name} is {state} by the import {config.config_name}.\n\n{ticket.reason}\n\n" + (
        f"Its rows are loaded as dataset {ticket.dataset_id}, but not current.\n"
        if held
        else f"Nothing of it is loaded; it lies in {ticket.keep_path}.\n"
    )
    alerts.tell(f"file {ticket.file_id}", config.notify, subject, text, context.directories)


def _is_same_file(source: Path, ticket: file_ledger.Ticket, read_as: FileStat | None) -> bool:
    """Whether what waits is still the file that the ticket is about."""
    found = read_file_stat(source)
    return found is not None and (found == read_as or compute_sha256(source) == ticket.file_sha256)


def _describe_refusal(ticket: file_ledger.Ticket) -> str:
    return masking.mask(
        f"{ticket.name} was refused by the import {ticket.config_name} on {settings.now():%Y-%m-%d %H:%M}.\n\n"
        f"{ticket.reason}\n"
    )
