"""Refuse a file: nothing of it is loaded, and the ledger has the reason, its faulty rows and its findings."""

from __future__ import annotations

import logging
from pathlib import Path

from systemscripts import file_ledger
from systemscripts.commands import format_command
from systemscripts.db_utils import transaction
from systemscripts.directory_management import shorten_name
from systemscripts.errors import BadDataError
from systemscripts.findings import ledger
from systemscripts.findings.finding import Finding, find_worst, join_texts, select
from systemscripts.imports import rejects
from systemscripts.imports.rejects import Rejects
from systemscripts.ingest.file_outcome import Outcome
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Counts

logger = logging.getLogger(__name__)


class RejectsRefusedError(BadDataError):
    """More rows do not fit than the import allows; the rejects explain it row by row."""

    def __init__(self, rejected: Rejects, counts: Counts) -> None:
        first = rejected.first[0]
        super().__init__(
            f"{counts.rejected} of {counts.read} rows do not fit, more than max_rejects and max_reject_rate allow; "
            f"the first: row {first.source_row} {first.reason}"
        )
        self.found = rejected


class FoundRefusedError(BadDataError):
    """Findings refuse the whole file."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(join_texts(select(findings, "refuse")))
        self.findings = findings


def refuse_if_found(findings: list[Finding]) -> None:
    """Raise FoundRefusedError where a finding refuses the file."""
    if find_worst(findings) == "refuse":
        raise FoundRefusedError(findings)


def refuse_file(context: Context, ticket: file_ledger.Ticket, error: BadDataError) -> Outcome:
    """Record, in a transaction of its own, that a whole file is refused, with its faulty rows and its findings."""
    assert ticket.file_sha256 is not None
    marked = Path(shorten_name(ticket.name))
    name = f"{marked.stem}_{ticket.file_sha256[:8]}{marked.suffix}"
    keep = file_ledger.to_stored_path(context.directories.refused / name, context.directories)
    # the only place that says what to do: mail, status, console and the .reason.txt file all show the reason
    again = format_command("generic_import", context.config.config_name, "--retry-refused")
    reason = f"{str(error).removesuffix('.')}. Deliver a corrected file; or after a change here: {again}"
    with transaction(context.connection) as cursor:
        if isinstance(error, RejectsRefusedError):
            rejects.store_rejects(cursor, error.found.first, ticket.file_id, None)
        if isinstance(error, FoundRefusedError):
            ledger.store_findings(
                cursor, error.findings, context.config.config_name, ticket.label, ticket.file_id, None, context.run_uuid
            )
        file_ledger.change_status(cursor, ticket, "refused", context.run_uuid, reason=reason, keep_path=keep)
        file_ledger.resolve_earlier_refusals(cursor, ticket)
    logger.error("%s is refused: %s", ticket.name, error, extra={"on_console": False})
    return Outcome(ticket.name, "refused", label=ticket.label, reason=reason)
