"""Open the target of an import in another database, and make it equal to the home ledger before anything is done.

What the target has and home does not say is taken back there, if an intent at home or the state there shows that it is
ours to take; what a kill cannot explain is refused (docs/architecture.md, "Rows in another database").
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from psycopg2 import sql

from systemscripts.commands import format_command
from systemscripts.db_utils import Cursor, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.imports import upsert
from systemscripts.ingest import both_databases, take_rows_back
from systemscripts.ingest.ingest_context import Context
from systemscripts.target_database import TargetDatabase, ledger, open_target

logger = logging.getLogger(__name__)
# a message stays readable
MAX_NAMED = 10


@contextmanager
def open_context(
    context: Context, wait_seconds: float = 0, target_table: str = "", writes: bool = True
) -> Iterator[Context]:
    """Return the context with the database of its target open and equal to home; call it under the lock of the target.

    `target_table`: of an earlier configuration of the import. `writes`: False for a dry run. Raises the errors of
    `open_target`, and ConfigurationError when home and target differ as only a restored backup can explain.
    """
    name = target_table or context.config.target_table
    if not is_elsewhere(name):
        yield context
        return
    with open_target(context.connection, context.config, name, wait_seconds, writes) as target:
        context = replace(context, target=target)
        try:
            if writes:
                heal(context)
            yield context
        finally:
            target.roll_back()


def is_elsewhere(target_table: str) -> bool:
    """Return whether a target is in another database."""
    from systemscripts.configuration.import_parts import ELSEWHERE

    return target_table.startswith(ELSEWHERE)


def heal_doubt(context: Context) -> None:
    """Do what the next start would do if a commit of this run may have reached only one of the two databases."""
    if context.target is not None and context.target.is_in_doubt:
        context.target.roll_back()
        heal(context)


def heal(context: Context) -> None:
    """Take back in the target what home does not say, newest first, and copy the states from home."""
    target = context.target
    assert target is not None
    with transaction(context.connection) as home, target.transaction() as rows:
        at_home, purged = ledger.read_home(home, target.name)
        there, loads = ledger.read_there(rows, target.name)
        home.execute("select load_uuid::text from dba.ttargetload where target_table = %s", (target.name,))
        intents = {row[0] for row in home.fetchall()}
        unknown = there.keys() - at_home.keys()
        _refuse_unexplained(target, [n for n in unknown if loads[n] not in intents], "has")
        live = {n for n, row in at_home.items() if ledger.status_of(row) != "undone"} - purged
        _refuse_unexplained(target, list(live - there.keys()), "lacks")
        for dataset_id in sorted(unknown, reverse=True):
            _take_load_back(rows, target, dataset_id, ledger.load_mode_of(there[dataset_id]))
    undone = [n for n, row in at_home.items() if ledger.status_of(row) == "undone" and n in there]
    undone = [n for n in undone if ledger.status_of(there[n]) != "undone"]
    if undone:
        _finish_undo(context, sorted(undone, reverse=True))
    with transaction(context.connection) as home, target.transaction() as rows:
        ledger.copy_states(home, rows, target.name)
    with transaction(context.connection) as home:
        for load_uuid in intents:
            both_databases.forget_intent(home, load_uuid)
    target.is_in_doubt = False


def _take_load_back(rows: Cursor, target: TargetDatabase, dataset_id: int, load_mode: str) -> None:
    """Remove a load that was committed only in the target; its file waits at home, and is loaded again."""
    if load_mode == "upsert":
        upsert.undo_upsert(rows, target.name, dataset_id, ledger.SCHEMA)
    else:
        table = sql.Identifier(target.schema, target.table)
        rows.execute(sql.SQL("delete from {} where dataset_id = %s").format(table), (dataset_id,))
    ledger.delete_dataset(rows, target.name, dataset_id)
    text = "%s.%s in %s: the rows of an interrupted load were taken back, its file is loaded again"
    logger.warning(text, target.schema, target.table, target.where, extra={"code": "target_healed"})


def _finish_undo(context: Context, dataset_ids: list[int]) -> None:
    """Undo in the target what is undone at home."""
    with transaction(context.connection) as home:
        datasets = [take_rows_back.load_dataset(home, dataset_id) for dataset_id in dataset_ids]
    contexts = take_rows_back.build_contexts(context.connection, context.run_uuid, datasets)
    contexts = {name: replace(one, target=context.target) for name, one in contexts.items()}
    with both_databases.open_for_undo(replace(context)) as home:
        for row in datasets:
            take_rows_back.take_rows_back(home, row, contexts[row["config_name"]])
            take_rows_back.reload_skipped_rows(home, row, contexts)
            assert context.target is not None
            text = "dataset %s was undone: it is taken back in %s, too"
            logger.warning(text, row["dataset_id"], context.target.where, extra={"code": "target_healed"})


def _refuse_unexplained(target: TargetDatabase, dataset_ids: list[int], differs: str) -> None:
    if not dataset_ids:
        return
    named = ", ".join(map(str, sorted(dataset_ids)[:MAX_NAMED])) + (" ..." if len(dataset_ids) > MAX_NAMED else "")
    table = f"{target.schema}.{target.table} in {target.where}"
    if differs == "has":
        raise ConfigurationError(
            f"{table} has datasets that this installation does not know ({named}): was its database restored?",
            "Restore both databases as they were at one time; or delete the rows of these datasets there, and their "
            f"entries in {ledger.SCHEMA}.tdataset.",
        )
    first: Any = min(dataset_ids)
    raise ConfigurationError(
        f"{table} lacks datasets that were loaded ({named}): was it restored, or is it another database?",
        f"Restore it; or undo each here ({format_command('datasets', 'undo', first)}) and load its file again.",
    )
