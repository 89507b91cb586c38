"""Where the records of a file are, for layouts that its content does not tell: keys of `reading`."""

from __future__ import annotations

import itertools
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from systemscripts.configuration.spellings import Spellings
from systemscripts.configuration.strict_model import Strict

COLUMN = r"[a-z_][a-z0-9_]{0,62}"
STEP = r"[^/\s.][^/]*"
FIELD_PATH = rf"^(?:\.\./)*{STEP}(?:/{STEP})*$"
# letters of a line from 1, both included; without an end: to the end of the line
_SPAN = re.compile(r"([1-9][0-9]*)(?:(-)([1-9][0-9]*)?)?")


def parse_span(text: str) -> tuple[int, int | None]:
    """Return where a column begins (from 0) and ends; None: at the end of the line. Raises ValueError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError("expected the first and last letter of a line, such as 1-8, 9 or 29-")
    first = int(match[1])
    last = int(match[3]) if match[3] else None if match[2] else first
    if last is not None and last < first:
        raise ValueError(f"{text} ends before it begins")
    return first - 1, last


def _check_span(text: str) -> str:
    parse_span(text)
    return text


Span = Annotated[str, AfterValidator(_check_span)]


class RecordTypes(Strict):
    """The texts that the records of a file begin with, where their first field says what they are."""

    # of the first record, which is not data
    header: str = ""
    # of the last record, which is not data; a file without it is truncated
    trailer: str = ""
    # of the records that are data; without it all others are
    rows: str = ""
    # of the records that are left out and counted as skipped; any other text refuses the file
    skip: list[str] = []

    @model_validator(mode="after")
    def _needs_rows(self) -> RecordTypes:
        if self.skip and not self.rows:
            raise ValueError("skip needs rows, the text that the records with data begin with")
        return self


class Unpivot(Strict):
    """Columns that become rows, such as one for each month."""

    # headers, or ranges of them in the order of the file: Jan..Dec
    columns: list[Annotated[str, Field(min_length=1)]] = []
    # the column with their headers
    name: str = "name"
    # the column with their values
    value: str = "value"

    @field_validator("columns", mode="before")
    @classmethod
    def _convert_to_list(cls, value: Any) -> Any:
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]


class FileLayout(Spellings):
    """The keys of `reading` that say where columns and records are."""

    # column -> letters of the line
    fixed_width: dict[Annotated[str, Field(pattern=rf"^{COLUMN}$")], Span] = {}
    record_types: RecordTypes = RecordTypes()

    # of JSON or XML: the path to the records, such as orders/lines
    records: str = Field("", pattern=rf"^(?:/?{STEP}(?:/{STEP})*)?$")
    # column -> path from the record, such as address/city, or ../id in the object around it
    fields: dict[Annotated[str, Field(pattern=rf"^{COLUMN}$")], Annotated[str, Field(pattern=FIELD_PATH)]] = {}

    # one of several tables of a sheet: its cells, such as B4:F30 or B4:F, or the title above it (with *)
    region: str = Field("", pattern=r"^(?:[A-Z]{1,3}[1-9][0-9]{0,6}:[A-Z]{1,3}(?:[1-9][0-9]{0,6})?)?$")
    title: str = ""
    unpivot: Unpivot = Unpivot()

    @field_validator("fixed_width", mode="before")
    @classmethod
    def _convert_numbers_to_texts(cls, value: Any) -> Any:
        return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else value

    @field_validator("fixed_width")
    @classmethod
    def _check_overlaps(cls, value: dict[str, str]) -> dict[str, str]:
        spans = sorted(((*parse_span(text), column) for column, text in value.items()), key=lambda span: span[0])
        for (_, end, column), (start, _, following) in itertools.pairwise(spans):
            if end is None or end > start:
                raise ValueError(f"{column} and {following} overlap")
        return value

    @model_validator(mode="after")
    def _check_area(self) -> FileLayout:
        if self.region and self.title:
            raise ValueError("give either region or title")
        return self

    @model_validator(mode="after")
    def _check_fields(self) -> FileLayout:
        if self.fields and not self.records:
            raise ValueError("fields needs records, the path that they start from")
        return self

    @model_validator(mode="after")
    def _check_first_column(self) -> FileLayout:
        spans = [parse_span(text) for text in self.fixed_width.values()]
        if self.record_types.rows and spans and min(spans)[0] > 0:
            raise ValueError("record_types: rows needs a column of fixed_width that begins with letter 1")
        return self
