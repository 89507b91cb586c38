"""From a prepared file to rows: one transaction for dataset, rows, rejects, what it supersedes, and the ticket."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from systemscripts import file_ledger, log_utils, progress, settings
from systemscripts.configuration import ImportConfig
from systemscripts.datasets import identity, states
from systemscripts.datasets.identity import Decision
from systemscripts.db_utils import Cursor, transaction
from systemscripts.directory_management import shorten_name
from systemscripts.errors import BadDataError, TryLaterError
from systemscripts.imports import after_change, copy_rows, guards, layout, new_rows, rejects, target, upsert
from systemscripts.imports.parquet import parquet_copy
from systemscripts.imports.rejects import Rejects
from systemscripts.imports.values import lookups, transform_rows
from systemscripts.ingest import file_warnings, prepare, same_day_files
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import Prepared
from systemscripts.summary import Counts, Notice, about, prefixed

logger = logging.getLogger(__name__)
SEE_REJECTS = ", see dba.trejectedrow"


@dataclass
class Outcome:
    """What became of one file."""

    name: str
    status: str
    dataset_id: int | None = None
    label: str | None = None
    date: str | None = None
    counts: Counts = field(default_factory=Counts)
    reason: str = ""
    warnings: list[Notice] = field(default_factory=list)


class RefusedError(BadDataError):
    """The whole file is refused; its rejects explain it row by row."""

    def __init__(self, message: str, found: Rejects, counts: Counts) -> None:
        super().__init__(message)
        self.found, self.counts = found, counts


def load(context: Context, file: Prepared) -> Outcome:
    """Put one prepared file into its target, or find that its content is there already.

    Raises BadDataError (refuse it then), TryLaterError when the file changed while it was read.
    """
    with transaction(context.connection) as cursor:
        decision = decide(cursor, context, file)
        if decision.action != "load":
            return _repeated(cursor, context, file, decision)
        plan = plan_for(cursor, context, file)
    with log_utils.step("extend"):
        _extend(context, plan, file)
    with (
        transaction(context.connection) as cursor,
        after_change.recomputed(cursor, context.config, file.identity.label),
        log_utils.step("copy"),
    ):
        outcome = load_rows(cursor, context, file, plan, decision)
    logger.info("%s: dataset %s, %s rows", file.ticket.name, outcome.dataset_id, outcome.counts.loaded)
    return outcome


def decide(cursor: Cursor, context: Context, file: Prepared) -> Decision:
    """What the file's content means beside the datasets that are there."""
    config = context.config
    content = file.table.content_sha256()
    return identity.decide(cursor, config.config_name, config.load_mode, file.identity, content, context.reload)


def plan_for(cursor: Cursor, context: Context, file: Prepared) -> target.Plan:
    """What loading the file does to its target's shape."""
    config = context.config
    # a file without any column has no layout that could be wrong: in snapshot mode the guards hold it, unless a layout
    # is demanded; in the other modes nothing would be said of a delivery that was cut to nothing
    shape = layout.Layout(0, [], {})
    demanded = config.exact_header or config.load_mode != "snapshot"
    if not file.columns and demanded and not config.guards.allow_empty:
        header = f", expected the header {','.join(config.exact_header)}" if config.exact_header else ""
        raise BadDataError(
            f"the file is empty{header or ': it has not even a header'}",
            "Where empty files are nothing to worry about, set guards.allow_empty.",
        )
    if file.columns:
        transform = transform_rows.of(config, file.table, file.columns)
        shape = layout.layout(config, file.columns, file.table.columns, transform)
        if config.guards.need_key:
            _refuse_keyless(config, shape.in_file)
    if config.target.parquet:
        return parquet_copy.plan(cursor, config, shape, context.directories)
    made = target.plan(cursor, *config.schema_and_table, shape, config.importstrategyid)
    if config.load_mode == "upsert":
        made.key_columns = config.key_columns
        if absent := file.columns and [name for name in config.key_columns if name not in made.columns]:
            raise BadDataError(f"key columns are missing: {', '.join(absent)}", "Correct the file, or key_columns.")
    if config.load_mode == "new_rows":
        _refuse_unnamed(cursor, context, made)
    return made


def _refuse_keyless(config: ImportConfig, columns: set[str]) -> None:
    """Refuse a file without any column of the key: another page or table than the import is for."""
    alternatives = [name for element in config.key_columns for name in element.split("|")]
    if not columns & set(alternatives):
        raise BadDataError(
            f"another layout: no column of the key ({', '.join(config.key_columns)}), "
            f"only {', '.join(sorted(columns)[:5])}",
            "If it is the right file, list its header under reading: aliases.",
        )


def _refuse_unnamed(cursor: Cursor, context: Context, made: target.Plan) -> None:
    """A column that nobody named would make every row of the file another one than before."""
    named = {column.rename or name for name, column in context.config.declared.items()}
    unnamed = [name for name in made.added if name not in named]
    if not unnamed:
        return
    cursor.execute("select 1 from dba.tdataset where target_table = %s and status = 'active' limit 1", (made.name,))
    if cursor.fetchone():
        raise BadDataError(
            f"columns that no file had before: {', '.join(unnamed)}; each row would be taken for a new one",
            "Name them in the schema of the import, or leave them out with importstrategyid 2.",
        )


def extend_ahead(context: Context, file: Prepared) -> None:
    """Give the target the columns of one of several files before any is loaded: together they are its first layout.

    Raises BadDataError as the load would.
    """
    with transaction(context.connection) as cursor:
        if decide(cursor, context, file).action != "load":
            return
        plan = plan_for(cursor, context, file)
    _extend(context, plan, file)


def _extend(context: Context, plan: target.Plan, file: Prepared) -> None:
    """Carry out the DDL; tried again in short waits, because readers queue behind an ALTER TABLE that waits."""
    until = time.monotonic() + settings.current().database_lock_seconds
    while True:
        try:
            with transaction(context.connection) as cursor:
                cursor.execute("set local lock_timeout = '500ms'")
                target.extend(cursor, plan, context.config.config_name, file.ticket.file_id, context.run_uuid)
                return
        except TryLaterError:
            if context.connection.closed or time.monotonic() >= until:
                raise
            time.sleep(0.5)


def _repeated(cursor: Cursor, context: Context, file: Prepared, decision: Decision) -> Outcome:
    early = guards.is_of_the_future(context.config, file.identity.date)
    if decision.action == "unchanged" and decision.dataset_id is not None:
        # one seen at a day to come would stay current until then
        states.seen_again(cursor, decision.dataset_id, None if early else file.identity.date)
    _end(cursor, context, file, decision.action, decision.dataset_id, reason=decision.reason)
    outcome = _outcome(file, decision.action, decision.dataset_id, reason=decision.reason)
    notices = []
    if decision.warning is None:
        logger.info("%s: %s", file.ticket.name, decision.reason)
    else:
        notices.append(Notice(decision.warning, decision.reason))
    notices += guards.warn_of_date(context.config, file.identity.date)
    known = {"file_id": file.ticket.file_id, "dataset_id": decision.dataset_id}
    outcome.warnings += about(prefixed(notices, file.ticket.name), config_name=context.config.config_name, **known)
    file_warnings.keep(cursor, file.ticket.file_id, outcome.warnings)
    return outcome


def load_rows(cursor: Cursor, context: Context, file: Prepared, plan: target.Plan, decision: Decision) -> Outcome:
    """Everything that one load writes, in the caller's transaction."""
    config, ticket = context.config, file.ticket
    new = states.New(
        config.config_name,
        file.identity,
        config.load_mode,
        plan.name,
        file.table.content_sha256(),
        [name for name in plan.columns if name not in plan.shape.filled],
        context.run_uuid,
    )
    dataset_id = states.create(cursor, new)
    counts, found = _copy(cursor, context, file, plan, dataset_id)
    if rejects.too_many(counts.rejected, counts.read, config.max_rejects, config.max_reject_rate):
        raise RefusedError(_too_many(counts, found), found, counts)
    if prepare.changed(file):
        raise TryLaterError(f"{ticket.name} changed while it was read", "It is loaded by the next run.")
    states.complete(cursor, dataset_id, counts)
    held = guards.tripped(cursor, config, file.identity, counts, dataset_id, context.accept_drop)
    if held and config.load_mode != "snapshot":
        raise RefusedError(held, found, counts)
    rival = same_day_files.find(cursor, decision.supersedes, ticket.file_id) if decision.supersedes else None
    if rival:
        held = held or same_day_files.why_to_hold(config, file, rival)
    notices = _warnings(file, plan, counts)
    if held:
        held = f"{held}; {identity.next_step_of_held(dataset_id)}"
        states.hold(cursor, dataset_id, held)
    else:
        others = states.activate(cursor, dataset_id, decision.supersedes)
        notices += guards.warn_of_date(config, file.identity.date)
        notices += _overtaken(file, found.overtaken, others)
        notices += same_day_files.find_replaced(config, file, rival) if rival else []
        if context.accept_drop:
            states.mark_baseline(cursor, dataset_id)
    noted = {"reason": held or None, "plan": _as_plan(plan, file), **file_ledger.counts_columns(counts)}
    _end(cursor, context, file, "loaded", dataset_id, **noted)
    file_ledger.resolve_refused(cursor, ticket)
    outcome = _outcome(file, "held" if held else "loaded", dataset_id, counts, held)
    known = {"config_name": config.config_name, "file_id": ticket.file_id, "dataset_id": dataset_id}
    outcome.warnings += about(prefixed(notices, ticket.name), **known)
    file_warnings.keep(cursor, ticket.file_id, outcome.warnings)
    return outcome


def _overtaken(file: Prepared, rows: int, datasets: int) -> list[Notice]:
    """What was there before and counts more, or no longer, as rows and as datasets."""
    found = []
    if rows:
        kept = "1 row that a later-dated file wrote" if rows == 1 else f"{rows} rows that later-dated files wrote"
        found.append(Notice("rows_of_later_file", f"left alone, for it is dated {file.identity.date}: {kept}"))
    if datasets:
        before = "1 dataset" if datasets == 1 else f"{datasets} datasets"
        found.append(Notice("load_mode_changed", f"it supersedes {before} of the load mode that the import had before"))
    return found


def _copy(
    cursor: Cursor, context: Context, file: Prepared, plan: target.Plan, dataset_id: int
) -> tuple[Counts, Rejects]:
    if not file.columns:
        return Counts(), Rejects()
    rules = plan.shape.rules(settings.get_zone(), lookups.values_of(cursor, plan.shape))
    wanted = copy_rows.Load(file.table, plan, rules, plan.shape.straight, dataset_id, file.ticket.file_id)
    with progress.track(file.ticket.name) as tracker:
        if plan.lake is not None:
            counts, found = parquet_copy.copy_table(cursor, wanted, tracker.advance)
        elif plan.shape.hashed:
            counts, found = new_rows.insert_new_rows(cursor, wanted, tracker.advance)
        elif plan.key_columns:
            counts, found = upsert.upsert_table(cursor, wanted, context.config.empty_keeps, tracker.advance)
        else:
            counts, found = copy_rows.copy_table(cursor, wanted, tracker.advance)
    counts.skipped += file.table.skipped
    counts.read += file.table.skipped
    return counts, found


def _end(
    cursor: Cursor, context: Context, file: Prepared, status: str, dataset_id: int | None, **values: object
) -> None:
    keep = None
    if context.config.archive_policy != "none":
        keep = file_ledger.keep_path(cursor, file.ticket, context.archive_folder(), context.directories)
    file_ledger.change(cursor, file.ticket, status, context.run_uuid, dataset_id=dataset_id, keep_path=keep, **values)


def refuse(context: Context, ticket: file_ledger.Ticket, error: BadDataError) -> Outcome:
    """Record, in a transaction of its own, that a whole file is kept aside, and the rows that were at fault."""
    assert ticket.file_sha256 is not None
    marked = Path(shorten_name(ticket.name))
    name = f"{marked.stem}_{ticket.file_sha256[:8]}{marked.suffix}"
    keep = file_ledger.stored_path(context.directories.refused / name, context.directories)
    # the one place that says what to do: the reason goes into mail, status, console and the file beside the refused one
    again = f"generic_import.py {context.config.config_name} --retry-refused"
    reason = f"{str(error).removesuffix('.')}. Deliver it corrected; or after a change here: {again}"
    with transaction(context.connection) as cursor:
        if isinstance(error, RefusedError):
            rejects.store(cursor, error.found.first, ticket.file_id, None)
        file_ledger.change(cursor, ticket, "refused", context.run_uuid, reason=reason, keep_path=keep)
        file_ledger.resolve_refused_before(cursor, ticket)
    logger.error("%s is refused: %s", ticket.name, error, extra={"on_console": False})  # the summary says it
    return Outcome(ticket.name, "refused", label=ticket.label, reason=reason)


def _too_many(counts: Counts, found: Rejects) -> str:
    first = found.first[0]
    return (
        f"{counts.rejected} of {counts.read} rows do not fit, more than max_rejects and max_reject_rate allow; "
        f"the first: row {first.source_row} {first.reason}"
    )


def _as_plan(plan: target.Plan, file: Prepared) -> dict[str, object]:
    """What is kept of the plan; columns and wire are what a replay of rejected rows needs."""
    return {
        "create": plan.create,
        "added": plan.added,
        "ignored": plan.ignored,
        "missing": plan.missing,
        "file_columns": file.columns,
        "file_headers": file.table.columns,
        "wire": asdict(file.table.wire),
    }


def _outcome(
    file: Prepared, status: str, dataset_id: int | None, counts: Counts | None = None, reason: str = ""
) -> Outcome:
    day = str(file.identity.date) if file.identity.date else None
    return Outcome(file.ticket.name, status, dataset_id, file.identity.label, day, counts or Counts(), reason)


def _warnings(file: Prepared, plan: target.Plan, counts: Counts) -> list[Notice]:
    found = file.warnings()
    if plan.ignored:
        found.append(Notice("columns_not_loaded", f"columns not loaded: {', '.join(plan.ignored)}"))
    if counts.rejected:
        text = f"{counts.rejected} of {counts.read} rows rejected{SEE_REJECTS}"
        found.append(Notice("rows_rejected", text))
    return found
