"""What an address asks of a table, for page and JSON."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.exceptions import UnprocessableEntity

from webconsole import display
from webconsole.queries.tables import Filter, Wanted

MOST_FILTERS = 8
MOST = 2_000_000_000  # of an integer column


def wanted_from(arguments: Mapping[str, str], longest: int | None = None, most_columns: int | None = None) -> Wanted:
    """What an address asks for: sort, order, column1, operator1, value1 and so on, rows, dataset, after."""
    found = []
    for number in range(1, MOST_FILTERS + 1):
        column, operator = arguments.get(f"column{number}", ""), arguments.get(f"operator{number}", "contains")
        value = arguments.get(f"value{number}", "")
        if column and (value or operator in ("empty", "filled")):
            found.append(Filter(column, operator, value))
    zone = display.reader_zone()
    return Wanted(
        sort=arguments.get("sort", ""),
        descending=arguments.get("order", "") == "desc",
        filters=tuple(found),
        history=arguments.get("rows", "") == "all",
        dataset_id=number_from(arguments, "dataset"),
        after=arguments.get("after") or None,
        zone=zone.key if zone else "UTC",
        longest=longest,
        first_column=max((number_from(arguments, "from_column") or 1) - 1, 0),
        most_columns=most_columns,
    )


def number_from(arguments: Mapping[str, str], name: str) -> int | None:
    """A number of an address, None where there is none; 422 for what is no number of a row here."""
    text = arguments.get(name, "")
    if not text:
        return None
    # ASCII and short: int() takes the digits of every script, and no more than some thousands of them
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= MOST):
        raise UnprocessableEntity(f"{name} is no number of what is kept here: {text[:40]!r}")
    return int(text)
