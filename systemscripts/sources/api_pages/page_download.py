"""Download all pages of an API source: resume, write each page to disk, start again if the data moved."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from systemscripts import progress, settings
from systemscripts.configuration.source_options.api import AUTO, Options
from systemscripts.errors import BadDataError, GaveUpError
from systemscripts.http_client import (
    MISSING_STATUSES,
    NO_CONTENT,
    AskedToWaitError,
    Client,
    find_named_error,
    redact_url,
)
from systemscripts.sources.api_pages import (
    api_source,
    completeness,
    find_records,
    incremental,
    key_chains,
    pagination,
    redact_secrets,
)
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
                what = f"{source.landing.describe_key(state)}its data"
                if restarts > completeness.MAX_RESTARTS:
                    source.landing.forget()
                    raise GaveUpError(
                        f"{source.url}: {error}; {what} moved during each of {restarts} downloads",
                        "Nothing was loaded; the next run downloads everything again. Ask for a fixed order "
                        "($orderby, sort) in parameters, or for larger pages.",
                    ) from error
                logger.info("%s: %s; %s are downloaded again", source.url, error, what)
                time.sleep(source.resolved.limits.first_pause_seconds)
                if source.landing.keys:
                    state.restarts = restarts
                    key_chains.begin_key_again(state, source.landing, source.url)
                else:
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
    position = redact_secrets.restore_position(Position(state.url, state.parameters), secrets)
    options, landing = source.resolved, source.landing
    rule = options.for_each
    reply = client.ask_json(
        position.url, position.parameters, options.body, rule is not None and rule.missing == "skip", **DECODING
    )
    is_empty = reply.content is NO_CONTENT
    if rule is not None and reply.status in MISSING_STATUSES:
        state.missing_keys += 1
        state.warnings["keys_missing"] = (
            f"the API does not know {state.missing_keys:,} of {len(landing.keys):,} keys (the last: "
            f"{landing.describe_key(state).removesuffix(': ')}); they count as without records"
        )
    records: list[dict[str, Any]] = []
    if not is_empty:
        options = _locate_records(options, state, reply.content)
        records = pagination.extract_records(options, reply.content)
        if landing.keys:
            records = key_chains.add_key(records, landing.keys[state.key], source.url)
    if records and (words := find_named_error(pagination.extract_envelope(options, reply.content))):
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
    if not is_empty and (total := pagination.extract_total(options, reply)) is not None:
        state.totals = [*state.totals[:1], total]
    following = None
    if not is_empty:
        so_far = state.records - state.chain_begin["records"]
        following = pagination.find_next_position(options, position, reply, len(records), so_far)
    state.done = following is None
    try:
        completeness.check_page(source.resolved, source.landing, state, len(records))
        if following is not None:
            redacted = redact_secrets.redact_position(following, secrets)
            is_link = following.url != position.url or not following.parameters
            completeness.check_next(landing, state, redacted, is_link)
            state.url, state.parameters = redacted.url, redacted.parameters
    except BadDataError as error:
        source.landing.forget()
        raise BadDataError(f"{source.url}: {error.message}; nothing was loaded", error.hint) from error
    return len(records)


def _locate_records(options: Options, state: State, answer: Any) -> Options:
    """Return the options with the path of the records, where they are to be found in the answer."""
    if options.records != AUTO:
        return options
    if state.records_path is None:
        state.records_path = find_records.find_path(answer, options.url)
        if state.records_path is not None:
            shown = state.records_path or "the answer itself"
            logger.info("%s: the records are at %s (records: auto)", redact_url(options.url), shown)
    if state.records_path is None:
        # only empty lists so far
        return options.model_copy(update={"records": find_records.find_empty_path(answer)})
    return options.model_copy(update={"records": state.records_path})


def check_complete(source: ApiSource, state: State) -> None:
    """Check that all records of the API, or of one of its keys, were fetched; raises MovedError, BadDataError."""
    completeness.check_complete(source.resolved, source.landing, state)


def check_not_empty(source: ApiSource, state: State) -> None:
    """Raise BadDataError if a whole download has no records, unless that is allowed."""
    if not state.records and state.full and not source.request.config.guards.allow_empty:
        source.landing.forget()
        raise BadDataError(f"{source.url} has no records at all", "Check its parameters, or set guards.allow_empty.")


def _fetch_remaining_pages(source: ApiSource, client: Client, state: State) -> None:
    secrets = redact_secrets.list_secrets(source.request.options)
    source.landing.cut(state)
    with progress.track(source.request.config.config_name, unit="records") as tracker:
        while not state.done:
            if state.pages - state.chain_begin["pages"] >= source.resolved.paging.max_pages:
                raise BadDataError(
                    f"{source.url}: more than {source.resolved.paging.max_pages} pages; nothing was loaded",
                    "Raise paging.max_pages, then run the same command again: it resumes.",
                )
            size_limits.check_free_space(source.url, source.landing.part.parent)
            tracker.advance(fetch_page(source, client, state, secrets))
            if state.done:
                check_complete(source, state)
                key_chains.begin_next_key(state, source.landing, source.url)
            if state.done:
                check_not_empty(source, state)
            source.landing.save_state(state)
