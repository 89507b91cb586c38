"""Load a prepared file in one transaction: its dataset, rows, rejects and ticket, and what it supersedes."""

from __future__ import annotations

import logging

from systemscripts import file_ledger, log_utils, progress, settings
from systemscripts.datasets import load_decision, states
from systemscripts.datasets.load_decision import Decision
from systemscripts.db_utils import Cursor
from systemscripts.errors import TryLaterError
from systemscripts.findings import ledger, row_guards
from systemscripts.findings.finding import Finding, find_worst, join_texts, select
from systemscripts.imports import after_change, column_layout, copy_rows, rejects, target_plan
from systemscripts.imports.rejects import Rejects
from systemscripts.ingest import (
    file_warnings,
    heal_target,
    held_files,
    judge_file,
    load_plan,
    look_at_values,
    prepare,
    refuse_file,
    same_day_files,
)
from systemscripts.ingest.both_databases import open_for_load, open_for_plan
from systemscripts.ingest.file_outcome import Outcome
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.ingest.same_day_files import Rival
from systemscripts.summary import Counts, Notice, add_details, add_prefix
from systemscripts.target_database import target_ledger

logger = logging.getLogger(__name__)
SEE_REJECTS = ", see dba.trejectedrow"


def load_file(context: Context, file: PreparedFile) -> Outcome:
    """Load one prepared file into its target, unless its content was loaded before.

    Raises BadDataError when the file must be refused, TryLaterError when it changed while it was read.
    """
    heal_target.heal_doubt(context)
    with open_for_plan(context) as cursor:
        decision = load_plan.decide_for_file(cursor, context, file)
        if decision.action != "load":
            return _record_repeated(cursor, context, file, decision)
        findings = judge_file.judge_shape(cursor, context, file)
        refuse_file.refuse_if_found(findings)
        if find_worst(findings) == "hold":
            return hold_unread(cursor, context, file, decision, findings)
        plan = load_plan.plan_load(cursor, context, file)
    with log_utils.step("extend"):
        load_plan.extend_target(context, plan, file)
    with (
        open_for_load(context) as cursor,
        after_change.recompute_affected(cursor, context.config, file.identity.label),
        log_utils.step("copy"),
    ):
        outcome = load_rows(cursor, context, file, plan, decision, findings)
    logger.info("%s: dataset %s, %s rows", file.ticket.name, outcome.dataset_id, outcome.counts.loaded)
    return outcome


def _record_repeated(cursor: Cursor, context: Context, file: PreparedFile, decision: Decision) -> Outcome:
    early = row_guards.is_of_the_future(context.config, file.identity.date)
    if decision.action == "unchanged" and decision.dataset_id is not None:
        # a last_seen in the future would keep the dataset current until then
        states.mark_seen_again(cursor, decision.dataset_id, None if early else file.identity.date)
        if (target := context.target) is not None:
            # its state is what it was
            target_ledger.copy_states(cursor, target.cursor, target.name, [decision.dataset_id])
    _record_status(cursor, context, file, decision.action, decision.dataset_id, reason=decision.reason)
    outcome = _build_outcome(file, decision.action, decision.dataset_id, reason=decision.reason)
    notices = []
    if decision.warning is None:
        logger.info("%s: %s", file.ticket.name, decision.reason)
    else:
        notices.append(Notice(decision.warning, decision.reason))
    notices += row_guards.warn_of_date(context.config, file.identity.date)
    known = {"file_id": file.ticket.file_id, "dataset_id": decision.dataset_id}
    outcome.warnings += add_details(
        add_prefix(notices, file.ticket.name), config_name=context.config.config_name, **known
    )
    file_warnings.store_warnings(cursor, file.ticket.file_id, outcome.warnings)
    return outcome


def load_rows(
    cursor: Cursor,
    context: Context,
    file: PreparedFile,
    plan: target_plan.Plan,
    decision: Decision,
    findings: list[Finding],
) -> Outcome:
    """Write everything that one load writes, in the caller's transaction: its rows, or that the file is held.

    `findings`: of its shape; those of its rows are added here.
    """
    columns = [name for name in plan.columns if name not in plan.shape.filled]
    dataset_id = _create_dataset(cursor, context, file, plan.name, columns)
    held_files.close_judged_again(cursor, decision.judges_again, dataset_id)
    rival = same_day_files.find_rival(cursor, decision.supersedes, file.ticket.file_id) if decision.supersedes else None
    for one_cursor in {cursor, context.rows(cursor)}:
        one_cursor.execute("savepoint before_rows")
    viewer = look_at_values.Viewer(cursor, context, file, plan, dataset_id)
    counts, rejected = _copy_rows(cursor, context, file, plan, dataset_id, viewer)
    if rejects.are_too_many(counts.rejected, counts.read, context.config.max_rejects, context.config.max_reject_rate):
        raise refuse_file.RejectsRefusedError(rejected, counts)
    _refuse_changed(file)
    findings = [*findings, *judge_file.judge_rows(cursor, context, file, dataset_id, counts, rival)]
    findings += viewer.judge_values()
    if find_worst(findings) == "hold":
        held_files.take_rows_back(cursor, context.rows(cursor), file, plan, counts, rejected, dataset_id)
    viewer.store_profiles()
    states.record_counts(cursor, dataset_id, counts)
    notices = [*_collect_warnings(file, plan, counts), *notices_of(findings)]
    if find_worst(findings) == "hold":
        held = _hold_dataset(cursor, dataset_id, findings)
    else:
        held = ""
        notices += _activate(cursor, context, file, rejected, decision, dataset_id, rival)
        findings = [*findings, *held_files.close_overtaken(cursor, dataset_id)]
    return _note_load(cursor, context, file, plan, dataset_id, counts, held, notices, findings)


def _refuse_changed(file: PreparedFile) -> None:
    """Raise TryLaterError where the file is not the one that was read."""
    if prepare.has_changed(file):
        raise TryLaterError(f"{file.ticket.name} changed while it was read", "The next run loads it.")


def hold_unread(
    cursor: Cursor, context: Context, file: PreparedFile, decision: Decision, findings: list[Finding]
) -> Outcome:
    """Hold a file because of its columns: none of its rows is looked at, nothing of the target changes."""
    dataset_id = _create_dataset(cursor, context, file, context.config.target_table, file.columns)
    held_files.close_judged_again(cursor, decision.judges_again, dataset_id)
    counts = held_files.count_rows(file)
    states.record_counts(cursor, dataset_id, counts)
    notices = [*file.warnings(), *notices_of(findings)]
    held = _hold_dataset(cursor, dataset_id, findings)
    _refuse_changed(file)
    return _note_load(cursor, context, file, None, dataset_id, counts, held, notices, findings)


def _hold_dataset(cursor: Cursor, dataset_id: int, findings: list[Finding]) -> str:
    """Leave the dataset of a file held; returns why, and the commands that decide."""
    held = f"{join_texts(select(findings, 'hold'))}; {load_decision.describe_held_steps(dataset_id)}"
    states.hold_dataset(cursor, dataset_id, held)
    return held


def _create_dataset(cursor: Cursor, context: Context, file: PreparedFile, target_table: str, columns: list[str]) -> int:
    new = states.NewDataset(
        context.config.config_name, file.identity, context.config.load_mode, target_table,
        file.table.content_sha256(), columns, context.run_uuid, file.ticket.scope, context.accepted,
    )  # fmt: skip
    dataset_id = states.create_dataset(cursor, new)
    if context.target is not None:
        target = context.target
        target_ledger.add_dataset(cursor, target.cursor, target.name, dataset_id, target.load_uuid)
    return dataset_id


def _activate(
    cursor: Cursor, context: Context, file: PreparedFile, rejected: Rejects, decision: Decision, dataset_id: int,
    rival: Rival | None,
) -> list[Notice]:  # fmt: skip
    """Make a good load current; returns what is to be known of what it replaces."""
    others = states.activate_dataset(cursor, dataset_id, decision.supersedes)
    notices = row_guards.warn_of_date(context.config, file.identity.date)
    notices += _warn_of_overtaken(context, file, rejected.overtaken, others)
    notices += same_day_files.warn_of_replaced(context.config, file, rival) if rival else []
    if context.accept_drop:
        states.mark_baseline(cursor, dataset_id)
    return notices


def _note_load(
    cursor: Cursor, context: Context, file: PreparedFile, plan: target_plan.Plan | None, dataset_id: int,
    counts: Counts, held: str, notices: list[Notice], findings: list[Finding],
) -> Outcome:  # fmt: skip
    """Note what became of the file: its ticket, its findings, its warnings."""
    config, ticket = context.config, file.ticket
    ledger.store_findings(
        cursor, findings, config.config_name, file.identity.label, ticket.file_id, dataset_id, context.run_uuid
    )
    noted = {
        "reason": held or None,
        "plan": load_plan.plan_as_json(plan, file) if plan else None,
        **file_ledger.counts_as_columns(counts),
    }
    if context.accepted is None:
        _record_status(cursor, context, file, "loaded", dataset_id, is_held=bool(held), **noted)
    else:
        file_ledger.move_to_dataset(cursor, ticket, dataset_id, **noted)
    if not held:
        file_ledger.resolve_refused(cursor, ticket)
    outcome = _build_outcome(file, "held" if held else "loaded", dataset_id, counts, held)
    outcome.findings = findings
    known = {"config_name": config.config_name, "file_id": ticket.file_id, "dataset_id": dataset_id}
    outcome.warnings += add_details(add_prefix(notices, ticket.name), **known)
    file_warnings.store_warnings(cursor, ticket.file_id, outcome.warnings)
    return outcome


def notices_of(findings: list[Finding]) -> list[Notice]:
    """Return the findings that warn as warnings of the run."""
    return [Notice("finding", f"{finding.rule}: {finding.text}") for finding in select(findings, "warn")]


def _warn_of_overtaken(context: Context, file: PreparedFile, rows: int, datasets: int) -> list[Notice]:
    """Warn about rows that a later file keeps, and about datasets of an earlier load mode."""
    notices = []
    if rows:
        day = f"is dated {file.identity.date}" if file.identity.date else ""
        came = f"came before them, as dataset {context.accepted}" if context.accepted else ""
        kept = "1 row that a later-dated file wrote" if rows == 1 else f"{rows} rows that later-dated files wrote"
        kept = kept.replace("-dated", "") if context.accepted else kept
        text = f"not changed, because the file {' and '.join(filter(None, (day, came)))}: {kept}"
        notices.append(Notice("rows_of_later_file", text))
    if datasets:
        before = "1 dataset" if datasets == 1 else f"{datasets} datasets"
        notices.append(Notice("load_mode_changed", f"it supersedes {before} of the import's earlier load mode"))
    return notices


def _copy_rows(
    cursor: Cursor, context: Context, file: PreparedFile, plan: target_plan.Plan, dataset_id: int,
    viewer: look_at_values.Viewer,
) -> tuple[Counts, Rejects]:  # fmt: skip
    if not file.columns:
        return Counts(), Rejects()
    rules = plan.shape.rules(settings.get_zone(), _load_lookup_values(cursor, plan.shape))
    home = cursor if context.target is not None else None
    load = copy_rows.Load(file.table, plan, rules, dataset_id, file.ticket.file_id, viewer.look, home=home)
    rows = context.rows(cursor)
    # each way of loading is a module of its own
    with progress.track(file.ticket.name) as tracker:
        if plan.lake is not None:
            from systemscripts.imports.parquet import parquet_copy

            counts, rejected = parquet_copy.copy_table(cursor, load, tracker.advance)
        elif plan.shape.hashed:
            from systemscripts.imports import new_rows

            counts, rejected = new_rows.insert_new_rows(rows, load, tracker.advance)
        elif plan.key_columns:
            from systemscripts.imports import upsert

            counts, rejected = upsert.upsert_table(rows, load, context.config.empty_keeps, tracker.advance)
        else:
            counts, rejected = copy_rows.copy_table(rows, load, tracker.advance)
    viewer.look_at_target(load.extent)
    counts.skipped += file.table.skipped
    counts.read += file.table.skipped
    return counts, rejected


def _load_lookup_values(cursor: Cursor, shape: column_layout.Layout) -> dict[str, frozenset[str]]:
    if not any(field.column.checks.lookup for field in shape.fields):
        return {}
    from systemscripts.imports.values import lookups

    return lookups.load_lookup_values(cursor, shape)


def _record_status(
    cursor: Cursor, context: Context, file: PreparedFile, status: str, dataset_id: int | None, is_held: bool = False,
    **values: object,
) -> None:  # fmt: skip
    keep, has_archive = None, context.config.archive_policy != "none"
    # the rows of a held file are nowhere else
    if is_held or has_archive:
        keep = file_ledger.choose_keep_path(cursor, file.ticket, context.archive_folder(), context.directories)
    file_ledger.change_status(
        cursor, file.ticket, status, context.run_uuid, dataset_id=dataset_id, keep_path=keep,
        is_kept_while_held=is_held and not has_archive, **values,
    )  # fmt: skip


def _build_outcome(
    file: PreparedFile, status: str, dataset_id: int | None, counts: Counts | None = None, reason: str = ""
) -> Outcome:
    day = str(file.identity.date) if file.identity.date else None
    return Outcome(file.ticket.name, status, dataset_id, file.identity.label, day, counts or Counts(), reason)


def _collect_warnings(file: PreparedFile, plan: target_plan.Plan, counts: Counts) -> list[Notice]:
    notices = file.warnings()
    if plan.ignored:
        notices.append(Notice("columns_not_loaded", f"columns not loaded: {', '.join(plan.ignored)}"))
    if counts.rejected:
        text = f"{counts.rejected} of {counts.read} rows rejected{SEE_REJECTS}"
        notices.append(Notice("rows_rejected", text))
    return notices
