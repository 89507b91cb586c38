"""What one file has against it, by all rules of findings/; what an operator accepted only informs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from systemscripts.findings import guards
from systemscripts.findings.finding import Finding, waive
from systemscripts.imports import target
from systemscripts.ingest import same_day_files
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.ingest.same_day_files import Rival
from systemscripts.summary import Counts

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


def judge_shape(cursor: Cursor, context: Context, file: PreparedFile, plan: target.Plan) -> list[Finding]:
    """Return what is wrong with the columns of a file, before anything is written."""
    findings: list[Finding] = []
    return waive(findings, context.waived)


def judge_rows(
    cursor: Cursor, context: Context, file: PreparedFile, dataset_id: int, counts: Counts, rival: Rival | None
) -> list[Finding]:
    """Return what is wrong with the rows of a file, once they are in the transaction of the load."""
    findings = []
    if guard := guards.judge_guards(cursor, context.config, file.identity, counts, dataset_id, context.accept_drop):
        findings.append(guard)
    if rival and (second := same_day_files.judge_second_file(context.config, file, rival)):
        findings.append(second)
    return waive(findings, context.waived)
