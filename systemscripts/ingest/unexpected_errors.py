"""An error of one file that nobody had foreseen: the file is refused, or tried again where this host is at fault."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.errors import BadDataError, EtlError, TryLaterError, describe_unexpected, is_host_fault
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Summary

logger = logging.getLogger(__name__)


def as_refusal(context: Context, ticket: file_ledger.Ticket, summary: Summary, error: Exception) -> BadDataError | None:
    """Return why to refuse a file; None where it stays for the next run, which the summary then says.

    The traceback is in the log of the run. Raises EtlError for the second file of a run with the same error at the same
    place: then the fault is ours more likely than the files', and what is left waits.
    """
    from systemscripts.ingest import prepare

    logger.error("%s: unexpected error", ticket.name, exc_info=error, extra={"on_console": False})
    if is_host_fault(error):
        text = f"{ticket.name} could not be read here: {describe_unexpected(error)}"
        later = TryLaterError(text, "Free space or memory; the next run tries it again.")
        summary.problem(str(later), later.exit_code)
        return None
    if (met := _with_place(error)) in context.errors_seen:
        raise EtlError(
            f"{ticket.name} and a file before it met the same error, {met}: it and what is left wait",
            "The log of the run has the traceback. Report it; after an update the next run goes on, and "
            f"generic_import.py {context.config.config_name} --retry-refused takes the first one again.",
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
        "The log of the run has the traceback; report it, and ask the sender for the file in another form.",
    )


def _with_place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
