"""Find the next page of an API: OData links, skip and top, page number, offset, cursor, the header Link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from systemscripts.configuration.source_options.api import Options
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.http_client import Reply, find_link, find_named_error, get_origin, redact_url
from systemscripts.tables.parsers.json_stream import Number


@dataclass(frozen=True)
class Position:
    """The address and parameters of a page; parameters of a JSON body have their types."""

    url: str
    parameters: dict[str, Any]


def build_first_position(options: Options, parameters: dict[str, Any]) -> Position:
    """Return the position of the first page."""
    paging, position = options.paging, Position(options.url, parameters)
    size_name = options.get_default(0, paging.size_parameter)
    if paging.size and size_name:
        position = _set_number(options, position, size_name, paging.size)
    if paging.style in ("skip", "page", "offset"):
        begin = paging.start if paging.start is not None else (1 if paging.style == "page" else 0)
        position = _set_number(options, position, options.get_default(1, paging.parameter), begin)
    if paging.style in ("odata", "skip") and options.get_default(4, paging.total) == "@odata.count":
        position = _set_parameter(position, "$count", True if options.body == "json" else "true")
    return position


def find_next_position(options: Options, position: Position, reply: Reply, count: int, so_far: int) -> Position | None:
    """Return the position after an answer of `count` records, None after the last one.

    `so_far` counts the records of its chain of pages including this one. Without a total only an empty page is the end,
    because a server may return smaller pages than requested; so is an empty page with the same cursor. Raises
    ConfigurationError for a link to another host, BadDataError for what is neither a link nor a cursor.
    """
    style, name = options.paging.style, options.get_default(1, options.paging.parameter)
    if style == "none":
        return None
    if style == "link":
        link = find_link(reply.headers.get("Link", ""), "next")
        following = _follow_link(options, position, link) if link else None
        return None if following == position and count == 0 else following
    if style in ("odata", "cursor"):
        path = options.get_default(3, options.paging.next)
        value = get_value(reply.content, path)
        if value is None or value is False or value in ("", [], {}):
            return None
        if not isinstance(value, str):
            raise BadDataError(
                f"{redact_url(position.url)}: {path!r} is neither a link nor a cursor: {str(value)[:100]}",
                "Correct paging.next, the path to the link.",
            )
        following = (
            _follow_link(options, position, value)
            if style == "odata" or is_link(value)
            else _set_parameter(position, name, _to_plain(options, value))
        )
        return None if following == position and count == 0 else following
    total = extract_total(options, reply)
    if count == 0 or (total is not None and so_far >= total):
        return None
    here = int(get_value(position.parameters, name))
    return _set_number(options, position, name, here + (1 if style == "page" else count))


def extract_records(options: Options, answer: Any) -> list[dict[str, Any]]:
    """Return the records of an answer.

    Raises BadDataError if there is no list of objects, or an error instead of it, and also for a list of errors besides
    the records, which are incomplete then.
    """
    path = options.get_default(2, options.records)
    value = get_value(answer, path)
    others = extract_envelope(options, answer)
    errors = others if not value else {key: value for key, value in others.items() if isinstance(value, list)}
    if words := find_named_error(errors):
        raise BadDataError(f"{redact_url(options.url)} answers with an error: {words}", "Ask the owner of the API.")
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value):
        keys = ", ".join(answer) if isinstance(answer, dict) else type(answer).__name__
        message = others.get("message")
        text = f" ({message[:200]!r})" if isinstance(message, str) else ""
        raise BadDataError(
            f"{redact_url(options.url)}: no list of objects at {path or 'the top'!r}, but {keys[:200]}{text}",
            "Correct records, the path to the list.",
        )
    return value


def extract_envelope(options: Options, answer: Any) -> dict[str, Any]:
    """Return the answer without its records."""
    first_part = options.get_default(2, options.records).split(".")[0]
    return {key: value for key, value in answer.items() if key != first_part} if isinstance(answer, dict) else {}


def extract_total(options: Options, reply: Reply) -> int | None:
    """Return the number of all records, None if the answer has none; raises BadDataError if it should have one."""
    if name := options.paging.total_header:
        text = reply.headers.get(name, "").strip()
        if not text.isdecimal():
            raise BadDataError(
                f"{redact_url(options.url)}: there is no total in the header {name}", "Correct paging.total_header."
            )
        return int(text)
    path = options.get_default(4, options.paging.total)
    value = get_value(reply.content, path) if path else None
    if value is None and options.paging.total:
        raise BadDataError(f"{redact_url(options.url)}: there is no total at {path!r}", "Correct paging.total.")
    return int(value) if value is not None and str(value).isdigit() else None


def get_value(answer: Any, path: str) -> Any:
    """Return the value at a path such as data.items, None if there is none; a key may itself contain dots."""
    if not path:
        return answer
    if isinstance(answer, dict) and path in answer:
        return answer[path]
    for part in path.split("."):
        if isinstance(answer, dict):
            answer = answer.get(part)
        elif isinstance(answer, list) and part.isdigit() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return None
    return answer


def set_value(parameters: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of parameters with a value at a path such as page.number; only JSON has nested ones."""
    first, _, rest = path.partition(".")
    inner = parameters.get(first)
    if rest and path not in parameters and isinstance(inner, dict):
        return {**parameters, first: set_value(inner, rest, value)}
    return {**parameters, path: value}


def _set_parameter(position: Position, name: str, value: Any) -> Position:
    return replace(position, parameters=set_value(position.parameters, name, value))


def _set_number(options: Options, position: Position, name: str, number: int) -> Position:
    return _set_parameter(position, name, number if options.body == "json" else str(number))


def _to_plain(options: Options, cursor: str) -> str | int:
    """Return a cursor as its type in JSON, where numbers and texts differ."""
    return int(cursor) if options.body == "json" and isinstance(cursor, Number) and cursor.isdecimal() else str(cursor)


def is_link(text: str) -> bool:
    """Return whether a text is a link, not a cursor."""
    return text.startswith(("http://", "https://", "/", "?"))


def _follow_link(options: Options, position: Position, link: str) -> Position:
    url = urljoin(position.url, link)
    if options.paging.keep_origin:
        parts, home = urlsplit(url), urlsplit(position.url)
        url = urlunsplit(parts._replace(scheme=home.scheme, netloc=home.netloc))
    if get_origin(url)[1] == get_origin(position.url)[1] and get_origin(url) != get_origin(position.url):
        raise ConfigurationError(
            f"{redact_url(position.url)}: the next link, {redact_url(url)}, has another scheme or port, as happens "
            "behind a proxy; it was not followed",
            "Set paging.keep_origin: true to ask for it at scheme and port of url, or correct url.",
        )
    if get_origin(url) != get_origin(position.url):
        raise ConfigurationError(
            f"{redact_url(position.url)}: the next link, {redact_url(url)}, leads to another host; it was not followed"
        )
    # a link has the query of the next page, but not the body
    return Position(url, position.parameters if options.body else {})
