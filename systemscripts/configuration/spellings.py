"""How a client writes numbers, dates and booleans: keys of a column, and of `reading` for all columns of an import."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from systemscripts.configuration.strict_model import Strict
from systemscripts.dates import calendar_names

# what a number contains besides its marks and its unit
_SIGNS = "+\u2212()%"
# longer ones than US$, EUR, Sw.Fr. or reais are sentences
MAX_CURRENCY_CHARACTERS = 12


class Spellings(Strict):
    """What is declared about the spelling of values; what is not declared is not accepted."""

    # none: a point, or a comma where the thousands mark is a point
    decimal: str | None = Field(None, min_length=1, max_length=1)
    # a blank means every kind of blank, an apostrophe also the curved one
    thousands: str | None = Field(None, min_length=1, max_length=1)
    # signs and codes before or after a number
    currency: list[str] = []
    # besides a sign before the number: (45.00), and 45.00-
    negative: list[Literal["brackets", "after"]] = []
    # of the names in dates; none: en
    language: str | None = None
    # two-digit years from here on are of the 1900s
    pivot: int | None = Field(None, ge=0, le=100)
    # booleans: these words instead of the usual ones; "" is the empty field
    true_words: list[str] = Field([], alias="true")
    false_words: list[str] = Field([], alias="false")

    @field_validator("currency", "negative", "true_words", "false_words", mode="before")
    @classmethod
    def _convert_to_texts(cls, value: Any) -> Any:
        values = value if isinstance(value, list) else [value]
        return [_write_scalar(item) for item in values]

    @field_validator("decimal", "thousands")
    @classmethod
    def _is_mark(cls, value: str | None) -> str | None:
        if value is not None and (value.isalnum() or value in f"{_SIGNS}-\n"):
            raise ValueError("expected a mark such as , . or '")
        return value

    @field_validator("decimal")
    @classmethod
    def _is_not_blank(cls, value: str | None) -> str | None:
        if value is not None and value.isspace():
            raise ValueError("expected a mark such as , or .")
        return value

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, value: list[str]) -> list[str]:
        for text in value:
            has_number = re.search(rf"[\d{re.escape(_SIGNS)}\n-]", text) or text.lower() == "e"
            if has_number or not re.search(r"[^\s.,'\u2019]", text) or len(text) > MAX_CURRENCY_CHARACTERS:
                raise ValueError(f"expected signs or codes of currencies such as EUR or $, not {text!r}")
        return [text.strip() for text in value]

    @field_validator("language")
    @classmethod
    def _is_language(cls, value: str | None) -> str | None:
        if value is not None and not calendar_names.is_language(value):
            raise ValueError("expected the code of a language such as en, de or pt_BR")
        return value

    @model_validator(mode="after")
    def _check_spellings(self) -> Spellings:
        if self.decimal and self.decimal == self.thousands:
            raise ValueError("decimal and thousands marks are the same")
        true_words, false_words = (
            {word.strip().casefold() for word in words} for words in (self.true_words, self.false_words)
        )
        if both := true_words & false_words:
            raise ValueError(f"{', '.join(sorted(map(repr, both)))} cannot be both true and false")
        return self


def _write_scalar(value: Any) -> Any:
    """Return a number or boolean of YAML as the text that was written there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
