"""What the database knows of events from the checks that were loaded, and of their lists from the import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from systemscripts import configuration
from systemscripts.db_utils import Connection, transaction
from systemscripts.tables import column_aliases

if TYPE_CHECKING:
    from collections.abc import Collection


LISTS_IMPORT = "meetmax_events"
EVENTS = """
    select eventid::integer, coalesce(title, ''), coalesce(ifexists, '')
    from public.tmeetmaxurlcheck where eventid ~ '^[0-9]{1,8}$'
"""
LISTS = """
    select eventid::integer, downloadlink from public.tmeetmaxurlcheck
    where isdownloadable = '1' and eventid ~ '^[0-9]{1,8}$' order by eventid::integer
"""


@dataclass
class CheckedEvents:
    """The ids that were ever asked for."""

    seen: list[int] = field(default_factory=list)  # existed once: a title once seen stays when the event goes
    titles: dict[int, str] = field(default_factory=dict)  # of those that existed at their last check
    unanswered: list[int] = field(default_factory=list)  # all their checks failed


def load_checked_events(connection: Connection) -> CheckedEvents:
    """Return what the checks said; nothing where none was loaded."""
    found = CheckedEvents()
    for event, title, exists in _rows(connection, EVENTS):
        if title or exists == "1":
            found.seen.append(event)
        elif not exists:
            found.unanswered.append(event)
        if exists == "1":
            found.titles[event] = title
    return found


def load_lists(connection: Connection, events: Collection[int]) -> list[tuple[int, str]]:
    """Return event and address of each list that the newest checks found; of `events` only, where named."""
    return [(event, link) for event, link in _rows(connection, LISTS) if not events or event in events]


def load_key_headers(connection: Connection) -> set[str]:
    """Return the names of the headers one of which a company list has, as its import knows them."""
    configs = [
        config for config in configuration.load_valid_imports(connection)[0] if config.config_name == LISTS_IMPORT
    ]
    return {
        name
        for config in configs
        for element in config.key_columns
        for column in element.split("|")
        for name in column_aliases.find_header_names(column, config.reading.aliases)
    }


def _rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    with transaction(connection) as cursor:
        cursor.execute("select to_regclass('public.tmeetmaxurlcheck')")
        if cursor.fetchone() == (None,):
            return []
        cursor.execute(query)
        return cursor.fetchall()
