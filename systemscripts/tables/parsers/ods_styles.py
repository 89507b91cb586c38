"""What the cell styles of an ODS file show: dates, moments, durations, leading zeros (OpenDocument 1.3, 16.29)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from systemscripts.tables.parsers.office_package import local

DAYS, CLOCKS = (
    {"year", "month", "day", "day-of-week", "quarter", "week-of-year", "era"},
    {"hours", "minutes", "seconds"},
)


@dataclass
class Styles:
    """`kinds`: cell style -> date, time, moment, duration or the zeros of a padded number; `hidden`: table styles."""

    kinds: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    _shown: dict[str, str] = field(default_factory=dict)  # data style -> kind

    def read(self, styles: Iterable[ElementTree.Element]) -> None:
        """Take up styles; those that others name as their parent come first."""
        for style in styles:
            name, tag = _get(style, "name"), local(style.tag)
            if tag in ("date-style", "time-style", "number-style"):
                self._shown[name] = _shown(tag, style)
            elif tag == "style" and _get(style, "family") == "table":
                if any(_get(part, "display") == "false" for part in style):
                    self.hidden.add(name)
            elif tag == "style" and _get(style, "family") == "table-cell":
                own = self._shown.get(_get(style, "data-style-name"))
                self.kinds[name] = self.kinds.get(_get(style, "parent-style-name"), "") if own is None else own


def _shown(tag: str, style: ElementTree.Element) -> str:
    parts = {local(part.tag) for part in style}
    if tag == "number-style":
        number = next((part for part in style if local(part.tag) == "number"), None)
        digits = _get(number, "min-integer-digits") if number is not None else ""
        whole = number is not None and _get(number, "decimal-places") in ("", "0")
        alone = all(local(part.tag) in ("number", "text-properties") for part in style)
        return "0" * int(digits) if whole and alone and digits.isdecimal() and 1 < int(digits) < 100 else ""
    if tag == "time-style":
        return "duration" if _get(style, "truncate-on-overflow") == "false" else "time"
    return "moment" if parts & DAYS and parts & CLOCKS else "time" if parts & CLOCKS else "date"


def _get(element: ElementTree.Element, name: str) -> str:
    return next((value for key, value in element.items() if local(key) == name), "")
