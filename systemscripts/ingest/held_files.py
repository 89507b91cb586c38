"""A held file: read and judged, none of its rows in the target; and what closes it when a later good file comes."""

from __future__ import annotations

from systemscripts.datasets import states
from systemscripts.db_utils import Cursor
from systemscripts.findings import ledger
from systemscripts.findings.finding import Finding
from systemscripts.imports import rejects, target_plan
from systemscripts.imports.rejects import Rejects
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.summary import Counts


def count_rows(file: PreparedFile) -> Counts:
    """Count the rows of a file that is held before it is copied."""
    rows = sum(len(block.records) for block in file.table.blocks()) if file.columns else 0
    return Counts(read=rows + file.table.skipped, skipped=file.table.skipped, held=rows)


def take_rows_back(
    cursor: Cursor, rows: Cursor, file: PreparedFile, plan: target_plan.Plan, counts: Counts, rejected: Rejects,
    dataset_id: int,
) -> None:  # fmt: skip
    """Roll back to the savepoint before the rows of a file that is held after all; `counts` says so afterwards.

    `rows`: the cursor of the target. Its rejected rows stay noted, as far as they are remembered.
    """
    for one_cursor in {cursor, rows}:
        one_cursor.execute("rollback to savepoint before_rows")
    if plan.lake is not None and plan.lake.write:
        from systemscripts.datasets import lake

        lake.remove_leftovers(cursor, plan.lake)
    rejects.store_rejects(cursor, rejected.first, file.ticket.file_id, dataset_id)
    # a row that was known, or older than the one in the target, is held like the others
    counts.loaded, counts.skipped = 0, file.table.skipped
    counts.held = counts.read - counts.rejected - counts.skipped


def close_overtaken(cursor: Cursor, dataset_id: int) -> list[Finding]:
    """Close the held files of a label that a good snapshot overtakes."""
    findings = []
    for held_id in states.find_overtaken_held(cursor, dataset_id):
        states.replace_held(cursor, held_id, dataset_id, f"overtaken by dataset {dataset_id}")
        ledger.decide_findings(cursor, held_id, "overtaken", "", f"dataset {dataset_id} came later")
        text = f"it overtakes dataset {held_id}, which was held and not decided"
        findings.append(Finding("held_overtaken", "inform", text))
    return findings


def close_judged_again(cursor: Cursor, held_id: int | None, dataset_id: int) -> None:
    """Close a held file that --reload judges again, in favour of what it is now."""
    if held_id is None:
        return
    states.replace_held(cursor, held_id, dataset_id, f"judged again as dataset {dataset_id}")
    ledger.decide_findings(cursor, held_id, "overtaken", "", f"--reload judged it again as dataset {dataset_id}")
