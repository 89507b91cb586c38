"""Records of an HTTP API, page by page, as one JSON-lines file in file_watcher/."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from systemscripts import file_ledger
from systemscripts.db_utils import transaction
from systemscripts.directory_management import move_file
from systemscripts.errors import TryLaterError
from systemscripts.sources import Fetched, Request
from systemscripts.sources.api_pages import api_source, duplicates, page_download, redact_secrets
from systemscripts.sources.api_pages.api_source import ApiSource
from systemscripts.sources.api_pages.completeness import MovedError
from systemscripts.sources.api_pages.page_store import Landing, State
from systemscripts.sources.types import local
from systemscripts.summary import Notice

logger = logging.getLogger(__name__)

TYPE = "api"
# of what a run would fetch
PREVIEW_SCOPE = "the first page"


def fetch(request: Request) -> Fetched:
    """Fetch the new records, or all of them, as one file; a stopped download is resumed.

    Nothing is fetched while an earlier file of this source waits to be loaded. Raises ConfigurationError, TryLaterError
    (the next run continues), BadDataError if the answers are wrong.
    """
    if request.only is not None:
        return Fetched()
    source = api_source.open_source(request)
    if waiting := _list_waiting(request, source.address):
        return Fetched(waiting)
    state = api_source.resume_download(source)
    if not state.done:
        state = page_download.download_pages(source, state)
    if not state.records and not state.full:
        source.landing.forget()
        logger.debug("%s has nothing new", source.url)
        return Fetched()
    duplicate = duplicates.find_duplicate(source, state)
    if duplicate is not None:
        return duplicate
    warnings = [Notice(code, f"{source.url}: {text}") for code, text in state.warnings.items()]
    return Fetched([_move_to_waiting(source, state)], warnings=warnings)


@contextmanager
def preview_files(request: Request) -> Iterator[list[Path]]:
    """Yield the first page of what a run would fetch, for a dry run; the file is removed afterwards."""
    source = api_source.open_source(request)
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as name:
        source = replace(source, landing=Landing(Path(name), "first_page"))
        state, client = api_source.begin_download(source), source.connect()
        try:
            secrets = redact_secrets.list_secrets(request.options)
            if not state.done:
                page_download.fetch_page(source, client, state, secrets)
                if state.done:
                    page_download.check_complete(source, state)
            if state.done and not source.landing.keys:
                page_download.check_not_empty(source, state)
        except MovedError as error:
            raise TryLaterError(f"{source.url}: {error}", "Run the same command again.") from error
        finally:
            client.close()
        path = source.landing.part.rename(Path(name) / state.name)
        yield [path] if state.records else []


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Do nothing: an API keeps its records."""


def address(options: dict[str, Any]) -> str:
    """Return the URL of a source without parameters; the `source_path` of every file begins with it."""
    return api_source.build_address(options)


def _list_waiting(request: Request, source_address: str) -> list[file_ledger.Ticket]:
    """Return the files that this source fetched earlier and that still wait to be loaded."""
    with transaction(request.connection) as cursor:
        tickets = file_ledger.list_open_tickets(cursor, request.config.config_name)
    return [
        ticket
        for ticket in tickets
        if ticket.source == TYPE
        and ticket.source_path == source_address + ticket.name
        and file_ledger.to_real_path(ticket.path, request.directories).exists()
    ]


def _move_to_waiting(source: ApiSource, state: State) -> file_ledger.Ticket:
    """Move the finished file to its waiting folder, after its ticket, so that no other run takes the file."""
    request = source.request
    path = local.get_folder(request.config, request.directories) / state.name
    path.parent.mkdir(parents=True, exist_ok=True)
    origin = file_ledger.Origin(source.address + state.name, state.length, state.mark)
    with transaction(request.connection) as cursor:
        ticket = file_ledger.register_file(
            cursor, request.config.config_name, path, request.directories, request.run_uuid, TYPE, origin,
            scope="" if state.full else "news",
        )  # fmt: skip
    move_file(source.landing.part, path)
    source.landing.forget()
    logger.info("%s: %s records in %d pages", source.url, f"{state.records:,}", state.pages)
    return ticket
