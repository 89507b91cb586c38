"""The keys of a source of type api; docs/api-sources.md explains them with examples."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from systemscripts.configuration.strict_model import Strict

Style = Literal["none", "odata", "skip", "page", "offset", "cursor", "link"]
# how parameters are sent by POST; "" for the query of a GET
Body = Literal["", "json", "form"]
# the value of `records` that looks for the list in the answer
AUTO = "auto"
# style -> parameters of size and position, then paths of the records, the next link or cursor, and the total
DEFAULTS: dict[str, tuple[str, str, str, str, str]] = {
    "none": ("", "", "", "", ""),
    "odata": ("", "", "value", "@odata.nextLink", "@odata.count"),
    "skip": ("$top", "$skip", "value", "", "@odata.count"),
    "page": ("per_page", "page", "", "", ""),
    "offset": ("limit", "offset", "", "", ""),
    "cursor": ("limit", "cursor", "", "next", ""),
    "link": ("per_page", "", "", "", ""),
}
# the place of a key in an address or a parameter: {order_id}; ${...} is a variable
_PLACE = re.compile(r"(?<!\$)\{([A-Za-z_]\w*)\}")


class Authentication(Strict):
    """How to log in; the values as ${SOURCE_...}."""

    type: Literal["bearer", "api_key", "basic", "oauth2"]
    token: str = ""  # bearer
    header: str = "X-Api-Key"  # api_key
    key: str = ""
    username: str = ""  # basic
    password: str = ""
    # oauth2 (RFC 6749): client credentials, or the refresh token of a user
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    scope: str = ""
    # further ones of the request for a token, such as audience
    parameters: dict[str, str] = {}
    # where client_id and client_secret are sent
    client_login: Literal["header", "body"] = "header"

    @field_validator("token_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return check_address(value) if value else value

    @model_validator(mode="after")
    def _check_complete(self) -> Authentication:
        needed = {
            "bearer": ("token",), "api_key": ("key",), "basic": ("username", "password"),
            "oauth2": ("token_url", "client_id", *(() if self.refresh_token else ("client_secret",))),
        }[self.type]  # fmt: skip
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValueError(f"{self.type} needs {' and '.join(missing)}")
        return self


class Paging(Strict):
    """How to get from one page to the next; the defaults of the styles are in brackets."""

    style: Style = "none"
    # records of a page
    size: int | None = Field(None, ge=1)
    size_parameter: str | None = None  # $top, per_page, limit
    parameter: str | None = None  # $skip, page, offset, cursor
    start: int | None = Field(None, ge=0)  # first page (1) or offset (0)
    next: str | None = None  # path of the next link or cursor (@odata.nextLink, next)
    # path of the number of all records, used to check completeness (@odata.count)
    total: str | None = None
    # the header with the number of all records, such as X-Total-Count
    total_header: str = ""
    # more pages are a failure, not a shorter table
    max_pages: int = Field(1000, ge=1)
    # empty pages in a row that name a next page; some servers send a few
    max_empty_pages: int = Field(10, ge=0)
    # several pages may contain equal records; otherwise that means that the data changed meanwhile
    repeats: bool = False
    # ask for next links at scheme, host and port of url
    keep_origin: bool = False


class Incremental(Strict):
    """Fetch only what changed since the last load, and everything from time to time."""

    # the field of a record with its time or number of change
    field: str
    # such as Date ge {last}: joined to $filter by `and`
    filter: str = ""
    # or a separate parameter that gets {last}
    parameter: str = ""
    full_every_days: float = Field(28, gt=0)

    @model_validator(mode="after")
    def _check_one_way(self) -> Incremental:
        if bool(self.filter) == bool(self.parameter):
            raise ValueError("needs either filter, such as Date ge {last}, or parameter")
        if self.filter and "{last}" not in self.filter:
            raise ValueError("filter must contain {last}")
        return self


class ForEach(Strict):
    """Keys in a table that was loaded: the API is asked once for each of them."""

    # of the target of another import, with the columns whose values are the keys
    table: str = Field("", pattern=r"^([a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?)?$")
    columns: list[str] = []
    # or a query, whose columns are the keys
    query: str = ""
    # what an answer 404 or 410 for a key means
    missing: Literal["fail", "skip"] = "fail"

    @model_validator(mode="after")
    def _check_one_way(self) -> ForEach:
        if bool(self.table) == bool(self.query):
            raise ValueError("needs either table with columns, or query")
        if bool(self.table) != bool(self.columns):
            raise ValueError("needs columns with table, and only then")
        return self


class RequestLimits(Strict):
    """How long to wait for an API, and how much to ask of it."""

    # between two reads
    timeout_seconds: float = Field(60, gt=0)
    attempts: int = Field(3, ge=1, le=20)
    # doubles with each further attempt
    first_pause_seconds: float = Field(2, ge=0)
    # a longer Retry-After ends the run, and the next one continues
    longest_pause_seconds: float = Field(300, ge=0)
    # of one run, retries included
    requests: int = Field(2000, ge=1)
    # requests of one minute, evenly spread; 0: as fast as the API answers
    per_minute: float = Field(0, ge=0)
    answer_bytes: int = Field(64 << 20, ge=1)


class ApiLimits(RequestLimits):
    """The limits of an API, and of the file that its pages become."""

    file_bytes: int = Field(4 << 30, ge=1)


class HttpServer(Strict):
    """What every source that asks an HTTP server has: address, login, headers and limits."""

    url: str
    headers: dict[str, str] = {}
    authentication: Authentication | None = None
    # short for authentication of type bearer
    token: str = ""
    limits: RequestLimits = RequestLimits()
    # the only certificates to trust
    ca_file: str = ""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return check_address(value)

    @model_validator(mode="after")
    def _check_one_login(self) -> HttpServer:
        if self.token and self.authentication:
            raise ValueError("token and authentication are two logins")
        return self


class Options(HttpServer):
    """An HTTP API that answers with JSON."""

    # part of the file names; needed if an import has several API sources
    name: str = Field("", pattern=r"^[a-z0-9_]*$")
    # {today} and {today-3650} are replaced by dates
    parameters: dict[str, JsonValue] = {}
    # send the parameters by POST, as JSON or as a form
    body: Body = ""
    # one request, with its further pages, for each key: {column} stands for it in url and parameters
    for_each: ForEach | None = None
    # path of the list of records, such as data.items; "" for the answer itself, auto to look for it
    records: str | None = None
    paging: Paging = Paging()
    incremental: Incremental | None = None
    limits: ApiLimits = ApiLimits()
    # for how long the pages of a stopped run are used again
    resume_hours: float = Field(24, ge=0)

    @field_validator("url")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if _PLACE.search(urlsplit(value).netloc):
            raise ValueError("the host must not depend on a key")
        return value

    @model_validator(mode="after")
    def _check_parameters(self) -> Options:
        nested = [name for name, value in self.parameters.items() if value is None or isinstance(value, dict | list)]
        if nested and self.body != "json":
            raise ValueError(f"parameters.{nested[0]}: only body: json can hold lists, mappings and empty values")
        places = list_places([self.url, self.parameters])
        if self.for_each is None:
            return self
        if not places:
            raise ValueError("for_each is not used: write {column} in url or parameters")
        if self.incremental:
            raise ValueError(
                "for_each and incremental exclude each other: the last value of one key would hide changes of another; "
                "choose the keys that changed by for_each.query"
            )
        if self.for_each.columns and (unknown := sorted(places - {"today", *self.for_each.columns})):
            raise ValueError(f"{{{unknown[0]}}} is not one of for_each.columns")
        return self

    def get_default(self, index: int, given: str | None) -> str:
        """Return `given`, or the item of DEFAULTS for the paging style if it is None."""
        return DEFAULTS[self.paging.style][index] if given is None else given


def check_address(value: str) -> str:
    """Return an address of HTTP, or one that begins with a variable; raises ValueError for another text."""
    if not value.startswith(("http://", "https://", "${")):
        raise ValueError("expected an address that begins with https:// or http://")
    return value


def list_places(value: Any) -> set[str]:
    """Return the names of the keys in an address or parameters, such as order_id for {order_id}."""
    if isinstance(value, str):
        return set(_PLACE.findall(value))
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for item in items for name in list_places(item)}


def fill_places(value: Any, fill: Callable[[str], str | None]) -> Any:
    """Return a value with each {name} replaced by what `fill` returns for the name, unless that is None."""
    if isinstance(value, str):

        def replace(match: re.Match[str]) -> str:
            filled = fill(match[1])
            return match[0] if filled is None else filled

        return _PLACE.sub(replace, value)
    if isinstance(value, dict):
        return {key: fill_places(item, fill) for key, item in value.items()}
    return [fill_places(item, fill) for item in value] if isinstance(value, list) else value
