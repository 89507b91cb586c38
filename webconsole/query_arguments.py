"""Parse the query arguments of an address, for page and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from werkzeug.exceptions import UnprocessableEntity

from webconsole import display
from webconsole.queries.tables import Filter, TableQuery

MAX_FILTERS = 8
# rows of one page of a list as JSON
MAX_LIMIT = 1000
# of a number in an address; below the limit of an integer column
MAX_INTEGER = 2_000_000_000


def parse_table_query(
    arguments: Mapping[str, str],
    max_cell_letters: int | None = None,
    max_columns: int | None = None,
    *,
    is_for_people: bool = False,
) -> TableQuery:
    """Return what an address asks for: sort, order, column1, operator1, value1 and so on, rows, dataset, after.

    Also columns (names with commas between them), day, before and from_column. `is_for_people`: without the columns
    that the suite adds to rows.
    """
    filters = []
    for number in range(1, MAX_FILTERS + 1):
        column, operator = arguments.get(f"column{number}", ""), arguments.get(f"operator{number}", "contains")
        value = arguments.get(f"value{number}", "")
        if column and (value or operator in ("empty", "filled")):
            filters.append(Filter(column, operator, value))
    zone = display.find_reader_zone()
    return TableQuery(
        sort=arguments.get("sort", ""),
        descending=arguments.get("order", "") == "desc",
        filters=tuple(filters),
        history=arguments.get("rows", "") == "all",
        dataset_id=parse_number(arguments, "dataset"),
        after=arguments.get("after") or None,
        zone=zone.key if zone else "UTC",
        max_cell_letters=max_cell_letters,
        first_column=max((parse_number(arguments, "from_column") or 1) - 1, 0),
        max_columns=max_columns,
        before=arguments.get("before") or None,
        columns=tuple(name for part in arguments.get("columns", "").split(",") if (name := part.strip())),
        day=parse_day(arguments, "day"),
        is_for_people=is_for_people,
    )


def parse_day(arguments: Mapping[str, str], name: str) -> date | None:
    """Return a day (ISO 8601) from an address, None if it is not given; answer 422 if it is not a day."""
    text = arguments.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UnprocessableEntity(f"{name} is not a date such as 2026-01-31: {text[:40]!r}") from error


def parse_number(arguments: Mapping[str, str], name: str) -> int | None:
    """Return a number from an address, None if it is not given; answer 422 if it is not a number from 0 on."""
    text = arguments.get(name, "")
    if not text:
        return None
    # ASCII and short: int() accepts the digits of every script, and fails above some thousands of them
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= MAX_INTEGER):
        raise UnprocessableEntity(f"{name} is not a valid number: {text[:40]!r}")
    return int(text)


def parse_limit(arguments: Mapping[str, str], default: int) -> int:
    """Return how many rows a page of a list may have; answer 422 if it is not a number from 1 to MAX_LIMIT."""
    limit = parse_number(arguments, "limit")
    if limit is None:
        return default
    if not 1 <= limit <= MAX_LIMIT:
        raise UnprocessableEntity(f"limit is not from 1 to {MAX_LIMIT}: {limit}")
    return limit
