"""What a configuration declares of a column: its type, how it is written, what it must fulfil."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from systemscripts import date_formats

ColumnType = Literal[
    "text", "integer", "bigint", "numeric", "boolean", "date", "time", "timestamp", "timestamptz", "text[]"
]
COLUMN_TYPES = get_args(ColumnType)
MAX_SCALE = 18
_TABLE_COLUMN = r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*"


class Strict(BaseModel):
    """A part of a configuration: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Checks(Strict):
    """What a value must fulfil beside its type."""

    email: bool = False
    regex: str | None = None
    form: str = ""  # the regex in words that a client understands, for the reason of a reject
    range: tuple[int | float | str | None, int | float | str | None] | None = None  # lowest, highest; null for open
    one_of: list[str] = []
    lookup: str | None = Field(None, pattern=f"^{_TABLE_COLUMN}$")  # schema.table.column that must hold the value

    @field_validator("regex")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"expected a regular expression ({error})") from error
        return value

    @field_validator("one_of", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return [str(item) for item in value] if isinstance(value, list) else value


class Column(Strict):
    """One declared column. In YAML also just its type: `order_id: integer`."""

    type: ColumnType = "text"
    formats: list[str] = []  # dates: dd/MM/yyyy HH:mm ..., tried in order; none: ISO 8601
    decimal: str | None = Field(None, min_length=1, max_length=1)
    thousands: str | None = Field(None, min_length=1, max_length=1)
    null: list[str] | None = None  # instead of the import's null markers
    scale: int | None = Field(
        None, ge=0, le=MAX_SCALE
    )  # numeric: digits after the point; a value with more is rejected
    separator: str = ","  # text[]
    required: bool = False
    default: str | None = None
    from_column: str | None = Field(None, alias="from", pattern=r"^[a-z_][a-z0-9_]{0,62}$")  # a copy of another column
    values: dict[str, str] = {}  # what stands in the file -> what is stored; others are stored as they are
    fill: Literal["load_time", "first_load_time"] | None = None  # by the load itself; the second stays on an update
    rename: str | None = Field(None, pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    checks: Checks = Checks()

    @property
    def max_digits(self) -> int:
        """How many digits a number with a scale may have: what fits 64 bits, or the most that Parquet readers take."""
        return 18 if self.scale is not None and self.scale < 10 else 38

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("values", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else value

    @field_validator("formats", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fitting(self) -> Column:
        if self.formats and self.type not in ("date", "time", "timestamp", "timestamptz"):
            raise ValueError(f"formats are for dates and times, not for {self.type}")
        for pattern in self.formats:
            if fault := date_formats.find_fault(pattern, needs="HH" if self.type == "time" else "yyyy"):
                raise ValueError(fault)
        if (self.decimal or self.thousands) and self.type not in ("integer", "bigint", "numeric"):
            raise ValueError(f"decimal and thousands marks are for numbers, not for {self.type}")
        if self.scale is not None and self.type != "numeric":
            raise ValueError(f"scale is for numeric, not for {self.type}")
        if self.fill and (self.type not in ("timestamp", "timestamptz") or self.from_column or self.default):
            raise ValueError("fill is for a timestamp or timestamptz, without from and default")
        if self.decimal and self.decimal == self.thousands:
            raise ValueError("decimal and thousands marks are the same")
        return self


class RowCheck(Strict):
    """An equation over the columns of a row, such as total_cost = price * quantity."""

    equation: str
    tolerance: float = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"equation": value} if isinstance(value, str) else value
