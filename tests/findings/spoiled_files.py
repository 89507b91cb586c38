"""Files that are wrong as a whole: their header, their kind, their name, what else is in them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date, timedelta

import openpyxl

from tests.findings.weekly_series import KEY_OF, Row, Series, write_csv

# file names and contents, in the order in which they come
Files = dict[str, bytes]
Spoil = Callable[[list[Row], Series, date], Files]
WHOLE = ("snapshot",)
LOGIN_PAGE = b"<!DOCTYPE html><html><body><form action='/login'>User <input name='user'></form></body></html>\n"


def name_file(day: date, ending: str = ".csv") -> str:
    """Return the name of the file of a day."""
    return f"feed_{day:%Y%m%d}{ending}"


def _rename(old: str, new: str) -> Callable[[list[Row]], bytes]:
    return lambda rows: write_csv([{new if name == old else name: row[name] for name in row} for row in rows])


def _split_names(rows: list[Row]) -> dict[str, str]:
    """Return for each kind of change one column of the feed."""
    if "order_no" in rows[0]:
        return {"renamed": "customer", "translated": "city", "missing": "net", "numbers": "net gross"}
    return {"renamed": "last_name", "translated": "street", "missing": "balance", "numbers": "balance"}


NEW_NAMES = {
    "customer": "client full name",
    "city": "Ort",
    "last_name": "family name",
    "street": "Anschrift",
}


def _flip_decimals(rows: list[Row], delimiter: str) -> bytes:
    numbers = _split_names(rows)["numbers"].split()
    flipped = [{**row, **{name: row[name].replace(".", ",") for name in numbers}} for row in rows]
    return write_csv(flipped, delimiter=delimiter)


def _put_before(line: str, rows: list[Row]) -> bytes:
    return line.encode() + b"\n" + write_csv(rows)


def _put_units(rows: list[Row], series: Series) -> bytes:
    units = {"numeric": "EUR", "integer": "pcs", "date": "yyyy-mm-dd"}
    return write_csv([{name: units.get(series.types[name], "") for name in rows[0]}, *rows])


def write_workbook(**sheets: list[Row]) -> bytes:
    """Return a workbook with a sheet of the rows of each name."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append(list(rows[0]))
        for row in rows:
            sheet.append(list(row.values()))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _write_formulas(rows: list[Row]) -> bytes:
    numbers = _split_names(rows)["numbers"].split()
    return write_workbook(data=[{**row, **{name: f"={row[name]}*1" for name in numbers}} for row in rows])


def _make_other(series: Series) -> bytes:
    other = Series(series.seed, next(feed for feed in KEY_OF if feed != series.feed), 1)
    return write_csv(next(iter(other.list_weeks()))[1])


def list_spoiled() -> dict[str, tuple[Spoil, tuple[str, ...]]]:
    """Return each way in which a file is wrong as a whole, and the load modes in which it is; none: in all."""

    def one(make: Callable[[list[Row], Series], bytes], ending: str = ".csv") -> Spoil:
        return lambda rows, series, day: {name_file(day, ending): make(rows, series)}

    def is_renamed(kind: str) -> Spoil:
        return one(lambda rows, _: _rename(_split_names(rows)[kind], NEW_NAMES[_split_names(rows)[kind]])(rows))

    def drop(rows: list[Row], _: Series) -> bytes:
        missing = _split_names(rows)["missing"]
        return write_csv([{name: row[name] for name in row if name != missing} for row in rows])

    def add_group_row(rows: list[Row], _: Series) -> bytes:
        return _put_before(",Person,,Contract" + "," * (len(rows[0]) - 4), rows)

    def split(rows: list[Row], _: Series, day: date) -> Files:
        half = len(rows) // 2
        return {
            name_file(day, "_1.csv"): write_csv(rows[:half]),
            name_file(day, "_2.csv"): write_csv(rows[half:]),
        }

    def put_last_week_first(rows: list[Row], series: Series, day: date) -> Files:
        before = next(week_rows for week, week_rows in series.list_weeks() if week == day - timedelta(days=7))
        return {name_file(day, ".xlsx"): write_workbook(before=before, now=rows)}

    error = json.dumps({"error": {"code": 500, "message": "report failed"}}).encode()
    return {
        "header renamed": (is_renamed("renamed"), ()),
        "header translated": (is_renamed("translated"), ()),
        "column missing": (one(drop), ()),
        "group row": (one(add_group_row), ()),
        "units row": (one(_put_units), ()),
        "decimal mark flipped": (one(lambda rows, _: _flip_decimals(rows, ";")), ()),
        "decimal mark flipped and quoted": (one(lambda rows, _: _flip_decimals(rows, ",")), ()),
        "file of 2062": (lambda rows, _, day: {name_file(day.replace(year=2062)): write_csv(rows)}, ()),
        "empty": (one(lambda *_: b""), ()),
        "header only": (one(lambda rows, _: write_csv(rows[:1]).splitlines()[0] + b"\n"), ()),
        "no data": (one(lambda *_: b"no data\n"), ()),
        "login page": (one(lambda *_: LOGIN_PAGE), ()),
        "XML": (one(lambda *_: b"<?xml version='1.0'?><rows><row><id>1</id></row></rows>\n"), ()),
        "error in JSON": (one(lambda *_: error), ()),
        "file of another client": (one(lambda _, series: _make_other(series)), ()),
        "two parts on one day": (split, WHOLE),
        "sheet of last week first": (put_last_week_first, ()),
        "formulas without values": (one(lambda rows, _: _write_formulas(rows), ".xlsx"), ()),
    }
