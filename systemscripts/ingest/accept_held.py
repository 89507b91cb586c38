"""Accept a held file: it is loaded by the ordinary code, as a new dataset, with its findings waived."""

from __future__ import annotations

import getpass
from dataclasses import replace

from systemscripts import configuration, file_ledger
from systemscripts.datasets import identity, states
from systemscripts.datasets.identity import Decision
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError, UsageError
from systemscripts.findings import ledger
from systemscripts.findings.finding import find_worst, join_texts, select
from systemscripts.imports import after_change
from systemscripts.ingest import judge_file, load, load_plan, prepare, reload_archived
from systemscripts.ingest.file_outcome import Outcome
from systemscripts.ingest.ingest_context import Context, check_upload
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.summary import Summary


def accept_dataset(
    connection: Connection, directories: Directories, run_uuid: str, dataset_id: int, wait_seconds: float = 0,
    decided_by: str = "", reason: str = "",
) -> Summary:  # fmt: skip
    """Load the file of a held dataset; returns what became of it. `decided_by`: who decides, else the system's user.

    A held dataset of an older version, which has its rows in the target, becomes active by itself. Raises UsageError
    when it is not held, its file is gone or a newer one is active; BadDataError when other findings still hold it.
    """
    with transaction(connection) as cursor:
        status, config_name, target_table, label, is_held_file = states.find_dataset(cursor, dataset_id)
    if status != "held":
        return _say_decided(connection, dataset_id, status)
    config = configuration.load_import(connection, config_name)
    check_upload(connection, config)
    with advisory_lock(connection, f"target {target_table}", wait_seconds):
        if not is_held_file:
            with transaction(connection) as cursor, after_change.recompute_affected(cursor, config, label):
                before = states.accept_dataset(cursor, dataset_id)
            replaced = f", dataset {before} is superseded" if before else ""
            return Summary(headline=f"dataset {dataset_id} is accepted{replaced}")
        with transaction(connection) as cursor:
            waived = frozenset(finding.subject for finding in ledger.read_findings(cursor, dataset_id))
            ticket = file_ledger.load_ticket_of_dataset(cursor, dataset_id)
        context = Context(connection, config, directories, run_uuid, accepted=dataset_id, waived=waived)
        with reload_archived.open_file_of_dataset(ticket, dataset_id, directories) as path:
            as_kept = replace(ticket, path=file_ledger.to_stored_path(path, directories))
            with prepare.prepare_file(context, as_kept, write=False) as file:
                if as_kept.file_sha256 != ticket.file_sha256:
                    raise UsageError(f"{path} is not the file that is held as dataset {dataset_id}", "Restore it.")
                outcome = _load_accepted(context, file, dataset_id, decided_by or getpass.getuser(), reason)
    summary = Summary(headline=f"dataset {dataset_id} is accepted and loaded as dataset {outcome.dataset_id}")
    summary.files, summary.counts = 1, outcome.counts
    summary.warn_all(outcome.warnings)
    return summary


def _say_decided(connection: Connection, dataset_id: int, status: str) -> Summary:
    """A decision that was made already, such as by a run that was killed after its commit, is made."""
    with transaction(connection) as cursor:
        if (became := states.find_accepted(cursor, dataset_id)) is not None:
            return Summary(headline=f"dataset {dataset_id} is accepted already, as dataset {became}: nothing to do")
    raise UsageError(f"dataset {dataset_id} is {status}, not held", states.SEE_HELD)


def _load_accepted(context: Context, file: PreparedFile, dataset_id: int, decided_by: str, reason: str) -> Outcome:
    with transaction(context.connection) as cursor:
        decision = _decide(cursor, context, file, dataset_id)
        findings = judge_file.judge_shape(cursor, context, file)
        load.refuse_if_found(findings)
        plan = load_plan.plan_load(cursor, context, file)
    load_plan.extend_target(context, plan, file)
    with (
        transaction(context.connection) as cursor,
        after_change.recompute_affected(cursor, context.config, file.identity.label),
    ):
        cursor.execute("delete from dba.trejectedrow where dataset_id = %s", (dataset_id,))
        outcome = load.load_rows(cursor, context, file, plan, decision, findings)
        file_ledger.record_headers(
            cursor, file.ticket.file_id, dict(zip(file.columns, file.table.columns, strict=True))
        )
        if find_worst(outcome.findings) == "hold":
            raise BadDataError(
                f"dataset {dataset_id} stays held: {join_texts(select(outcome.findings, 'hold'))}",
                "Correct the configuration, or undo it.",
            )
        assert outcome.dataset_id is not None
        states.replace_held(cursor, dataset_id, outcome.dataset_id, f"accepted as dataset {outcome.dataset_id}")
        states.mark_baseline(cursor, outcome.dataset_id)
        ledger.decide_findings(cursor, dataset_id, "accepted", decided_by, reason)
    return outcome


def _decide(cursor: Cursor, context: Context, file: PreparedFile, dataset_id: int) -> Decision:
    """Return what the accepted file replaces; in snapshot mode raises UsageError where a newer one is active."""
    if context.config.load_mode != "snapshot":
        return Decision("load")
    active = identity.find_active(cursor, context.config.config_name, file.identity)
    if active is not None and active > dataset_id:
        raise UsageError(f"dataset {active} is newer and active for the same label and date", "Undo it first.")
    return Decision("load", supersedes=active)
