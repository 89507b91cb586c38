"""How one answer of an API leads to the next: OData links, skip and top, page number, offset, cursor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from systemscripts.configuration.source_options.api import Options
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.http_client import find_named_error, get_origin, redact_url


@dataclass(frozen=True)
class Position:
    """What is asked for next."""

    url: str
    parameters: dict[str, str]


def first(options: Options, parameters: dict[str, str]) -> Position:
    """Where to begin."""
    paging, more = options.paging, {}
    size_name = options.get_default(0, paging.size_parameter)
    if paging.size and size_name:
        more[size_name] = str(paging.size)
    if paging.style in ("skip", "page", "offset"):
        begin = paging.start if paging.start is not None else (1 if paging.style == "page" else 0)
        more[options.get_default(1, paging.parameter)] = str(begin)
    if paging.style in ("odata", "skip") and options.get_default(4, paging.total) == "@odata.count":
        more["$count"] = "true"
    return Position(options.url, {**parameters, **more})


def following(options: Options, position: Position, answer: Any, count: int, so_far: int) -> Position | None:
    """Where to go on after an answer of `count` records, None after the last; `so_far`: records with this answer.

    Without a total only an empty page is the end: a server may give smaller pages than it was asked for. So is an empty
    page whose cursor does not move. Raises ConfigurationError for a link to another host, BadDataError for what is
    neither a link nor a cursor.
    """
    style, name = options.paging.style, options.get_default(1, options.paging.parameter)
    if style == "none":
        return None
    if style in ("odata", "cursor"):
        path = options.get_default(3, options.paging.next)
        found = at(answer, path)
        if found is None or found is False or found in ("", [], {}):
            return None
        if not isinstance(found, str):
            raise BadDataError(
                f"{redact_url(position.url)}: {path!r} is neither a link nor a cursor: {str(found)[:100]}",
                "Correct paging.next, the path to the link.",
            )
        is_link = style == "odata" or is_a_link(found)
        made = _link(options, position, found) if is_link else _with(position, name, found)
        return None if made == position and count == 0 else made
    total = total_of(options, answer)
    if count == 0 or (total is not None and so_far >= total):
        return None
    return _with(position, name, str(int(position.parameters[name]) + (1 if style == "page" else count)))


def records_of(options: Options, answer: Any) -> list[dict[str, Any]]:
    """The records of an answer.

    Raises BadDataError where there is no list of objects, where an error stands in the place of records, and for a list
    of errors beside them: then they are a part.
    """
    path = options.get_default(2, options.records)
    found = at(answer, path)
    others = around_records(options, answer)
    errors = others if not found else {key: value for key, value in others.items() if isinstance(value, list)}
    if words := find_named_error(errors):
        raise BadDataError(f"{redact_url(options.url)} answers with an error: {words}", "Ask the owner of the API.")
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        keys = ", ".join(answer) if isinstance(answer, dict) else type(answer).__name__
        said = others.get("message")
        text = f" ({said[:200]!r})" if isinstance(said, str) else ""
        raise BadDataError(
            f"{redact_url(options.url)}: no list of objects at {path or 'the top'!r}, but {keys[:200]}{text}",
            "Correct records, the path to the list.",
        )
    return found


def around_records(options: Options, answer: Any) -> dict[str, Any]:
    """Return what an answer holds beside its records."""
    first_part = options.get_default(2, options.records).split(".")[0]
    return {key: value for key, value in answer.items() if key != first_part} if isinstance(answer, dict) else {}


def total_of(options: Options, answer: Any) -> int | None:
    """How many records there are in all, where the answer says so; raises BadDataError where it was to say so."""
    path = options.get_default(4, options.paging.total)
    found = at(answer, path) if path else None
    if found is None and options.paging.total:
        raise BadDataError(f"{redact_url(options.url)}: there is no total at {path!r}", "Correct paging.total.")
    return int(found) if found is not None and str(found).isdigit() else None


def at(answer: Any, path: str) -> Any:
    """What stands at a path such as data.items, None where nothing does; a key with dots in it is found whole, too."""
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


def _with(position: Position, name: str, value: str) -> Position:
    return replace(position, parameters={**position.parameters, name: value})


def is_a_link(found: str) -> bool:
    """Whether what an answer names is a link, not a cursor."""
    return found.startswith(("http://", "https://", "/", "?"))


def _link(options: Options, position: Position, link: str) -> Position:
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
    return Position(url, {})
