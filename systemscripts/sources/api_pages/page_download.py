"""Download all pages of an API source: resume, write each page to disk, start again if the data moved."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta

from systemscripts import progress, settings
from systemscripts.configuration import variables
from systemscripts.errors import BadDataError, GaveUpError
from systemscripts.http_client import NO_CONTENT, AskedToWaitError, Client, find_named_error
from systemscripts.sources.api_pages import api_source, completeness, incremental, pagination, redact_secrets
from systemscripts.sources.api_pages.api_source import ApiSource
from systemscripts.sources.api_pages.completeness import MovedError
from systemscripts.sources.api_pages.page_store import State
from systemscripts.sources.api_pages.pagination import Position
from systemscripts.sources.arrival import size_limits
from systemscripts.tables.parsers.json_stream import DECODING

logger = logging.getLogger(__name__)

# an API that asks for more is asked again after a day
MAX_WAIT_SECONDS = 86_400


def download_pages(source: ApiSource, state: State) -> State:
    """Download all pages, from the first one again if the data moved meanwhile; return the final state.

    Raises GaveUpError if the data moved each time; nothing is loaded then.
    """
    client = source.connect()
    try:
        while True:
            try:
                _fetch_remaining_pages(source, client, state)
                return state
            except MovedError as error:
                restarts = state.restarts + 1
                if restarts > completeness.MAX_RESTARTS:
                    source.landing.forget()
                    raise GaveUpError(
                        f"{source.url}: {error}; its data moved during each of {restarts} downloads",
                        "Nothing was loaded; the next run downloads everything again. Ask for a fixed order "
                        "($orderby, sort) in parameters, or for larger pages.",
                    ) from error
                logger.info("%s: %s; everything is downloaded again", source.url, error)
                time.sleep(source.resolved.limits.first_pause_seconds)
                begun = api_source.begin_download(source)
                state = replace(begun, restarts=restarts, shifted_content=state.shifted_content)
    except AskedToWaitError as error:
        state.not_before = (settings.now() + timedelta(seconds=min(error.seconds, MAX_WAIT_SECONDS))).isoformat()
        source.landing.save_state(state)
        raise
    finally:
        client.close()


def fetch_page(source: ApiSource, client: Client, state: State, secrets: dict[str, str]) -> int:
    """Fetch a page, write it to disk and move `state` to the next one; return the number of its records.

    Raises BadDataError if the answer is wrong, MovedError if the data moved.
    """
    position = Position(**variables.resolve_variables({"url": state.url, "parameters": state.parameters}, source.url))
    answer = client.get_json(position.url, position.parameters, **DECODING)
    is_empty = answer is NO_CONTENT
    records = [] if is_empty else pagination.extract_records(source.resolved, answer)
    if records and (words := find_named_error(pagination.extract_envelope(source.resolved, answer))):
        state.warnings["error_beside_records"] = f"the answer has records, which were loaded, and an error: {words}"
    try:
        source.landing.add(state, records)
    except RecursionError as error:
        raise BadDataError(f"{source.url}: a record is nested too deeply", "Ask the owner of the API.") from error
    if state.length > source.resolved.limits.file_bytes:
        raise BadDataError(
            f"{source.url}: more than {source.resolved.limits.file_bytes:,} bytes; nothing was loaded",
            "Raise limits.file_bytes.",
        )
    state.pages += 1
    state.records += len(records)
    state.mark = incremental.find_greatest([state.mark, *incremental.list_marks(source.resolved, records)])
    if not is_empty and (total := pagination.extract_total(source.resolved, answer)) is not None:
        state.totals = [*state.totals[:1], total]
    following = None
    if not is_empty:
        following = pagination.find_next_position(source.resolved, position, answer, len(records), state.records)
    state.done = following is None
    try:
        completeness.check_page(source.resolved, source.landing, state, len(records))
        if following is not None:
            redacted = redact_secrets.redact_position(following, secrets)
            completeness.check_next(source.landing, redacted, is_link=not following.parameters)
            state.url, state.parameters = redacted.url, redacted.parameters
    except BadDataError as error:
        source.landing.forget()
        raise BadDataError(f"{source.url}: {error.message}; nothing was loaded", error.hint) from error
    return len(records)


def check_complete(source: ApiSource, state: State) -> None:
    """Check that all records of the API were fetched; raises MovedError, BadDataError."""
    completeness.check_complete(source.resolved, source.landing, state)
    if not state.records and state.full and not source.request.config.guards.allow_empty:
        source.landing.forget()
        raise BadDataError(f"{source.url} has no records at all", "Check its parameters, or set guards.allow_empty.")


def _fetch_remaining_pages(source: ApiSource, client: Client, state: State) -> None:
    secrets = redact_secrets.list_secrets(source.request.options)
    source.landing.cut(state)
    with progress.track(source.request.config.config_name, unit="records") as tracker:
        while not state.done:
            if state.pages >= source.resolved.paging.max_pages:
                raise BadDataError(
                    f"{source.url}: more than {source.resolved.paging.max_pages} pages; nothing was loaded",
                    "Raise paging.max_pages, then run the same command again: it resumes.",
                )
            size_limits.check_free_space(source.url, source.landing.part.parent)
            tracker.advance(fetch_page(source, client, state, secrets))
            if state.done:
                check_complete(source, state)
            source.landing.save_state(state)
