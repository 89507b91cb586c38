"""One API source: its options, its files, and the state of its download."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from systemscripts import settings
from systemscripts.bounded_patterns import compile_pattern
from systemscripts.commands import format_command
from systemscripts.configuration import uploads, variables
from systemscripts.configuration.source_options.api import Options
from systemscripts.db_utils import transaction
from systemscripts.errors import BadDataError, ConfigurationError, GaveUpError, describe_faults
from systemscripts.http_client import Client, redact_url
from systemscripts.sources import Request
from systemscripts.sources.api_pages import build_client, incremental, key_chains, pagination, redact_secrets
from systemscripts.sources.api_pages.page_store import Landing, State

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ApiSource:
    """An API source: its keys as they are written, and with the values of variables, which are never shown or kept."""

    request: Request
    written: Options
    resolved: Options
    landing: Landing

    @property
    def url(self) -> str:
        """Return the URL without secrets."""
        return redact_url(self.resolved.url)

    @property
    def address(self) -> str:
        """Return the beginning of the `source_path` of its files."""
        return build_address(self.request.options)

    def connect(self) -> Client:
        """Return a client for the API."""
        return build_client.connect(
            self.resolved, uploads.get_address_rules(self.request.connection, self.request.config.config_name)
        )


def build_address(options: dict[str, Any]) -> str:
    """Return the URL of a source without parameters; the `source_path` of every file begins with it."""
    url = str(variables.resolve_variables(options.get("url", ""), "source api"))
    name = str(options.get("name", ""))
    return url.partition("?")[0].rstrip("/") + "/" + (f"{name}/" if name else "")


def open_source(request: Request) -> ApiSource:
    """Return the source of a request; raises ConfigurationError with every fault of its options."""
    where = f"{request.config.config_name}, source api"
    try:
        options = Options.model_validate(request.options)
        resolved = Options.model_validate(variables.resolve_variables(request.options, where))
    except ValidationError as error:
        raise ConfigurationError(
            f"{where}: {describe_faults(error)}", f"See: {format_command('check_config')}"
        ) from error
    landing = Landing(request.directories.temporary, f"{request.config.config_name}_{_hash_query(options)}")
    return ApiSource(request, options, resolved, landing)


def resume_download(source: ApiSource) -> State:
    """Return the state of a stopped download unless it is too old, else that of a new one.

    Raises GaveUpError while the API asks not to be asked.
    """
    state = source.landing.load_state()
    if state is None or state.asked != _hash_query(source.written) or _is_too_old(source, state):
        state = begin_download(source)
    else:
        logger.info("%s: resumes after page %d", source.url, state.pages)
    if state.not_before and settings.now() < datetime.fromisoformat(state.not_before):
        raise GaveUpError(
            f"{source.url} asked not to be asked until {state.not_before[:16].replace('T', ' ')}",
            "The first run after that continues.",
        )
    return state


def begin_download(source: ApiSource) -> State:
    """Begin a download at the first page and return its state."""
    config_name = source.request.config.config_name
    with transaction(source.request.connection) as cursor:
        query = incremental.build_query(cursor, config_name, source.address, source.resolved)
    position = redact_secrets.redact_position(
        pagination.build_first_position(source.resolved, query.parameters),
        redact_secrets.list_secrets(source.request.options),
    )
    keys: list[dict[str, str]] = []
    if (rule := source.resolved.for_each) is not None:
        with transaction(source.request.connection) as cursor:
            keys = key_chains.list_keys(cursor, rule, config_name)
        if not keys and not source.request.config.guards.allow_empty:
            raise BadDataError(
                f"{config_name}: for_each gives no keys; nothing was requested",
                "Load the table of the keys first, or set guards.allow_empty.",
            )
        logger.info("%s: is asked for each of %s keys", source.url, f"{len(keys):,}")
    name = _build_file_name(source.request, source.written, "full" if query.full else "news")
    begun = settings.now().isoformat()
    first = {"url": position.url, "parameters": position.parameters}
    state = State(_hash_query(source.written), name, begun, query.full, position.url, position.parameters, first)
    source.landing.begin(state, keys)
    if rule is not None and not keys:
        state.done = True
    else:
        key_chains.begin_key(state, source.landing, source.url)
    source.landing.save_state(state)
    return state


def _is_too_old(source: ApiSource, state: State) -> bool:
    age = settings.now() - datetime.fromisoformat(state.begun)
    return not state.done and age.total_seconds() > source.resolved.resume_hours * 3600


def _hash_query(options: Options) -> str:
    """Return a short name of the query; a changed query begins a new download."""
    query = options.model_dump_json(
        include={"url", "parameters", "paging", "records", "incremental", "name", "body", "for_each"}
    )
    return hashlib.sha256(query.encode()).hexdigest()[:12]


def _build_file_name(request: Request, options: Options, content: str) -> str:
    """Return a file name with the time; raises ConfigurationError if the pattern of the import does not match it."""
    parts = (settings.format_file_stamp(), request.config.config_name, options.name, content)
    name = "_".join(filter(None, parts)) + ".jsonl"
    if not compile_pattern(request.config.file_pattern).fullmatch(name):
        raise ConfigurationError(
            f"file_pattern of {request.config.config_name} does not match the files of its api source",
            f"They have names such as {name}, or with _news instead of _full.",
        )
    return name
