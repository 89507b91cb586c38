"""The transactions of a load or an undo: one, or two if the target is in another database, and in which order they end.

A load commits in the target first and an undo at home first, so that the target may have more than home says, but never
less: docs/architecture.md, "Rows in another database".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from systemscripts.db_utils import Cursor, transaction
from systemscripts.target_database import TargetDatabase, target_ledger

if TYPE_CHECKING:
    from systemscripts.ingest.ingest_context import Context


@contextmanager
def open_for_load(context: Context) -> Iterator[Cursor]:
    """Run the transaction of a load and return its cursor, for the ledger; `context.rows` is for the target.

    A target in another database commits first: an intent, committed before, lets the next start take its rows back.
    """
    if context.target is None:
        with transaction(context.connection) as cursor:
            yield cursor
        return
    target = context.target
    target.load_uuid = str(uuid.uuid4())
    record_intent(context, target)
    with transaction(context.connection) as home:
        with target.transaction() as rows:
            yield home
            target_ledger.copy_changed_states(home, rows, target.name)
            forget_intent(home, target.load_uuid)
            target.is_in_doubt = True
        commit_home(context)
    target.is_in_doubt = False


@contextmanager
def open_for_plan(context: Context) -> Iterator[Cursor]:
    """Run a transaction that changes at most the ledger, and return its cursor; the states in the target follow it."""
    with transaction(context.connection) as home:
        if context.target is None:
            yield home
            return
        with context.target.transaction() as rows:
            yield home
            target_ledger.copy_changed_states(home, rows, context.target.name)


@contextmanager
def open_for_ddl(context: Context) -> Iterator[Cursor]:
    """Run a transaction of DDL on the target: what is done there is noted at home first."""
    if context.target is None:
        with transaction(context.connection) as cursor:
            yield cursor
        return
    with context.target.transaction(), transaction(context.connection) as home:
        yield home


@contextmanager
def open_for_undo(context: Context) -> Iterator[Cursor]:
    """Run the transaction of an undo and return its cursor, for the ledger; `context.rows` is for the target."""
    if context.target is None:
        with transaction(context.connection) as cursor:
            yield cursor
        return
    target = context.target
    with target.transaction() as rows:
        with transaction(context.connection) as home:
            yield home
            target_ledger.copy_states(home, rows, target.name)
            target.is_in_doubt = True
        commit_target(target)
    target.is_in_doubt = False


def record_intent(context: Context, target: TargetDatabase) -> None:
    """Note, and commit, that a load may have been committed in another database only."""
    with transaction(context.connection) as home:
        home.execute(
            "insert into dba.ttargetload (load_uuid, target_table, config_name, run_uuid) values (%s, %s, %s, %s)",
            (target.load_uuid, target.name, context.config.config_name, context.run_uuid),
        )


def forget_intent(home: Cursor, load_uuid: str) -> None:
    """Remove the intent of a load that both databases know, or none."""
    home.execute("delete from dba.ttargetload where load_uuid = %s", (load_uuid,))


def commit_home(context: Context) -> None:
    """Commit the ledger of a load whose rows are committed in the other database."""
    context.connection.commit()


def commit_target(target: TargetDatabase) -> None:
    """Commit the rows of an undo that the ledger has committed."""
    target.connection.commit()
