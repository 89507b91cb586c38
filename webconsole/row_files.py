"""Turn the rows of a view into those of a file: values in their types, then the list, date, file and line of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import chain, islice
from typing import Any

from webconsole import connections
from webconsole.queries import origins, relations
from webconsole.queries.origins import Origin
from webconsole.queries.table_views import TableView

# whose origins are looked up together
BLOCK_ROWS = 2000
Row = Sequence[Any]


def make_table(view: TableView, rows: Iterator[Row], is_typed: bool) -> tuple[list[str], Iterator[Row]]:
    """Return the header and the rows of a file; `rows`: as `tables.select_everything` has them, of texts.

    `is_typed`: numbers, dates and times as such; otherwise they stay texts.
    """
    columns = view.file_columns
    header = [column.name for column in columns]
    if not view.has_origin:
        return header, _convert_types(rows, columns) if is_typed else rows
    known: dict[str, Origin] = {}
    first = list(islice(rows, BLOCK_ROWS))
    _look_up(first, known)
    has_list, has_date = any(item.label for item in known.values()), any(item.date for item in known.values())
    names = [*(["list"] if has_list else []), *(["date"] if has_date else []), "file", "line"]
    converters = [_find_converter(column.type) if is_typed and not column.is_masked else None for column in columns]

    def add_origins() -> Iterator[Row]:
        blocks = chain([first], iter(lambda: list(islice(rows, BLOCK_ROWS)), []))
        for block in blocks:
            _look_up(block, known)
            for *cells, number, line in block:
                origin = known.get(str(number))
                values = {"list": origin.list_name, "date": origin.date, "file": origin.file_name} if origin else {}
                yield [*_convert_row(cells, converters), *(values.get(name) for name in names[:-1]), line]

    # a column of the file that has such a name keeps it
    return [*header, *(name if name not in header else f"{name} (source)" for name in names)], add_origins()


def _look_up(block: list[Row], known: dict[str, Origin]) -> None:
    missing = {str(row[-2]) for row in block} - known.keys()
    if missing:
        with connections.read_as_etl() as cursor:
            known |= origins.find_origins(cursor, missing)


def _convert_types(rows: Iterator[Row], columns: Sequence[relations.Column]) -> Iterator[Row]:
    """Yield the rows with their texts converted to the types of their columns."""
    converters = [None if column.is_masked else _find_converter(column.type) for column in columns]
    return (_convert_row(row, converters) for row in rows)


def _convert_row(row: Row, converters: list[Callable[[str], Any] | None]) -> list[Any]:
    return [
        cell if convert is None or cell is None else convert(cell)
        for cell, convert in zip(row, converters, strict=True)
    ]  # fmt: skip


def _find_converter(type_name: str) -> Callable[[str], Any] | None:
    base = type_name.partition("(")[0]
    convert: Callable[[str], Any]
    if base in relations.NUMBER_TYPES:
        convert = Decimal
    elif base == "date":
        convert = date.fromisoformat
    elif base.startswith("timestamp"):
        convert = datetime.fromisoformat
    else:
        return None

    def convert_cell(text: str) -> Any:
        try:
            return convert(text)
        except (ValueError, InvalidOperation):
            # infinity or a year before Christ stays text
            return text

    return convert_cell
