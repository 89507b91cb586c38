"""Judge how other readers read files with known content. Run as a program, by a Python that has these readers:

    PYTHON bench/peer_readers.py QUESTION.json     prints the results as JSON

It imports nothing of this project and leaves out readers that are not installed. Typed values are right if they mean
the same, such as 12.0 for 12 and a date for its ISO text, but not a null for a text or 123 for 00123.
"""

from __future__ import annotations

import csv
import importlib
import importlib.metadata
import json
import sys
import warnings
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

ColumnsAndRows = tuple[list[str], list[list[Any]]]
PANDAS, DUCKDB, POLARS = "pandas", "duckdb", "polars"


def make_pandas_reader(method: str, **options: Any) -> Callable[[str], ColumnsAndRows]:
    """Return a reader that calls a method of pandas, and takes the first of several tables."""

    def read_file(path: str) -> ColumnsAndRows:
        frame = getattr(importlib.import_module(PANDAS), method)(path, **options)
        frame = frame[0] if isinstance(frame, list) else frame
        return [str(name) for name in frame.columns], frame.astype(object).where(frame.notna(), None).values.tolist()

    return read_file


def make_duckdb_reader(call: str) -> Callable[[str], ColumnsAndRows]:
    """Return a reader that calls a table function of DuckDB."""

    def read_file(path: str) -> ColumnsAndRows:
        relation = importlib.import_module(DUCKDB).sql(f"from {call.format(repr(path))}")
        return relation.columns, [list(row) for row in relation.fetchall()]

    return read_file


def make_polars_reader(**options: Any) -> Callable[[str], ColumnsAndRows]:
    """Return a reader that calls polars."""

    def read_file(path: str) -> ColumnsAndRows:
        frame = importlib.import_module(POLARS).read_csv(path, **options)
        return frame.columns, [list(row) for row in frame.rows()]

    return read_file


def read_by_sniffer(path: str) -> ColumnsAndRows:
    """Read with csv.reader and the dialect of csv.Sniffer. The first row is the header."""
    text = Path(path).read_bytes().decode("utf-8-sig")
    rows = [row for row in csv.reader(text.splitlines(keepends=True), csv.Sniffer().sniff(text)) if row]
    return rows[0], [list(row) for row in rows[1:]]


# format -> name -> required module and reader: with default options, and without guessing types if there is an option
READERS: dict[str, dict[str, tuple[str, Callable[[str], ColumnsAndRows]]]] = {
    "csv": {
        "pandas.read_csv": (PANDAS, make_pandas_reader("read_csv")),
        "pandas.read_csv, sep=None, all text": (
            PANDAS,
            make_pandas_reader("read_csv", sep=None, engine="python", dtype=str, keep_default_na=False),
        ),
        "csv.Sniffer": ("csv", read_by_sniffer),
        "duckdb read_csv": (DUCKDB, make_duckdb_reader("read_csv({})")),
        "duckdb read_csv, all_varchar": (DUCKDB, make_duckdb_reader("read_csv({}, all_varchar = true)")),
        "polars.read_csv": (POLARS, make_polars_reader()),
        "polars.read_csv, all text": (POLARS, make_polars_reader(infer_schema=False)),
    },
    "xlsx": {
        "pandas.read_excel, all text": (PANDAS, make_pandas_reader("read_excel", dtype=str, keep_default_na=False))
    },
    "html": {"pandas.read_html, first row": (PANDAS, make_pandas_reader("read_html", header=0, keep_default_na=False))},
    "json": {
        "pandas.read_json, all text": (PANDAS, make_pandas_reader("read_json", dtype=False, convert_dates=False)),
        "duckdb read_json": (DUCKDB, make_duckdb_reader("read_json({})")),
    },
}


def format_value(value: Any) -> str:
    """Return a typed value as text: dates in ISO 8601, booleans as true and false, whole numbers without a point."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def is_same(value: Any, expected: str) -> bool:
    """Return whether a value means this text."""
    if isinstance(value, bool):
        return expected.lower() in (("true", "yes") if value else ("false", "no"))
    text = format_value(value)
    if text == expected or isinstance(value, str):
        return text == expected
    if isinstance(value, datetime):
        return text.removesuffix(" 00:00:00") == expected
    if isinstance(value, time):
        return text == f"{expected}:00"
    # Only numbers are left: 2.50 is 2.5, but 0123 is not 123.
    try:
        return float(value) == float(expected) and not (expected[0] == "0" and expected[1:2].isdigit())
    except (TypeError, ValueError):
        return False


def judge_file(read: Callable[[str], ColumnsAndRows], path: str, columns: list[str], rows: list[list[str]]) -> str:
    """Return right, reported (wrong with a warning), silent (wrong) or refused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            names, records = read(path)
        # Each library has its own exceptions.
        except Exception:
            return "refused"
    is_right = len(names) == len(columns) and len(records) == len(rows)
    is_right = is_right and all(name == column or not column for name, column in zip(names, columns, strict=False))
    is_right = is_right and all(
        len(record) == len(row) and all(map(is_same, record, row)) for record, row in zip(records, rows, strict=False)
    )
    if is_right:
        return "right"
    return "reported" if any(not _is_for_programmers(warning) for warning in caught) else "silent"


def _is_for_programmers(warning: warnings.WarningMessage) -> bool:
    """Return whether a warning is about the call of the library, not about the file."""
    return issubclass(warning.category, (DeprecationWarning, FutureWarning, PendingDeprecationWarning, ResourceWarning))


def judge_encodings(files: list[tuple[str, str]]) -> dict[str, list[bool]]:
    """Return library -> whether it decodes each text right."""
    guesses: dict[str, Callable[[bytes], str]] = {}
    if module := _import_module("charset_normalizer"):
        guesses["charset-normalizer"] = lambda content: str(module.from_bytes(content).best())
    if other := _import_module("chardet"):
        guesses["chardet"] = lambda content: content.decode(other.detect(content)["encoding"] or "ascii", "replace")
    return {name: [_is_decoded(guess, *file) for file in files] for name, guess in guesses.items()}


def _is_decoded(guess: Callable[[bytes], str], path: str, text: str) -> bool:
    try:
        return guess(Path(path).read_bytes()) == text
    # Each library has its own exceptions.
    except Exception:
        return False


def read_cells_by_calamine(path: str, sheet: str | int) -> list[list[Any]]:
    """Return the rows of a sheet. 0 is the sheet that a program gets without naming one."""
    book = importlib.import_module("python_calamine").CalamineWorkbook.from_path(path)
    return list((book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)).to_python())


def read_cells_by_openpyxl(path: str, sheet: str | int) -> list[list[Any]]:
    """Return the rows of a sheet, with the stored values of formulas. 0 is the active sheet."""
    book = importlib.import_module("openpyxl").load_workbook(path, data_only=True)
    return [list(row) for row in (book[sheet] if sheet else book.active).values]


def read_cells_by_pandas(path: str, sheet: str | int) -> list[list[Any]]:
    """Return the rows of a sheet. 0 is also the default."""
    frame = importlib.import_module(PANDAS).read_excel(path, sheet_name=sheet, header=None)
    return list(frame.astype(object).where(frame.notna(), None).values.tolist())


CELLS = {
    "calamine": ("python_calamine", read_cells_by_calamine),
    "openpyxl": ("openpyxl", read_cells_by_openpyxl),
    "pandas": (PANDAS, read_cells_by_pandas),
}


def read_cells(path: str) -> dict[str, dict[str, str]]:
    """Return for each reader: number of the case -> text of its value, and the sheet that it reads by default."""
    by_reader: dict[str, dict[str, str]] = {}
    for name, (module, read) in CELLS.items():
        if _import_module(module):
            cells = read(path, "Cells")
            by_reader[name] = {format_value(row[0]): format_value(row[2]) for row in cells}
            by_reader[name]["sheet"] = "Cells" if read(path, 0) == cells else "Hidden"
    return by_reader


def _import_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _find_version(module: str) -> str:
    if module in sys.stdlib_module_names:
        return sys.version.split()[0]
    return importlib.metadata.version(module.replace("_", "-"))


def answer_question(question: dict[str, Any]) -> dict[str, Any]:
    """Answer a question with `tables` (path, format, columns, rows), `texts` (path, text) and `books` (paths)."""
    warnings.simplefilter("ignore")
    modules = {module for readers in READERS.values() for module, _ in readers.values()}
    modules |= {module for module, _ in CELLS.values()} | {"charset_normalizer", "chardet"}
    here = {module for module in sorted(modules) if _import_module(module)}
    judged: dict[str, dict[str, list[str]]] = {}
    for form, readers in READERS.items():
        files = [(path, columns, rows) for path, is_form, columns, rows in question["tables"] if is_form == form]
        judged[form] = {
            name: [judge_file(read, *file) for file in files]
            for name, (module, read) in readers.items()
            if module in here
        }
    return {
        "versions": {module.replace("_", "-"): _find_version(module) for module in sorted(here)},
        "missing": sorted(modules - here),
        "tables": judged,
        "encodings": judge_encodings(question["texts"]),
        "books": [read_cells(path) for path in question["books"]],
    }


if __name__ == "__main__":
    json.dump(answer_question(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), sys.stdout)
