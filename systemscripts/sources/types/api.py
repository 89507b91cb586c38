"""Records of an HTTP API, page by page, as one JSON-lines file in file_watcher/."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from systemscripts import file_ledger, progress, settings
from systemscripts.configuration import uploads, variables
from systemscripts.configuration.source_options.api import Options
from systemscripts.db_utils import transaction
from systemscripts.directory_management import move_file
from systemscripts.errors import BadDataError, ConfigurationError, GaveUpError, TryLaterError, describe_faults
from systemscripts.http_client import NO_CONTENT, AskedToWaitError, Client, find_named_error, redact_url
from systemscripts.sources import Fetched, Request
from systemscripts.sources.api_pages import client, completeness, duplicates, incremental, pagination, redact_secrets
from systemscripts.sources.api_pages.completeness import MovedError
from systemscripts.sources.api_pages.pagination import Position
from systemscripts.sources.api_pages.resumable_download import Landing, State
from systemscripts.sources.types import local
from systemscripts.summary import Notice
from systemscripts.tables.parsers.json_stream import DECODING

logger = logging.getLogger(__name__)

KIND = "api"
PREVIEW_SCOPE = "the first page"  # of what a run would ask for
LONGEST_WAIT_SECONDS = 86_400  # who names more is asked again after a day


def fetch(request: Request) -> Fetched:
    """Bring the records that are new, or all of them, as one file; what a stopped run has is gone on with.

    While an earlier file of this source waits to be loaded, nothing more is asked for. Raises ConfigurationError,
    TryLaterError (the next run goes on), BadDataError where the answers are not what they should be.
    """
    if request.only is not None:
        return Fetched()
    api = _api(request)
    if waiting := _waiting(request, api.address):
        return Fetched(waiting)
    state = _state(api)
    _keep_waiting(api, state)
    if not state.done:
        state = _download(api, state)
    if not state.records and not state.full:
        api.landing.forget()
        logger.debug("%s has nothing new", api.shown)
        return Fetched()
    known = duplicates.known(request, api.written, state, api.address, api.landing)
    if known is not None:
        return known
    warnings = [Notice(code, f"{api.shown}: {text}") for code, text in state.warnings.items()]
    return Fetched([_arrive(api, state)], warnings=warnings)


@contextmanager
def preview_files(request: Request) -> Iterator[list[Path]]:
    """The first page of what a run would ask for, for a dry run; nothing of it stays."""
    api = _api(request)
    with tempfile.TemporaryDirectory(dir=request.directories.temporary, prefix=f"dry_run_{os.getpid()}_") as name:
        api = replace(api, landing=Landing(Path(name), "first_page"))
        state, asker = _begun(api), _client(api)
        try:
            _one_page(api, asker, state, {})
            if state.done:
                _check_whole(api, state)
        except MovedError as error:
            raise TryLaterError(f"{api.shown}: {error}", "Run it again.") from error
        finally:
            asker.close()
        found = api.landing.part.rename(Path(name) / state.name)
        yield [found] if state.records else []


def settle(request: Request, ticket: file_ledger.Ticket) -> None:
    """Nothing to tidy up: what an API gave stays there."""


def address(options: dict[str, Any]) -> str:
    """The address that is asked, without parameters; every file of the source lies below it."""
    url = str(variables.resolve_variables(options.get("url", ""), "source api"))
    name = str(options.get("name", ""))
    return url.partition("?")[0].rstrip("/") + "/" + (f"{name}/" if name else "")


@dataclass(frozen=True)
class _Api:
    """One source: its keys as written, and with the values of their variables, which are never shown or kept."""

    request: Request
    written: Options
    real: Options
    landing: Landing

    @property
    def shown(self) -> str:
        return redact_url(self.real.url)

    @property
    def address(self) -> str:
        return address(self.request.options)


def _api(request: Request) -> _Api:
    where = f"{request.config.config_name}, source api"
    try:
        options = Options.model_validate(request.options)
        real = Options.model_validate(variables.resolve_variables(request.options, where))
    except ValidationError as error:
        faults = describe_faults(error)
        raise ConfigurationError(f"{where}: {faults}", "See: check_config.py") from error
    landing = Landing(request.directories.temporary, f"{request.config.config_name}_{_key(options)}")
    return _Api(request, options, real, landing)


def _key(options: Options) -> str:
    """A short name for what is asked; another question begins anew."""
    asked = options.model_dump_json(include={"url", "parameters", "paging", "records", "incremental", "name"})
    return hashlib.sha256(asked.encode()).hexdigest()[:12]


def _waiting(request: Request, beginning: str) -> list[file_ledger.Ticket]:
    """The files that this source brought earlier and that still wait to be loaded."""
    with transaction(request.connection) as cursor:
        found = file_ledger.list_open_tickets(cursor, request.config.config_name)
    return [
        ticket
        for ticket in found
        if ticket.source == KIND
        and ticket.source_path == beginning + ticket.name
        and file_ledger.to_real_path(ticket.path, request.directories).exists()
    ]


def _state(api: _Api) -> State:
    """Where to go on: what a stopped run has, unless it is too old."""
    found = api.landing.state()
    if found is not None and found.asked == _key(api.written):
        age = settings.now() - datetime.fromisoformat(found.begun)
        if found.done or age.total_seconds() <= api.real.resume_hours * 3600:
            logger.info("%s: goes on after page %d", api.shown, found.pages)
            return found
    return _begun(api)


def _keep_waiting(api: _Api, state: State) -> None:
    """An API that named a time before which it is not to be asked is left alone till then, whoever polls."""
    if state.not_before and settings.now() < datetime.fromisoformat(state.not_before):
        raise GaveUpError(
            f"{api.shown} asked to be left alone until {state.not_before[:16].replace('T', ' ')}",
            "The first run after that goes on.",
        )


def _begun(api: _Api) -> State:
    with transaction(api.request.connection) as cursor:
        asked = incremental.asked(cursor, api.request.config.config_name, api.address, api.written)
    position = pagination.first(api.written, asked.parameters)
    name = _file_name(api.request, api.written, "full" if asked.full else "news")
    begun = settings.now().isoformat()
    state = State(_key(api.written), name, begun, asked.full, position.url, position.parameters)
    api.landing.begin(state)
    return state


def _file_name(request: Request, options: Options, what: str) -> str:
    """A name with the time in it that the import takes; raises ConfigurationError where its pattern takes none."""
    name = (
        "_".join(filter(None, (settings.format_file_stamp(), request.config.config_name, options.name, what)))
        + ".jsonl"
    )
    if not re.fullmatch(request.config.file_pattern, name):
        raise ConfigurationError(
            f"file_pattern of {request.config.config_name} does not match the files of its api source",
            f"They have names such as {name}, and _news in the place of _full.",
        )
    return name


def _download(api: _Api, state: State) -> State:
    """Ask for all pages, from the first again where the data moved meanwhile; returns the state of the whole.

    Raises GaveUpError where they moved each time: nothing of it is loaded.
    """
    asker = _client(api)
    try:
        while True:
            try:
                _ask_for_pages(api, asker, state)
                return state
            except MovedError as error:
                restarts = state.restarts + 1
                if restarts > completeness.MAX_RESTARTS:
                    api.landing.forget()
                    raise GaveUpError(
                        f"{api.shown}: {error}; its data moved during each of {restarts} downloads",
                        "Nothing of it is loaded; the next run asks for all of them again. Ask for a fixed order "
                        "($orderby, sort) in parameters, or for larger pages.",
                    ) from error
                logger.info("%s: %s; all of it is asked for again", api.shown, error)
                time.sleep(api.real.limits.first_pause_seconds)
                state = replace(_begun(api), restarts=restarts, shifted_content=state.shifted_content)
    except AskedToWaitError as error:
        state.not_before = (settings.now() + timedelta(seconds=min(error.seconds, LONGEST_WAIT_SECONDS))).isoformat()
        api.landing.note(state)
        raise
    finally:
        asker.close()


def _ask_for_pages(api: _Api, asker: Client, state: State) -> None:
    """Ask for the pages that are left; raises MovedError where they do not fit together."""
    secrets = redact_secrets.secrets_of(api.request.options)
    api.landing.cut(state)
    with progress.track(api.request.config.config_name, unit="records") as tracker:
        while not state.done:
            if state.pages >= api.real.paging.max_pages:
                raise BadDataError(
                    f"{api.shown}: more than {api.real.paging.max_pages} pages; nothing of it is loaded",
                    "Raise paging.max_pages, then run it again: it goes on.",
                )
            tracker.advance(_one_page(api, asker, state, secrets))
            if state.done:
                _check_whole(api, state)
            api.landing.note(state)


def _one_page(api: _Api, asker: Client, state: State, secrets: dict[str, str]) -> int:
    """Ask for a page, write it down, find out what follows; returns how many records it had."""
    position = Position(**variables.resolve_variables({"url": state.url, "parameters": state.parameters}, api.shown))
    answer = asker.get_json(position.url, position.parameters, **DECODING)
    is_empty = answer is NO_CONTENT
    records = [] if is_empty else pagination.records_of(api.real, answer)
    if records and (words := find_named_error(pagination.around_records(api.real, answer))):
        state.warnings["error_beside_records"] = f"an error stands beside the records, which were loaded: {words}"
    try:
        api.landing.add(state, records)
    except RecursionError as error:
        raise BadDataError(f"{api.shown}: a record is nested too deeply", "Ask the owner of the API.") from error
    if state.length > api.real.limits.file_bytes:
        raise BadDataError(
            f"{api.shown}: more than {api.real.limits.file_bytes:,} bytes; nothing of it is loaded",
            "Raise limits.file_bytes.",
        )
    state.pages += 1
    state.records += len(records)
    state.mark = incremental.greatest([state.mark, *incremental.marks(api.real, records)])
    if not is_empty and (total := pagination.total_of(api.real, answer)) is not None:
        state.totals = [*state.totals[:1], total]
    following = None
    if not is_empty:
        following = pagination.following(api.real, position, answer, len(records), state.records)
    state.done = following is None
    try:
        completeness.check_page(api.real, api.landing, state, len(records))
        if following is not None:
            kept = redact_secrets.concealed(following, secrets)
            completeness.check_next(api.landing, kept, is_link=not following.parameters)
            state.url, state.parameters = kept.url, kept.parameters
    except BadDataError as error:
        api.landing.forget()
        raise BadDataError(f"{api.shown}: {error.message}; nothing of it is loaded", error.hint) from error
    return len(records)


def _client(api: _Api) -> Client:
    rules = uploads.get_address_rules(api.request.connection, api.request.config.config_name)
    return client.connect(api.real, rules)


def _check_whole(api: _Api, state: State) -> None:
    """All that the API says there is must have come, nothing shifted meanwhile; raises MovedError, BadDataError."""
    completeness.check_whole(api.real, api.landing, state)
    if not state.records and state.full and not api.request.config.guards.allow_empty:
        api.landing.forget()
        raise BadDataError(f"{api.shown} has no records at all", "Check its parameters, or set guards.allow_empty.")


def _arrive(api: _Api, state: State) -> file_ledger.Ticket:
    """The finished file moves to file_watcher/; its ticket is there before it, so that nobody else takes it."""
    request = api.request
    place = local.get_folder(request.config, request.directories) / state.name
    place.parent.mkdir(parents=True, exist_ok=True)
    origin = file_ledger.Origin(api.address + state.name, state.length, state.mark)
    with transaction(request.connection) as cursor:
        ticket = file_ledger.register_file(
            cursor, request.config.config_name, place, request.directories, request.run_uuid, KIND, origin
        )
    move_file(api.landing.part, place)
    api.landing.forget()
    logger.info("%s: %s records in %d pages", api.shown, f"{state.records:,}", state.pages)
    return ticket
