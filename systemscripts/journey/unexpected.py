"""An error of one file that nobody had foreseen: the file is refused, or tried again where this host is at fault."""

from __future__ import annotations

import logging

from systemscripts import files
from systemscripts.errors import BadDataError, EtlError, TryLaterError, as_unexpected, is_of_this_host
from systemscripts.journey.context import Context
from systemscripts.summary import Summary

logger = logging.getLogger(__name__)


def as_refusal(context: Context, ticket: files.Ticket, summary: Summary, error: Exception) -> BadDataError | None:
    """Return why to refuse a file; None where it stays for the next run, which the summary then says.

    The traceback is in the log of the run.
    """
    from systemscripts.journey import prepare

    logger.error("%s: unexpected error", ticket.name, exc_info=error, extra={"on_console": False})
    if is_of_this_host(error):
        text = f"{ticket.name} could not be read here: {as_unexpected(error)}"
        later = TryLaterError(text, "Free space or memory; the next run tries it again.")
        summary.problem(str(later), later.exit_code)
        return None
    if ticket.file_sha256 is None:
        try:
            prepare.note_hash(context, ticket)
        except EtlError as unreadable:
            summary.problem(str(unreadable), unreadable.exit_code)
            return None
    return BadDataError(
        f"{ticket.name} cannot be read: {as_unexpected(error)}",
        "The log of the run has the traceback; report it, and ask the sender for the file in another form.",
    )
