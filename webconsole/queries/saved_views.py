"""Query and change the views of tables that users saved: a name, and the arguments of the address."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from systemscripts.errors import UsageError
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# of one user for one table: a page shows all of them
MAX_VIEWS = 50
MAX_NAME_LETTERS, MAX_ARGUMENT_LETTERS = 80, 8000
# what an address of a table may hold; the place in it is left out
_KEPT = ("sort", "order", "rows", "columns", "by", "sum", "day")


def list_views(cursor: Cursor, table: str, user_name: str, masked: Set[str] = frozenset()) -> list[dict[str, Any]]:
    """Return the views of a table that a user saved or others share, by name.

    `masked`: the columns that the user may not see. A view that filters by one would not open, and its address holds a
    value of it.
    """
    rows = connections.fetch_rows(
        cursor,
        """select saved_view_id, user_name, name, arguments, is_shared, user_name = %(user)s as is_mine
           from dba.tsavedview where target_table = %(table)s and (user_name = %(user)s or is_shared)
           order by lower(name), saved_view_id limit 200""",
        {"table": table, "user": user_name},
    )
    return [row for row in rows if not _list_used_columns(row["arguments"]) & masked]


def save_view(cursor: Cursor, table: str, user_name: str, name: str, arguments: str, is_shared: bool) -> None:
    """Save a view under a name, or replace it; raise UsageError if the name or the address is too long."""
    name = " ".join(name.split())
    cleaned = clean_arguments(arguments)
    if not name or len(name) > MAX_NAME_LETTERS or len(cleaned) > MAX_ARGUMENT_LETTERS:
        raise UsageError("the name is empty or too long, or the view has too many columns", "Use up to 80 letters.")
    cursor.execute(
        "select count(*) from dba.tsavedview where target_table = %s and user_name = %s and name <> %s",
        (table, user_name, name),
    )
    (number,) = cursor.fetchone() or (0,)
    if number >= MAX_VIEWS:
        raise UsageError(f"there are already {MAX_VIEWS} of your views of this table", "Delete one first.")
    cursor.execute(
        """insert into dba.tsavedview (target_table, user_name, name, arguments, is_shared) values (%s, %s, %s, %s, %s)
           on conflict (target_table, user_name, name) do update
           set (arguments, is_shared, created_at) = (excluded.arguments, excluded.is_shared, now())""",
        (table, user_name, name, cleaned, is_shared),
    )


def delete_view(cursor: Cursor, number: int, user_name: str) -> str | None:
    """Delete a view of a user and return its table, None if the user has no such view."""
    cursor.execute(
        "delete from dba.tsavedview where saved_view_id = %s and user_name = %s returning target_table",
        (number, user_name),
    )
    row = cursor.fetchone()
    return row[0] if row else None


def clean_arguments(text: str) -> str:
    """Return the part of a query string that describes a view: what a page understands, and nothing else."""
    pairs = parse_qsl(text.replace("\x00", ""), keep_blank_values=True, max_num_fields=60)
    return urlencode([(key, value) for key, value in pairs if key in _KEPT or _is_filter(key)])


def _list_used_columns(arguments: str) -> set[str]:
    """Return the columns by which a view filters, sorts, counts or adds up."""
    used = [value for key, value in parse_qsl(arguments) if key in ("sort", "by", "sum") or _is_filter(key)]
    return {name for value in used for name in value.split(",")}


def _is_filter(key: str) -> bool:
    return key[:-1] in ("column", "operator", "value") and key[-1:] in "12345678"
