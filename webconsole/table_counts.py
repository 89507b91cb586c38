"""Count the rows of a view as far as a page can wait for it."""

from __future__ import annotations

from psycopg2 import sql

from webconsole import connections
from webconsole.queries.table_views import TableView

# a table up to this size is counted for its page, and one row more says that there are more
MAX_COUNTED_ROWS = 20_000


def count_quickly(view: TableView) -> int | None:
    """Return how many rows a view has, None if that would take long or is more than MAX_COUNTED_ROWS."""
    if view.total is not None:
        return view.total
    if not view.relation.columns or not view.is_in_place or view.relation.estimate > MAX_COUNTED_ROWS:
        return None
    statement = sql.SQL("select count(*) from (select from {} where {} limit {}) rows").format(
        view.source, view.join_conditions(), sql.Literal(MAX_COUNTED_ROWS + 1)
    )
    with connections.read_as_reader() as cursor:
        cursor.execute(statement)
        (number,) = cursor.fetchone() or (0,)
    return int(number) if number <= MAX_COUNTED_ROWS else None


def is_more_than(view: TableView, limit: int) -> bool:
    """Return whether a view has more rows than a limit; raise TooSlowError if that takes too long."""
    if view.total is not None:
        return view.total > limit
    if not view.relation.columns:
        return False
    with connections.read_as_reader() as cursor:
        cursor.execute(
            sql.SQL("select true from {} where {} offset {} limit 1").format(
                view.source, view.join_conditions(), sql.Literal(limit)
            )
        )
        return cursor.fetchone() is not None


def estimate_rows(view: TableView) -> int | None:
    """Return about how many rows a view has, None if that is not known."""
    if view.total is not None:
        return view.total
    return view.relation.estimate if view.relation.estimate > 0 and not view.conditions else None
