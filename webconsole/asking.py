"""What an address asks of a table, for page and JSON."""

from __future__ import annotations

from collections.abc import Mapping

from webconsole import display
from webconsole.reading.tables import Filter, Wanted

MOST_FILTERS = 8


def wanted_from(arguments: Mapping[str, str], longest: int | None = None) -> Wanted:
    """What an address asks for: sort, order, column1, operator1, value1 and so on, rows, dataset, after."""
    found = []
    for number in range(1, MOST_FILTERS + 1):
        column, operator = arguments.get(f"column{number}", ""), arguments.get(f"operator{number}", "contains")
        value = arguments.get(f"value{number}", "")
        if column and (value or operator in ("empty", "filled")):
            found.append(Filter(column, operator, value))
    dataset = arguments.get("dataset", "")
    zone = display.reader_zone()
    return Wanted(
        sort=arguments.get("sort", ""),
        descending=arguments.get("order", "") == "desc",
        filters=tuple(found),
        history=arguments.get("rows", "") == "all",
        dataset_id=int(dataset) if dataset.isdecimal() and len(dataset) < 10 else None,
        after=arguments.get("after") or None,
        zone=zone.key if zone else "UTC",
        longest=longest,
    )
