"""The keys of a source of type api; docs/api-sources.md explains them with examples."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from systemscripts.configuration.column_schema import Strict

Style = Literal["none", "odata", "skip", "page", "offset", "cursor"]
# style -> parameter of the size, parameter that counts on, path of the records, of what is next, of the total
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
    def _whole(self) -> Authentication:
        needed = {"bearer": ("token",), "api_key": ("key",), "basic": ("username", "password")}[self.type]
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValueError(f"{self.type} needs {' and '.join(missing)}")
        return self


class Paging(Strict):
    """How an answer leads to the next; names in brackets are the defaults of the style."""

    style: Style = "none"
    size: int | None = Field(None, ge=1)  # records of a page that are asked for
    size_parameter: str | None = None  # $top, per_page, limit
    parameter: str | None = None  # $skip, page, offset, cursor
    start: int | None = Field(None, ge=0)  # first page (1) or offset (0)
    next: str | None = None  # path of the next link or cursor (@odata.nextLink, next)
    total: str | None = None  # path of the number of all records, against which completeness is checked (@odata.count)
    max_pages: int = Field(1000, ge=1)  # more than this is a failure, not a shorter table
    max_empty_pages: int = Field(10, ge=0)  # in a row that name a next page; some servers send a few
    repeats: bool = False  # whether several pages may hold equal records; otherwise the data moved meanwhile
    keep_origin: bool = False  # ask for next links at scheme, host and port of url, whatever they say


class Incremental(Strict):
    """Only what changed since the last load, and everything every so often."""

    field: str  # of a record: its time or number of change
    filter: str = ""  # such as Date ge {last}: joined to $filter by `and`
    parameter: str = ""  # or a parameter of its own, that gets {last}
    full_every_days: float = Field(28, gt=0)

    @model_validator(mode="after")
    def _one_way(self) -> Incremental:
        if bool(self.filter) == bool(self.parameter):
            raise ValueError("needs either filter, such as Date ge {last}, or parameter")
        if self.filter and "{last}" not in self.filter:
            raise ValueError("filter must hold {last}")
        return self


class RequestLimits(Strict):
    """How far asking may go."""

    timeout_seconds: float = Field(60, gt=0)  # between two reads
    attempts: int = Field(3, ge=1, le=20)
    first_pause_seconds: float = Field(2, ge=0)  # doubles with each further attempt
    longest_pause_seconds: float = Field(300, ge=0)  # a Retry-After beyond it ends the run, the next one goes on
    requests: int = Field(2000, ge=1)  # of one run, attempts included
    answer_bytes: int = Field(64 << 20, ge=1)
    file_bytes: int = Field(4 << 30, ge=1)


class Options(Strict):
    """An HTTP API that answers with JSON."""

    url: str
    name: str = Field("", pattern=r"^[a-z0-9_]*$")  # part of the file names; needed where an import has several
    parameters: dict[str, str | int | float | bool] = {}  # {today} and {today-3650} stand for days
    headers: dict[str, str] = {}
    authentication: Authentication | None = None
    token: str = ""  # short for authentication of type bearer
    records: str | None = None  # path of the list of records, such as data.items; "" for the answer itself
    paging: Paging = Paging()
    incremental: Incremental | None = None
    limits: RequestLimits = RequestLimits()
    resume_hours: float = Field(24, ge=0)  # what a stopped run has is used again for so long
    ca_file: str = ""  # certificates to trust, beside nothing else

    @field_validator("url")
    @classmethod
    def _of_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://", "${")):
            raise ValueError("expected an address that begins with https:// or http://")
        return value

    @model_validator(mode="after")
    def _one_login(self) -> Options:
        if self.token and self.authentication:
            raise ValueError("token and authentication are two logins")
        return self

    def default(self, place: int, given: str | None) -> str:
        """A name or path of the paging style, unless given."""
        return DEFAULTS[self.paging.style][place] if given is None else given
