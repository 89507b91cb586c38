"""Classifies the cell styles of an ODS file: dates, times, durations, leading zeros (OpenDocument 1.3, 16.29)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from systemscripts.tables.parsers.office_package import get_local_name

DAYS, CLOCKS = (
    {"year", "month", "day", "day-of-week", "quarter", "week-of-year", "era"},
    {"hours", "minutes", "seconds"},
)


@dataclass
class Styles:
    """The styles by name.

    `types`: cell style -> date, time, moment, duration, or the zeros of a padded number.
    `hidden`: table styles of hidden sheets.
    """

    types: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    # data style -> type
    _shown: dict[str, str] = field(default_factory=dict)

    def add(self, styles: Iterable[ElementTree.Element]) -> None:
        """Add styles; parents must come before the styles that name them."""
        for style in styles:
            name, tag = _get_attribute(style, "name"), get_local_name(style.tag)
            if tag in ("date-style", "time-style", "number-style"):
                self._shown[name] = _classify_style(tag, style)
            elif tag == "style" and _get_attribute(style, "family") == "table":
                if any(_get_attribute(part, "display") == "false" for part in style):
                    self.hidden.add(name)
            elif tag == "style" and _get_attribute(style, "family") == "table-cell":
                own = self._shown.get(_get_attribute(style, "data-style-name"))
                self.types[name] = (
                    self.types.get(_get_attribute(style, "parent-style-name"), "") if own is None else own
                )


def _classify_style(tag: str, style: ElementTree.Element) -> str:
    parts = {get_local_name(part.tag) for part in style}
    if tag == "number-style":
        number = next((part for part in style if get_local_name(part.tag) == "number"), None)
        digits = _get_attribute(number, "min-integer-digits") if number is not None else ""
        whole = number is not None and _get_attribute(number, "decimal-places") in ("", "0")
        alone = all(get_local_name(part.tag) in ("number", "text-properties") for part in style)
        return "0" * int(digits) if whole and alone and digits.isdecimal() and 1 < int(digits) < 100 else ""
    if tag == "time-style":
        return "duration" if _get_attribute(style, "truncate-on-overflow") == "false" else "time"
    return "moment" if parts & DAYS and parts & CLOCKS else "time" if parts & CLOCKS else "date"


def _get_attribute(element: ElementTree.Element, name: str) -> str:
    return next((value for key, value in element.items() if get_local_name(key) == name), "")
