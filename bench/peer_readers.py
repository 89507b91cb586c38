"""What other readers make of files whose meaning is known. Run as a program of its own, by a Python that has them:

    PYTHON bench/peer_readers.py QUESTION.json     prints what was found as JSON

It imports nothing of this project, and leaves out whom it cannot import. Values may come typed: 12.0 for 12 and a date
for its ISO text are right; a null for a text and 123 for 00123 are not.
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

Found = tuple[list[str], list[list[Any]]]
PANDAS, DUCKDB, POLARS = "pandas", "duckdb", "polars"


def by_pandas(method: str, **options: Any) -> Callable[[str], Found]:
    """Read by a method of pandas; of several tables the first."""

    def read(path: str) -> Found:
        frame = getattr(importlib.import_module(PANDAS), method)(path, **options)
        frame = frame[0] if isinstance(frame, list) else frame
        return [str(name) for name in frame.columns], frame.astype(object).where(frame.notna(), None).values.tolist()

    return read


def by_duckdb(call: str) -> Callable[[str], Found]:
    """Read by a table function of DuckDB."""

    def read(path: str) -> Found:
        relation = importlib.import_module(DUCKDB).sql(f"from {call.format(repr(path))}")
        return relation.columns, [list(row) for row in relation.fetchall()]

    return read


def by_polars(**options: Any) -> Callable[[str], Found]:
    """Read by polars."""

    def read(path: str) -> Found:
        frame = importlib.import_module(POLARS).read_csv(path, **options)
        return frame.columns, [list(row) for row in frame.rows()]

    return read


def by_sniffer(path: str) -> Found:
    """Read by csv.reader as csv.Sniffer says; the first row is the header."""
    text = Path(path).read_bytes().decode("utf-8-sig")
    rows = [row for row in csv.reader(text.splitlines(keepends=True), csv.Sniffer().sniff(text)) if row]
    return rows[0], [list(row) for row in rows[1:]]


# form -> name -> module that it needs and how it reads: as it comes, and, where it has that, told to guess no types
READERS: dict[str, dict[str, tuple[str, Callable[[str], Found]]]] = {
    "csv": {
        "pandas.read_csv": (PANDAS, by_pandas("read_csv")),
        "pandas.read_csv, sep=None, all text": (
            PANDAS,
            by_pandas("read_csv", sep=None, engine="python", dtype=str, keep_default_na=False),
        ),
        "csv.Sniffer": ("csv", by_sniffer),
        "duckdb read_csv": (DUCKDB, by_duckdb("read_csv({})")),
        "duckdb read_csv, all_varchar": (DUCKDB, by_duckdb("read_csv({}, all_varchar = true)")),
        "polars.read_csv": (POLARS, by_polars()),
        "polars.read_csv, all text": (POLARS, by_polars(infer_schema=False)),
    },
    "xlsx": {"pandas.read_excel, all text": (PANDAS, by_pandas("read_excel", dtype=str, keep_default_na=False))},
    "html": {"pandas.read_html, first row": (PANDAS, by_pandas("read_html", header=0, keep_default_na=False))},
    "json": {
        "pandas.read_json, all text": (PANDAS, by_pandas("read_json", dtype=False, convert_dates=False)),
        "duckdb read_json": (DUCKDB, by_duckdb("read_json({})")),
    },
}


def text_of(value: Any) -> str:
    """A typed value as text: dates in ISO 8601, booleans true and false, numbers without a needless point."""
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
    """True when a value means this text."""
    if isinstance(value, bool):
        return expected.lower() in (("true", "yes") if value else ("false", "no"))
    text = text_of(value)
    if text == expected or isinstance(value, str):
        return text == expected
    if isinstance(value, datetime):
        return text.removesuffix(" 00:00:00") == expected
    if isinstance(value, time):
        return text == f"{expected}:00"
    try:  # what is left are numbers: 2.50 is 2.5, but 0123 is not 123
        return float(value) == float(expected) and not (expected[0] == "0" and expected[1:2].isdigit())
    except (TypeError, ValueError):
        return False


def judge(read: Callable[[str], Found], path: str, columns: list[str], rows: list[list[str]]) -> str:
    """right, reported (wrong with a warning), silent (wrong) or refused."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            names, found = read(path)
        except Exception:  # each library has its own
            return "refused"
    is_right = len(names) == len(columns) and len(found) == len(rows)
    is_right = is_right and all(name == wanted or not wanted for name, wanted in zip(names, columns, strict=False))
    is_right = is_right and all(
        len(row) == len(wanted) and all(map(is_same, row, wanted)) for row, wanted in zip(found, rows, strict=False)
    )
    return "right" if is_right else "reported" if any(not _is_of_library(warning) for warning in said) else "silent"


def _is_of_library(warning: warnings.WarningMessage) -> bool:
    """True of what is said to programmers, not of the file."""
    return issubclass(warning.category, (DeprecationWarning, FutureWarning, PendingDeprecationWarning, ResourceWarning))


def judge_encodings(files: list[tuple[str, str]]) -> dict[str, list[bool]]:
    """Whether each text is decoded right, by the guess of each library."""
    guesses: dict[str, Callable[[bytes], str]] = {}
    if module := _module("charset_normalizer"):
        guesses["charset-normalizer"] = lambda content: str(module.from_bytes(content).best())
    if other := _module("chardet"):
        guesses["chardet"] = lambda content: content.decode(other.detect(content)["encoding"] or "ascii", "replace")
    return {name: [_is_decoded(guess, *file) for file in files] for name, guess in guesses.items()}


def _is_decoded(guess: Callable[[bytes], str], path: str, text: str) -> bool:
    try:
        return guess(Path(path).read_bytes()) == text
    except Exception:  # each library has its own
        return False


def cells_by_calamine(path: str, sheet: str | int) -> list[list[Any]]:
    """The rows of a sheet; 0 is the one that a program takes which names none."""
    book = importlib.import_module("python_calamine").CalamineWorkbook.from_path(path)
    return list((book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)).to_python())


def cells_by_openpyxl(path: str, sheet: str | int) -> list[list[Any]]:
    """The rows of a sheet, with the stored values of formulas; 0 is the active one."""
    book = importlib.import_module("openpyxl").load_workbook(path, data_only=True)
    return [list(row) for row in (book[sheet] if sheet else book.active).values]


def cells_by_pandas(path: str, sheet: str | int) -> list[list[Any]]:
    """The rows of a sheet; 0 is also what it takes by default."""
    frame = importlib.import_module(PANDAS).read_excel(path, sheet_name=sheet, header=None)
    return list(frame.astype(object).where(frame.notna(), None).values.tolist())


CELLS = {
    "calamine": ("python_calamine", cells_by_calamine),
    "openpyxl": ("openpyxl", cells_by_openpyxl),
    "pandas": (PANDAS, cells_by_pandas),
}


def read_cells(path: str) -> dict[str, dict[str, str]]:
    """By reader: number of the case (first column) -> text of its value (third column), and the sheet it would take."""
    found: dict[str, dict[str, str]] = {}
    for name, (module, read) in CELLS.items():
        if _module(module):
            cells = read(path, "Cells")
            found[name] = {text_of(row[0]): text_of(row[2]) for row in cells}
            found[name]["sheet"] = "Cells" if read(path, 0) == cells else "Hidden"
    return found


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _version(module: str) -> str:
    if module in sys.stdlib_module_names:
        return sys.version.split()[0]
    return importlib.metadata.version(module.replace("_", "-"))


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """`tables`: path, form, columns, rows; `texts`: path, text; `books`: paths."""
    warnings.simplefilter("ignore")
    modules = {module for readers in READERS.values() for module, _ in readers.values()}
    modules |= {module for module, _ in CELLS.values()} | {"charset_normalizer", "chardet"}
    here = {module for module in sorted(modules) if _module(module)}
    judged: dict[str, dict[str, list[str]]] = {}
    for form, readers in READERS.items():
        files = [(path, columns, rows) for path, is_form, columns, rows in question["tables"] if is_form == form]
        judged[form] = {
            name: [judge(read, *file) for file in files] for name, (module, read) in readers.items() if module in here
        }
    return {
        "versions": {module.replace("_", "-"): _version(module) for module in sorted(here)},
        "missing": sorted(modules - here),
        "tables": judged,
        "encodings": judge_encodings(question["texts"]),
        "books": [read_cells(path) for path in question["books"]],
    }


if __name__ == "__main__":
    json.dump(answer(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), sys.stdout)
