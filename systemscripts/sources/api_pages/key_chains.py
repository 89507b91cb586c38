"""Ask an API once for each key of a loaded table (`for_each`), each with its own chain of pages.

The keys are read once, when a download begins, and are kept beside it, so that a run that resumes asks for the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg2

from systemscripts.configuration.source_options import api
from systemscripts.configuration.source_options.api import ForEach
from systemscripts.db_utils import queries
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.sources.api_pages import redact_secrets
from systemscripts.sources.api_pages.page_store import Landing, State
from systemscripts.sources.api_pages.pagination import Position

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

logger = logging.getLogger(__name__)
Key = dict[str, str]


def list_keys(cursor: Cursor, rule: ForEach, where: str) -> list[Key]:
    """Return the keys in their order, each once: column -> value as text; `cursor`: in a transaction of its own.

    Raises ConfigurationError if the query is wrong or its table is not there, BadDataError for an empty value.
    """
    try:
        cursor.execute("set transaction read only")
        statement = rule.query or _build_statement(cursor, rule)
        columns, rows = queries.read_rows(cursor, statement)
    except psycopg2.errors.UndefinedTable as error:
        raise ConfigurationError(
            f"{where}: for_each: {error.diag.message_primary}", "Load that table first, by its own import."
        ) from error
    except psycopg2.Error as error:
        raise ConfigurationError(
            f"{where}: for_each: {error.diag.message_primary or type(error).__name__}", "Correct for_each."
        ) from error
    keys = [dict(zip(columns, map(str, row), strict=True)) for row in rows if None not in row]
    if len(keys) < len(rows):
        raise BadDataError(
            f"{where}: for_each: {len(rows) - len(keys):,} rows have an empty key",
            "Leave them out by a query: select ... where ... is not null.",
        )
    return list({tuple(key.values()): key for key in keys}.values())


def _build_statement(cursor: Cursor, rule: ForEach) -> str:
    """Return the query for the keys of a table: of its current rows, where it has a view of them."""
    from psycopg2 import sql

    schema, _, table = rule.table.rpartition(".")
    current = f"{table}_current"
    cursor.execute("select to_regclass(%s) is not null", (f'"{schema or "public"}"."{current}"',))
    row: Any = cursor.fetchone()
    names = sql.SQL(", ").join(map(sql.Identifier, rule.columns))
    has_all = sql.SQL(" and ").join(sql.SQL("{} is not null").format(sql.Identifier(name)) for name in rule.columns)
    statement = sql.SQL("select distinct {names} from {table} where {has_all} order by {names}").format(
        names=names, table=sql.Identifier(schema or "public", current if row[0] else table), has_all=has_all
    )
    return str(statement.as_string(cursor.connection))


def begin_key(state: State, landing: Landing, where: str) -> None:
    """Move a state to the first page of the chain of its key; `where` names the source in errors."""
    state.chain_begin = {"pages": state.pages, "records": state.records, "length": state.length}
    state.totals, state.empty_pages, state.done = [], 0, False
    state.url, state.parameters = state.first["url"], state.first["parameters"]
    if landing.keys:
        position = fill_position(Position(state.url, state.parameters), landing.keys[state.key], where)
        state.url, state.parameters = position.url, position.parameters


def begin_next_key(state: State, landing: Landing, where: str) -> None:
    """Move a state whose chain is complete to the next key; it stays done after the last one."""
    if state.key + 1 >= len(landing.keys):
        return
    state.key += 1
    state.restarts, state.shifted_content = 0, ""
    begin_key(state, landing, where)


def begin_key_again(state: State, landing: Landing, where: str) -> None:
    """Move a state back to the begin of its chain, because the data moved; the chains before stay."""
    begin = state.chain_begin
    state.pages, state.records, state.length = begin["pages"], begin["records"], begin["length"]
    landing.cut(state)
    begin_key(state, landing, where)
    landing.save_state(state)


def fill_position(position: Position, key: Key, where: str) -> Position:
    """Return a position with the values of a key in their places; raises BadDataError for a value such as `..`."""
    if bad := [value for value in key.values() if value.strip() in ("", ".", "..")]:
        raise BadDataError(
            f"{where}: for_each: {bad[0]!r} cannot be a key, it would lead to another address",
            "Leave it out by a query: select ... where ...",
        )
    url = api.fill_places(position.url, lambda name: quote(key[name], safe="") if name in key else None)
    escaped = {name: redact_secrets.escape_text(value) for name, value in key.items()}
    parameters = api.fill_places(position.parameters, escaped.get)
    if unknown := api.list_places([url, parameters]) - set(key) - {"today"}:
        raise ConfigurationError(
            f"{where}: for_each gives no column {sorted(unknown)[0]}",
            f"It gives {', '.join(key)}. Name the column in the query, as in: select order_no as {sorted(unknown)[0]}.",
        )
    return Position(url, parameters)


def add_key(records: list[dict[str, Any]], key: Key, where: str) -> list[dict[str, Any]]:
    """Return the records of a key, each with its columns.

    Raises BadDataError if a record has another value there: the API ignored the key, or means something else by it.
    """
    for record in records:
        for name, value in key.items():
            given = record.get(name)
            if given is not None and str(given) != value:
                raise BadDataError(
                    f"{where}: a record of {name} {value} has the {name} {str(given)[:100]}: the API ignores the key, "
                    "or its field means something else",
                    f"Check url and parameters; give the column another name, as in: select {name} as parent_{name}.",
                )
    return [record | key for record in records]
