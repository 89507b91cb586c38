"""The parts of an import configuration: reading, guards, target, sources and schedule."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from systemscripts import settings
from systemscripts.configuration.file_layout_options import FileLayout
from systemscripts.configuration.strict_model import Strict

NAME = r"[a-z_][a-z0-9_]{0,62}"


class Reading(FileLayout):
    """How to read a file, where its content does not tell."""

    header_row: int | list[str] | None = None
    header_rows: int | None = Field(None, ge=1, le=10)
    no_header: bool = False
    names: list[str] = []
    sheet: str | int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    # nothing or a backslash; doubled quotes are always understood
    escape: Literal["", "\\"] | None = None
    # merged cells repeat their top-left value
    fill_merged: bool = False
    stop_at_blank_row: bool = False
    # neither look for the end of the table nor repair rows
    keep_all_rows: bool = False
    # texts that mean no value, besides the empty one
    null_markers: list[str] = []
    # rows that are not data, such as totals: column -> values, one of which is enough; or a list of rules: a row is
    # skipped if all columns of one rule fit, where * matches any text
    skip_if: dict[str, list[str]] | list[Annotated[dict[str, list[str]], Field(min_length=1)]] = {}
    # of protected workbooks and zips: ${SOURCE_...}, or several of them, tried in order
    password: list[Annotated[str, Field(pattern=r"^\$\{SOURCE_[A-Z0-9_]+\}$")]] = []
    # column -> headers that mean this column
    aliases: dict[Annotated[str, Field(pattern=rf"^{NAME}$")], list[str]] = {}

    @field_validator("password", mode="before")
    @classmethod
    def _convert_to_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("skip_if", mode="before")
    @classmethod
    def _convert_to_lists(cls, value: object) -> object:
        if isinstance(value, list):
            return [cls._convert_to_lists(rule) for rule in value]
        if not isinstance(value, dict):
            return value
        return {key: [str(v) for v in (item if isinstance(item, list) else [item])] for key, item in value.items()}


class Guards(Strict):
    """When a load is suspicious; all of these apply in snapshot mode."""

    # a file without rows is a valid state and passes the guards
    allow_empty: bool = False
    # a file without any column of the key is another page or table, and is refused
    need_key: bool = False
    min_rows: int | None = Field(None, ge=0)
    # files may be dated after tomorrow, such as forecasts
    allow_future: bool = False
    # the freshness limit: older data are reported
    max_age_days: float | None = Field(None, gt=0)
    # the column whose newest value is the age of the data; none: the time of the last good load
    age_column: str | None = Field(None, pattern=rf"^{NAME}$")
    # compared with the median of the last good loads
    max_drop_percent: float | None = Field(None, ge=0, le=100)


ColumnDecision = Literal["hold", "warn", "refuse", "take"]


class ColumnPolicy(Strict):
    """What happens to a file whose columns differ; by default as docs/findings.md says."""

    missing: ColumnDecision | None = None  # a declared column
    renamed: ColumnDecision | None = None  # a column that is there under another name
    new: ColumnDecision | None = None  # a column that no file had before


# the beginning of a target_table that is in another database: postgresql:NAME/schema.table
ELSEWHERE = "postgresql:"
DEFAULT_PORT = "5432"
_VARIABLE = re.compile(r"\$\{SOURCE_([A-Z0-9_]+)\}")
# of the older spelling: the login of the database, written into the target
Login = dict[str, str]


def name_elsewhere(database: str | Login, table: str) -> str:
    """Return the target_table of a table in another database, by the name of its variable or by its address."""
    if isinstance(database, dict):
        name = f"{database.get('host')}:{database.get('port') or DEFAULT_PORT}/{database.get('dbname')}"
    else:
        variable = _VARIABLE.fullmatch(database)
        name = variable[1].lower() if variable else database
    table = table.rpartition("/")[2]
    return f"{ELSEWHERE}{name}/{table if '.' in table else f'public.{table}'}"


class Target(Strict):
    """A folder of Parquet files, one for each dataset, instead of a table; or the database of the table."""

    # the folder, below the data folder unless absolute
    parquet: str = ""
    # a date column; the months of each dataset are recorded
    months_of: str = Field("", pattern=rf"^(?:{NAME})?$")
    # the PostgreSQL database of the table if it is not ours: ${SOURCE_NAME}, an address; or its login (older spelling)
    database: str | Login = ""

    @field_validator("database")
    @classmethod
    def _check_database(cls, value: str | Login) -> str | Login:
        if isinstance(value, str) and value and not _VARIABLE.fullmatch(value):
            raise ValueError("expected ${NAME}: SOURCE_NAME=postgresql://user:password@host/name in config/.env")
        return value


class LabelTitle(Strict):
    """Where the titles of an import's lists come from, by label: a lookup in a table, or a query of the reader."""

    # schema.table, and its columns with the label and the title
    table: str = Field("", pattern=rf"^(?:{NAME}\.{NAME})?$")
    label: str = Field("", pattern=rf"^(?:{NAME})?$")
    title: str = Field("", pattern=rf"^(?:{NAME})?$")
    # returns label and title
    query: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> LabelTitle:
        is_lookup = [bool(self.table), bool(self.label), bool(self.title)]
        if any(is_lookup) and (not all(is_lookup) or self.query):
            raise ValueError("expected table, label and title, or a query that returns label and title")
        return self


# type of source -> why `unpack` is not for it
NEVER_UNPACKED = {
    "api": "an API gives no archives",
    "archive": "a source of type archive unpacks by itself",
    "mail": "attachments are taken out of zips without it",
}


class Source(BaseModel):
    """Where files come from; the other keys belong to the module sources/types/<type>.py."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    # if it cannot be reached, the other sources are loaded without it
    optional: bool = False
    # regular expression for the names of archives: each file in them that matches file_pattern is a file of its own
    unpack: str = ""

    @model_serializer(mode="wrap")
    def _leave_out_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # the rows of imports without it stay as they are
        values: dict[str, Any] = write(self)
        return values if self.unpack else {name: value for name, value in values.items() if name != "unpack"}

    @model_validator(mode="after")
    def _check_unpack(self) -> Source:
        if self.unpack and (self.type in NEVER_UNPACKED or (self.type == "local" and "path" not in self.options)):
            raise ValueError(f"unpack: {NEVER_UNPACKED.get(self.type, 'a source of type local needs path for it')}")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Return the keys of its type, as they are written."""
        return self.model_extra or {}


class Schedule(Strict):
    """The keys that only a YAML job has: when it runs, and where its combined CSV is written."""

    # without a zone: in that of the installation
    start_time: datetime | None = None
    end_time: datetime | None = None
    output_csv_path: str = ""

    @field_validator("start_time", "end_time", mode="before")
    @classmethod
    def _parse_time(cls, value: object) -> object:
        if value is None or isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value))
        except ValueError as error:
            raise ValueError("expected a time such as 2026-01-05 02:00") from error

    @field_validator("end_time")
    @classmethod
    def _check_order(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        begin = info.data.get("start_time")
        if begin and value and add_zone(value) <= add_zone(begin):
            raise ValueError(f"expected a time after start_time {begin:%Y-%m-%d %H:%M}")
        return value


def add_zone(time: datetime) -> datetime:
    """Return a time with its zone, or with that of the installation (else of the host) where it has none."""
    if time.tzinfo:
        return time
    zone = settings.get_zone()
    return time.replace(tzinfo=zone) if zone else time.astimezone()
