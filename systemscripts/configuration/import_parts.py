"""The parts of an import configuration that have keys of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from systemscripts import settings
from systemscripts.configuration.column_schema import Strict

NAME = r"[a-z_][a-z0-9_]{0,62}"


class Reading(Strict):
    """How to read the file where its content does not say it."""

    header_row: int | list[str] | None = None
    header_rows: int | None = Field(None, ge=1, le=10)
    no_header: bool = False
    names: list[str] = []
    sheet: str | int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: Literal["", "\\"] | None = None  # nothing, or a backslash; doubled quotes are always understood
    fill_merged: bool = False  # merged cells repeat their top-left value
    stop_at_blank_row: bool = False
    keep_all_rows: bool = False  # no end is looked for, and no row repaired
    decimal: str | None = Field(None, min_length=1, max_length=1)
    thousands: str | None = Field(None, min_length=1, max_length=1)
    null_markers: list[str] = []  # texts that mean no value, beside the empty one
    skip_if: dict[str, list[str]] = {}  # column -> values whose rows are no data, such as Total
    aliases: dict[Annotated[str, Field(pattern=rf"^{NAME}$")], list[str]] = {}  # column -> headers that mean it

    @field_validator("skip_if", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: [str(v) for v in (found if isinstance(found, list) else [found])] for key, found in value.items()}


class Guards(Strict):
    """When a load is suspicious; at full strength in snapshot mode."""

    allow_empty: bool = False  # a file of no rows is a state, and passes both guards
    need_key: bool = False  # a file without any column of the key is another page or table, and refused
    min_rows: int | None = Field(None, ge=0)
    allow_future: bool = False  # files may be dated after tomorrow, such as forecasts
    max_age_days: float | None = Field(None, gt=0)  # older data are reported: the freshness limit
    age_column: str | None = Field(None, pattern=rf"^{NAME}$")  # whose newest value tells; none: the last good load
    max_drop_percent: float | None = Field(None, ge=0, le=100)  # against the median of the last good loads


ColumnDecision = Literal["hold", "warn", "refuse", "take"]


class ColumnPolicy(Strict):
    """What becomes of a file whose columns differ; without a word the defaults of docs/findings.md."""

    missing: ColumnDecision | None = None  # a declared column
    renamed: ColumnDecision | None = None  # a column that is there under another name
    new: ColumnDecision | None = None  # a column that no file had before


class Target(Strict):
    """A folder of Parquet files, one for each dataset, instead of a table."""

    parquet: str = ""  # the folder, below the data folder unless absolute
    months_of: str = Field("", pattern=rf"^(?:{NAME})?$")  # date column; the months of each dataset are noted


class Source(BaseModel):
    """Where files come from; the further keys belong to the module sources/types/<type>.py."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    optional: bool = False  # where it cannot be asked, the others are loaded without it

    @property
    def options(self) -> dict[str, Any]:
        """The keys of its kind, as written."""
        return self.model_extra or {}


class Schedule(Strict):
    """What only a YAML job has: when it runs, and where its combined CSV goes. run_elt.py reads it."""

    start_time: datetime | None = None  # without a zone: the installation's
    end_time: datetime | None = None
    output_csv_path: str = ""

    @field_validator("start_time", "end_time", mode="before")
    @classmethod
    def _as_moment(cls, value: object) -> object:
        if value is None or isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value))
        except ValueError as error:
            raise ValueError("expected a time such as 2026-01-05 02:00") from error

    @field_validator("end_time")
    @classmethod
    def _in_order(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        begin = info.data.get("start_time")
        if begin and value and add_zone(value) <= add_zone(begin):
            raise ValueError(f"expected a time after start_time {begin:%Y-%m-%d %H:%M}")
        return value


def add_zone(time: datetime) -> datetime:
    """A time of a configuration with its zone: the installation's where it names none."""
    return (
        time if time.tzinfo else time.replace(tzinfo=settings.get_zone()) if settings.get_zone() else time.astimezone()
    )
