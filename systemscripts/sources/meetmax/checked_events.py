"""Read from the database what earlier scans found out about events, and which columns their lists have."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from systemscripts import configuration, db_utils, file_ledger, log_utils
from systemscripts.db_utils import Connection, transaction
from systemscripts.tables import column_aliases

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from systemscripts.directory_management import Directories


LISTS_IMPORT = "meetmax_events"
CHECKS_IMPORT = "meetmax_urls"
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
    """The ids that were requested at least once."""

    # existed at some time; the title stays when the event is removed
    seen: list[int] = field(default_factory=list)
    # the title of each event that existed at its last check
    titles: dict[int, str] = field(default_factory=dict)
    # all their checks failed
    unanswered: list[int] = field(default_factory=list)


def load_checked_events(connection: Connection) -> CheckedEvents:
    """Return the results of the loaded checks; empty if no check was loaded."""
    checked = CheckedEvents()
    for event, title, exists in _select_rows(connection, EVENTS):
        if title or exists == "1":
            checked.seen.append(event)
        elif not exists:
            checked.unanswered.append(event)
        if exists == "1":
            checked.titles[event] = title
    return checked


def register_chosen(path: Path, directories: Directories) -> None:
    """Write the ticket of a check of chosen events: its values are not compared with those of whole checks."""
    run_uuid = log_utils.get_run_uuid()
    with (
        contextlib.closing(db_utils.connect(purpose="meetmax_url_check")) as connection,
        transaction(connection) as cursor,
    ):
        cursor.execute("select 1 from dba.timportconfig where config_name = %s", (CHECKS_IMPORT,))
        # before its first run the import has no row, and nothing to compare with
        if cursor.fetchone():
            file_ledger.register_file(cursor, CHECKS_IMPORT, path, directories, run_uuid, "local", scope="chosen")


def load_lists(connection: Connection, events: Collection[int]) -> list[tuple[int, str]]:
    """Return the event and the address of each list that the newest checks found. `events`: only these, if any."""
    return [(event, link) for event, link in _select_rows(connection, LISTS) if not events or event in events]


def load_key_headers(connection: Connection) -> set[str]:
    """Return the normalized headers of the key of the import. Each company list has at least one of them."""
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


def _select_rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    with transaction(connection) as cursor:
        cursor.execute("select to_regclass('public.tmeetmaxurlcheck')")
        if cursor.fetchone() == (None,):
            return []
        cursor.execute(query)
        return cursor.fetchall()
