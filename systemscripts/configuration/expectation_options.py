"""What a configuration expects of values: how severe each rule of findings is, and figures that must be right."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from systemscripts.configuration.strict_model import Strict

Setting = Literal["hold", "warn", "inform", "off"]
Number = int | float | str
Interval = tuple[Number | None, Number | None]
Share = Annotated[float, Field(ge=0, le=1)]


class RuleSettings(Strict):
    """The rules of findings/rules by name, each of which may be set (docs/findings.md says what each compares)."""

    emptied: Setting | None = None
    share_empty: Setting | None = None
    newly_filled: Setting | None = None
    constant: Setting | None = None
    scale_moved: Setting | None = None
    figures_moved: Setting | None = None
    columns_exchanged: Setting | None = None
    dates_moved: Setting | None = None
    day_month_exchanged: Setting | None = None
    dates_to_come: Setting | None = None
    new_codes: Setting | None = None
    codes_respelled: Setting | None = None
    shares_flipped: Setting | None = None
    garbled: Setting | None = None
    lengths_cut: Setting | None = None
    keys_unknown: Setting | None = None
    rows_doubled: Setting | None = None
    key_not_unique: Setting | None = None
    few_rows: Setting | None = None
    total_row: Setting | None = None
    last_record: Setting | None = None
    label_near: Setting | None = None
    keys_of_other_label: Setting | None = None
    expectation: Setting | None = None


class ColumnExpectations(RuleSettings):
    """What one column must fulfil in every file, in addition to the settings of its rules."""

    unique: bool = False  # no value twice
    filled: Share | None = None  # at least this share of the rows has a value
    distinct: tuple[int | None, int | None] | None = None  # number of different values: lowest, highest
    accepted: list[str] = []  # the only values that may occur
    # limits of the smallest value, the largest value and the sum
    min: Interval | None = None
    max: Interval | None = None
    sum: Interval | None = None
    references: str | None = Field(None, pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")


class Expectations(RuleSettings):
    """`expect:` of an import: settings of rules for all columns, for single ones, and the number of rows."""

    rows: tuple[int | None, int | None] | None = None
    # columns in which an empty value is worth a warning
    filled: list[str] = []
    columns: dict[str, ColumnExpectations] = {}

    def get_severity(self, rule: str, column: str | None) -> Setting | None:
        """Return what is set for a rule, for the column or else the import; None where nothing is."""
        own = self.columns.get(column) if column else None
        setting: Setting | None = getattr(own, rule, None) or getattr(self, rule, None)
        return setting
