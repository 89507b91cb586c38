"""Open the target of an import in another database, and make it equal to the home ledger before anything is done.

What the target has and home does not say is taken back there, if an intent at home or the state there shows that it is
ours to take; what a kill cannot explain is refused (docs/architecture.md, "Rows in another database").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from psycopg2 import sql

from systemscripts.commands import format_command
from systemscripts.configuration.import_parts import ELSEWHERE
from systemscripts.db_utils import Cursor, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.ingest import both_databases
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Notice, record_warning
from systemscripts.target_database import TargetDatabase, open_target, target_ledger

# a message stays readable
MAX_NAMED = 10


@contextmanager
def open_context(
    context: Context, wait_seconds: float = 0, target_table: str = "", writes: bool = True, may_lack: bool = False
) -> Iterator[Context]:
    """Return the context with the database of its target open and equal to home; call it under the lock of the target.

    `target_table`: of an earlier configuration of the import. `writes`: False for a dry run. `may_lack`: for an undo,
    also of datasets that a restored target does not have. Raises the errors of `open_target`, and ConfigurationError
    when home and target differ as only a restored backup can explain.
    """
    name = target_table or context.config.target_table
    if not is_elsewhere(name):
        yield context
        return
    with open_target(context.connection, context.config, name, wait_seconds, writes) as target:
        context = replace(context, target=target)
        try:
            if writes:
                heal(context, may_lack)
            yield context
        finally:
            target.roll_back()


def is_elsewhere(target_table: str) -> bool:
    """Return whether a target is in another database."""
    return target_table.startswith(ELSEWHERE)


def heal_doubt(context: Context) -> None:
    """Do what the next start would do if a commit of this run may have reached only one of the two databases."""
    if context.target is not None and context.target.is_in_doubt:
        context.target.roll_back()
        heal(context)


def heal(context: Context, may_lack: bool = False) -> None:
    """Take back in the target what home does not say, newest first, and copy the states from home."""
    target = context.target
    assert target is not None
    with transaction(context.connection) as home, target.transaction() as rows:
        at_home, purged = target_ledger.read_home(home, target.name)
        there, loads = target_ledger.read_there(rows, target.name)
        home.execute("select load_uuid::text from dba.ttargetload where target_table = %s", (target.name,))
        intents = {row[0] for row in home.fetchall()}
        unknown = there.keys() - at_home.keys()
        _refuse_unexplained(target, [n for n in unknown if loads[n] not in intents], "has")
        live = {n for n, row in at_home.items() if target_ledger.status_of(row) != "undone"} - purged
        target.lacking = live - there.keys()
        _refuse_unexplained(target, [] if may_lack else list(target.lacking), "lacks")
        if not at_home:
            _warn_of_earlier_target(home, context)
        for dataset_id in sorted(unknown, reverse=True):
            _take_load_back(rows, target, dataset_id, target_ledger.load_mode_of(there[dataset_id]))
    undone = [n for n, row in at_home.items() if target_ledger.status_of(row) == "undone" and n in there]
    undone = [n for n in undone if target_ledger.status_of(there[n]) != "undone"]
    if undone:
        _finish_undo(context, sorted(undone, reverse=True))
    with transaction(context.connection) as home, target.transaction() as rows:
        target_ledger.copy_states(home, rows, target.name)
    with transaction(context.connection) as home:
        for load_uuid in intents:
            both_databases.forget_intent(home, load_uuid)
    target.is_in_doubt = False


def _take_load_back(rows: Cursor, target: TargetDatabase, dataset_id: int, load_mode: str) -> None:
    """Remove a load that was committed only in the target; its file waits at home, and is loaded again."""
    from systemscripts.imports import upsert

    if load_mode == "upsert":
        upsert.undo_upsert(rows, target.name, dataset_id, target_ledger.SCHEMA)
    else:
        table = sql.Identifier(target.schema, target.table)
        rows.execute(sql.SQL("delete from {} where dataset_id = %s").format(table), (dataset_id,))
    target_ledger.delete_dataset(rows, target.name, dataset_id)
    text = f"{target.schema}.{target.table} in {target.where}: the rows of an interrupted load were taken back"
    record_warning(Notice("target_healed", f"{text}; its file is loaded again"), on_console=True)


def _warn_of_earlier_target(home: Cursor, context: Context) -> None:
    """Say before the first load into a target that rows of the import are in another one, which stay there."""
    home.execute(
        """select target_table, count(*) from dba.tdataset
           where config_name = %s and target_table <> %s and status = 'active' group by 1 order by 2 desc limit 1""",
        (context.config.config_name, context.config.target_table),
    )
    if row := home.fetchone():
        text = (
            f"{context.config.config_name}: {row[1]} datasets are in {row[0]} and stay there; only what is new goes "
            f"into {context.config.target_table}. To load them there, undo them and load their files again"
        )
        record_warning(Notice("target_changed", text, context.config.config_name), on_console=True)


def _finish_undo(context: Context, dataset_ids: list[int]) -> None:
    """Undo in the target what is undone at home."""
    from systemscripts.ingest import take_rows_back

    with transaction(context.connection) as home:
        datasets = [take_rows_back.load_dataset(home, dataset_id) for dataset_id in dataset_ids]
    contexts = take_rows_back.build_contexts(context.connection, context.run_uuid, datasets)
    contexts = {name: replace(one, target=context.target) for name, one in contexts.items()}
    target = context.target
    assert target is not None
    with both_databases.open_for_undo(context) as home:
        for row in datasets:
            take_rows_back.take_rows_back(home, row, contexts[row["config_name"]])
            take_rows_back.reload_skipped_rows(home, row, contexts)
            text = f"dataset {row['dataset_id']} was undone here, and is now in {target.where}, too"
            record_warning(Notice("target_healed", text, row["config_name"]), on_console=True)


def _refuse_unexplained(target: TargetDatabase, dataset_ids: list[int], differs: str) -> None:
    if not dataset_ids:
        return
    named = ", ".join(map(str, sorted(dataset_ids)[:MAX_NAMED])) + (" ..." if len(dataset_ids) > MAX_NAMED else "")
    table = f"{target.schema}.{target.table} in {target.where}"
    if differs == "has":
        raise ConfigurationError(
            f"{table} has datasets that this installation does not know ({named}): was its database restored?",
            "Restore both databases as they were at one time; or delete the rows of these datasets there, and their "
            f"entries in {target_ledger.SCHEMA}.tdataset.",
        )
    first: Any = min(dataset_ids)
    raise ConfigurationError(
        f"{table} lacks datasets that were loaded ({named}): was it restored, or is it another database?",
        f"Restore it; or undo each here ({format_command('datasets', 'undo', first)}) and load its file again.",
    )
