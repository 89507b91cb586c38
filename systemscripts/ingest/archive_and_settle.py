"""Move a file in a final state into the archive, or into refused/ with its reason; then settle it at its source.

This runs after each load, and at every start for the files of killed runs: the ticket alone says what to do.
"""

from __future__ import annotations

from pathlib import Path

from systemscripts import file_ledger, masking, settings, sources
from systemscripts.configuration import sidecar_files
from systemscripts.db_utils import transaction
from systemscripts.directory_management import (
    NO_SPACE,
    FileStat,
    atomic_write,
    compute_sha256,
    move_beside,
    move_file,
    read_file_stat,
)
from systemscripts.errors import DiskFullError, EtlError
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.notify_recipients import notify_recipients
from systemscripts.summary import Notice, Summary, record_warning


def finish_file(context: Context, ticket: file_ledger.Ticket, read_as: FileStat | None = None) -> None:
    """Archive one file and settle it at its source; may be repeated at any point.

    `read_as`: size and time of the file when it was read, so that it need not be hashed again. Raises EtlError when it
    cannot be moved; its ticket keeps its state, and the next run tries again.
    """
    safe = True
    if ticket.archived_at is None:
        safe = _move_to_archive(context, ticket, read_as)
        _move_sidecars(context, ticket)
        if ticket.settled_at is None:
            notify_recipients(context, ticket)
        # durable, because settling may remove the original
        with transaction(context.connection) as cursor:
            file_ledger.mark_archived(cursor, ticket)
    context.clean_csv_path(ticket.name).unlink(missing_ok=True)
    # of a held file without an archive the source was settled when it came
    if safe and ticket.settled_at is None:
        _settle_source(context, ticket)
    with transaction(context.connection, durable=False) as cursor:
        file_ledger.mark_settled(cursor, ticket)


def _settle_source(context: Context, ticket: file_ledger.Ticket) -> None:
    """Tell the source that the file is safe here."""
    source = sources.find_source(context.config, ticket)
    if source is None and ticket.source != "local":
        name = context.config.config_name
        text = f"{ticket.name} came from {ticket.source_path}, which is no longer a source of the import {name}"
        text += ": nothing was removed there"
        record_warning(Notice("source_forgotten", text, name, ticket.file_id, ticket.dataset_id), on_console=True)
        return
    request = context.ask(source) if source else context.request({})
    settled: file_ledger.Ticket | None = ticket
    if source and source.unpack:
        from systemscripts.sources.arrival import archived_files

        settled = archived_files.find_settled_archive(request, ticket)
    # other files of the same archive are not safe yet
    if settled is not None:
        sources.load_module(ticket.source).settle(request, settled)


def finish_files(context: Context, summary: Summary) -> None:
    """Finish the files of earlier runs; each one that could not be finished is a problem in the summary."""
    with transaction(context.connection) as cursor:
        if context.config.archive_policy == "none":
            file_ledger.release_kept_files(cursor, context.config.config_name)
        waiting = file_ledger.list_unfinished(cursor, context.config.config_name)
    for ticket in waiting:
        try:
            finish_file(context, ticket)
        except EtlError as error:
            summary.problem(f"{ticket.name} is {ticket.status} but not archived: {error}", error=error)


def return_refused_files(context: Context) -> None:
    """Move refused files that no later load has replaced back to where they waited, to try them again."""
    with transaction(context.connection) as cursor:
        refused = file_ledger.list_refused(cursor, context.config.config_name)
    for ticket in refused:
        kept = file_ledger.to_real_path(ticket.keep_path or "", context.directories)
        waiting_path = file_ledger.to_real_path(ticket.path, context.directories)
        if kept.is_file() and not waiting_path.exists():
            # the reason first: if this run is killed, no reason stays without its file
            kept.with_name(f"{kept.name}.reason.txt").unlink(missing_ok=True)
            move_beside(sidecar_files.list_sidecars(kept), kept, waiting_path)
            move_file(kept, waiting_path)


def _move_to_archive(context: Context, ticket: file_ledger.Ticket, read_as: FileStat | None) -> bool:
    """Move a file into the archive; return False when it is lost here, so that its source must keep it."""
    source = file_ledger.to_real_path(ticket.path, context.directories)
    target = file_ledger.to_real_path(ticket.keep_path, context.directories) if ticket.keep_path else None
    try:
        if not _is_same_file(source, ticket, read_as):
            # a killed run moved it already, or someone removed it, or a newer file replaced it
            if target is not None and not target.exists():
                text = f"{ticket.name} is {ticket.status}, but its file no longer exists"
                name, number = context.config.config_name, ticket.dataset_id
                record_warning(Notice("archived_file_missing", text, name, ticket.file_id, number), on_console=True)
                return False
            return target is None or compute_sha256(target) == ticket.file_sha256
        # archive_policy: none
        if target is None:
            source.unlink(missing_ok=True)
            return True
        if ticket.status == "refused":
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target.with_name(f"{target.name}.reason.txt")) as stream:
                stream.write(_describe_refusal(ticket).encode())
        move_file(source, target)
        return True
    except OSError as error:
        raise EtlError(
            f"{source} cannot be moved to {target}: {error.strerror}",
            "Free disk space or correct the permissions, then run the same command again; its rows are safe.",
            # one alert for all runs that a full disk stops
        ) from (DiskFullError(target or source) if error.errno in NO_SPACE else error)


def _move_sidecars(context: Context, ticket: file_ledger.Ticket) -> None:
    """Move what the sender put beside a file to where the file went; a file that is still there keeps them."""
    source = file_ledger.to_real_path(ticket.path, context.directories)
    if source.exists():
        return
    target = file_ledger.to_real_path(ticket.keep_path, context.directories) if ticket.keep_path else None
    try:
        move_beside(sidecar_files.list_sidecars(source), source, target)
    except OSError as error:
        raise EtlError(f"what is beside {source} cannot be moved: {error.strerror}", "Run it again.") from error


def _is_same_file(source: Path, ticket: file_ledger.Ticket, read_as: FileStat | None) -> bool:
    """Return whether the waiting file is still the one that the ticket is about."""
    file_stat = read_file_stat(source)
    return file_stat is not None and (file_stat == read_as or compute_sha256(source) == ticket.file_sha256)


def _describe_refusal(ticket: file_ledger.Ticket) -> str:
    return masking.mask(
        f"{ticket.name} was refused by the import {ticket.config_name} on {settings.now():%Y-%m-%d %H:%M}.\n\n"
        f"{ticket.reason}\n"
    )
