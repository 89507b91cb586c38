"""The keys of a source of type api; docs/api-sources.md explains them with examples."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from systemscripts.configuration.strict_model import Strict

Style = Literal["none", "odata", "skip", "page", "offset", "cursor"]
# style -> parameters of size and position, then paths of the records, the next link or cursor, and the total
DEFAULTS: dict[str, tuple[str, str, str, str, str]] = {
    "none": ("", "", "", "", ""),
    "odata": ("", "", "value", "@odata.nextLink", "@odata.count"),
    "skip": ("$top", "$skip", "value", "", "@odata.count"),
    "page": ("per_page", "page", "", "", ""),
    "offset": ("limit", "offset", "", "", ""),
    "cursor": ("limit", "cursor", "", "next", ""),
}


class Authentication(Strict):
    """How to log in; the values as ${SOURCE_...}."""

    type: Literal["bearer", "api_key", "basic"]
    token: str = ""  # bearer
    header: str = "X-Api-Key"  # api_key
    key: str = ""
    username: str = ""  # basic
    password: str = ""

    @model_validator(mode="after")
    def _check_complete(self) -> Authentication:
        needed = {"bearer": ("token",), "api_key": ("key",), "basic": ("username", "password")}[self.type]
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
        if not value.startswith(("http://", "https://", "${")):
            raise ValueError("expected an address that begins with https:// or http://")
        return value

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
    parameters: dict[str, str | int | float | bool] = {}
    # path of the list of records, such as data.items; "" for the answer itself
    records: str | None = None
    paging: Paging = Paging()
    incremental: Incremental | None = None
    limits: ApiLimits = ApiLimits()
    # for how long the pages of a stopped run are used again
    resume_hours: float = Field(24, ge=0)

    def get_default(self, index: int, given: str | None) -> str:
        """Return `given`, or the item of DEFAULTS for the paging style if it is None."""
        return DEFAULTS[self.paging.style][index] if given is None else given
