"""The declaration of a column: its type, its format in the file, and the checks of its values."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from systemscripts.configuration.spellings import Spellings
from systemscripts.configuration.strict_model import Strict
from systemscripts.dates import date_formats

ColumnType = Literal[
    "text", "integer", "bigint", "numeric", "boolean", "date", "time", "timestamp", "timestamptz", "text[]"
]
COLUMN_TYPES = get_args(ColumnType)
NUMBER_TYPES = ("integer", "bigint", "numeric")
DATE_TYPES = ("date", "time", "timestamp", "timestamptz")
MAX_SCALE = 18
# a scale below 10 leaves at least 8 digits before the point, enough for what clients send
MAX_DIGITS_IN_64_BITS, MAX_PARQUET_DIGITS = 18, 38
_TABLE_COLUMN = r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*"


class Checks(Strict):
    """Checks of a value besides its type."""

    email: bool = False
    regex: str | None = None
    # the regex in plain words, for the reason of a reject
    form: str = ""
    # lowest and highest value; null: no limit
    range: tuple[int | float | str | None, int | float | str | None] | None = None
    one_of: list[str] = []
    # schema.table.column that must contain the value
    lookup: str | None = Field(None, pattern=f"^{_TABLE_COLUMN}$")

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
    def _convert_to_text(cls, value: Any) -> Any:
        return [str(item) for item in value] if isinstance(value, list) else value


class Column(Spellings):
    """One declared column. In YAML also just its type: `order_id: integer`."""

    type: ColumnType = "text"
    # dates: dd/MM/yyyy HH:mm ..., tried in order; none: ISO 8601
    formats: list[str] = []
    # numbers: a percent sign may precede or follow; 12.5% is stored as 12.5
    percent: bool = False
    # replaces the null markers of the import
    null: list[str] | None = None
    # numeric: digits after the point; a value with more is rejected
    scale: int | None = Field(None, ge=0, le=MAX_SCALE)
    # numeric: as many of the last digits are decimals, and no mark is written: 0000012345 means 123.45 with 2
    implied_decimals: int = Field(0, ge=0, le=MAX_SCALE)
    # of the items of a text[]
    separator: str = ","
    required: bool = False
    default: str | None = None
    # another column, of which this one is a copy
    from_column: str | None = Field(None, alias="from", pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    # value in the file -> value to store; other values are stored unchanged
    values: dict[str, str] = {}
    # filled by the load itself; first_load_time does not change when a row is updated
    fill: Literal["load_time", "first_load_time"] | None = None
    rename: str | None = Field(None, pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    checks: Checks = Checks()
    # about a person: the console masks it for users whose groups may not see it
    personal: bool = False

    @property
    def max_digits(self) -> int:
        """Return how many digits a number with a scale may have: what fits 64 bits, or what Parquet readers accept."""
        return MAX_DIGITS_IN_64_BITS if self.scale is not None and self.scale < 10 else MAX_PARQUET_DIGITS

    @property
    def has_number_spelling(self) -> bool:
        """Return whether numbers of another spelling than the usual one are declared."""
        marks = self.decimal or self.thousands or self.implied_decimals
        return bool(marks or self.currency or self.negative or self.percent)

    def with_defaults(self, defaults: Spellings) -> Column:
        """Return the column with the spellings of its import that fit its type and contradict none of its own."""
        keys: list[str] = []
        if self.type in NUMBER_TYPES:
            keys = ["negative"]
            if not self.percent:
                keys.append("currency")
            if defaults.decimal != self.thousands and not self.implied_decimals:
                keys.append("decimal")
            if defaults.thousands != self.decimal and not self.implied_decimals:
                keys.append("thousands")
        elif self.type in DATE_TYPES:
            keys = ["language", "pivot"]
        elif self.type == "boolean" and not (self.true_words or self.false_words):
            keys = ["true_words", "false_words"]
        given = {key: getattr(defaults, key) for key in keys if getattr(self, key) in (None, [])}
        return self.model_copy(update=given)

    @model_validator(mode="before")
    @classmethod
    def _expand_short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("values", mode="before")
    @classmethod
    def _convert_values_to_text(cls, value: Any) -> Any:
        return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else value

    @field_validator("formats", mode="before")
    @classmethod
    def _convert_to_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_consistency(self) -> Column:
        self._check_dates()
        if self.type not in NUMBER_TYPES:
            if self.decimal or self.thousands:
                raise ValueError(f"decimal and thousands marks are for numbers, not for {self.type}")
            if self.currency or self.negative or self.percent:
                raise ValueError(f"currency, percent and negative are for numbers, not for {self.type}")
        if self.currency and self.percent:
            raise ValueError("currency and percent are not for the same number")
        if self.scale is not None and self.type != "numeric":
            raise ValueError(f"scale is for numeric, not for {self.type}")
        self._check_implied_decimals()
        if (self.true_words or self.false_words) and self.type != "boolean":
            raise ValueError(f"true and false are for boolean, not for {self.type}")
        if both := {*self.true_words, *self.false_words} & {*(self.null or ())}:
            raise ValueError(f"{', '.join(sorted(map(repr, both)))} cannot be no value and true or false")
        if self.fill and (self.type not in ("timestamp", "timestamptz") or self.from_column or self.default):
            raise ValueError("fill is for a timestamp or timestamptz, without from and default")
        return self

    def _check_implied_decimals(self) -> None:
        if self.implied_decimals and self.type != "numeric":
            raise ValueError(f"implied_decimals is for numeric, not for {self.type}")
        if self.implied_decimals and (self.decimal or self.thousands):
            raise ValueError(
                "implied_decimals is for numbers without marks: neither decimal nor thousands goes with it"
            )
        if self.scale is not None and self.scale < self.implied_decimals:
            raise ValueError("scale must be at least implied_decimals")

    def _check_dates(self) -> None:
        """Raise ValueError for formats that are not of the type, and for keys that no format uses."""
        if self.formats and self.type not in DATE_TYPES:
            raise ValueError(f"formats are for dates and times, not for {self.type}")
        needs = "HH" if self.type == "time" else "yyyy"
        for pattern in self.formats:
            if fault := date_formats.find_fault(pattern, needs, has_zone=self.type == "timestamptz"):
                raise ValueError(fault)
        if self.language and not any(map(date_formats.has_names, self.formats)):
            raise ValueError("language is for formats with names: MMM, EEE or a")
        if self.pivot is not None and not any("yy" in date_formats.split_format(text) for text in self.formats):
            raise ValueError("pivot is for formats with two-digit years: yy")


class RowCheck(Strict):
    """An equation between the columns of a row, such as total_cost = price * quantity."""

    equation: str
    tolerance: float = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _expand_short_form(cls, value: Any) -> Any:
        return {"equation": value} if isinstance(value, str) else value
