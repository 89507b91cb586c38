"""Handle an unexpected error of one file: refuse the file, or try it again if this host is the cause."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.commands import format_command
from systemscripts.errors import BadDataError, EtlError, TryLaterError, describe_unexpected, is_host_fault
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Summary

logger = logging.getLogger(__name__)


def as_refusal(context: Context, ticket: file_ledger.Ticket, summary: Summary, error: Exception) -> BadDataError | None:
    """Return why to refuse a file; None when it waits for the next run, which is a problem in the summary.

    Logs the traceback. Raises EtlError for the second file of a run with the same error at the same line: then the
    cause is likely this program, and the remaining files wait.
    """
    from systemscripts.ingest import prepare

    logger.error("%s: unexpected error", ticket.name, exc_info=error, extra={"on_console": False})
    if is_host_fault(error):
        text = f"{ticket.name} could not be read here: {describe_unexpected(error)}"
        later = TryLaterError(text, "Free disk space or memory; the next run tries it again.")
        summary.problem(str(later), later.exit_code, error)
        return None
    if (met := _with_place(error)) in context.errors_seen:
        raise EtlError(
            f"{ticket.name} failed with the same error as a file before it, {met}: it and the remaining files wait",
            "Report it with the traceback from the run's log. After an update the next run continues; "
            f"for the first file: {format_command('generic_import', context.config.config_name, '--retry-refused')}",
        )
    context.errors_seen.add(met)
    if ticket.file_sha256 is None:
        try:
            prepare.record_hash(context, ticket)
        except EtlError as unreadable:
            summary.problem(str(unreadable), unreadable.exit_code)
            return None
    return BadDataError(
        f"{ticket.name} cannot be read: {describe_unexpected(error)}",
        "Report it with the traceback from the run's log, and ask the sender for the file in another format.",
    )


def _with_place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
