"""Call the function of an import that changes rows before they are checked: config/transforms/NAME.py, function NAME.

It receives a pandas DataFrame of one block (every value as text, columns by their names in the target, one index entry
for each row of the file) and returns one. It may change, add and leave out columns and rows; the index tells which rows
were left out (skipped), so that every row is accounted for.
"""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts.configuration import ImportConfig, referenced_files
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.imports.values import split_fields
from systemscripts.imports.values.split_fields import SplitBlock
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.model import Table

if TYPE_CHECKING:
    from pandas import DataFrame


class Transform:
    """The function of one import for the columns of one file; `columns`: the columns that it returns."""

    def __init__(self, path: Path, file_columns: list[str]) -> None:
        self._path, self._file_columns = path, file_columns
        self._function = _load_function(path)
        self.columns: list[str] = []

    def learn(self, table: Table) -> None:
        """Find out which columns the function returns, with the first block of the file."""
        first_block = next(
            (split_fields.split_block(block, table, len(self._file_columns)) for block in table.blocks()), None
        )
        columns: Sequence[Sequence[str]] = first_block.columns if first_block else [()] * len(self._file_columns)
        frame = self._call(columns)
        self.columns = [str(name) for name in frame.columns]
        if self.columns != make_column_names(self.columns):
            raise ConfigurationError(
                f"{self._path}: {', '.join(self.columns)} are not valid column names",
                "Use lower case, digits and _, each once.",
            )

    def apply(self, block: SplitBlock) -> int:
        """Replace the columns of a block by the transformed ones; return how many rows were left out.

        Raises BadDataError when the function fails on the rows, ConfigurationError when it returns something else.
        """
        if not block.lines:
            return 0
        frame, rows = self._call(block.columns), len(block.lines)
        if list(frame.columns) != self.columns:
            raise ConfigurationError(
                f"{self._path} returns other columns for later rows: {', '.join(map(str, frame.columns))}",
                f"Return the same ones for every block: {', '.join(self.columns)}.",
            )
        kept = [int(row) for row in frame.index]
        if len(set(kept)) != len(kept) or not set(kept) <= set(range(rows)):
            raise ConfigurationError(
                f"{self._path} returns rows that are not in the file, or the same row twice",
                "Keep the index of the DataFrame.",
            )
        block.lines = [block.lines[row] for row in kept]
        block.records = [block.records[row] for row in kept]
        block.columns = [[_value_as_text(value) for value in frame[name].tolist()] for name in self.columns]
        return rows - len(kept)

    def _call(self, columns: Sequence[Sequence[str]]) -> DataFrame:
        import pandas

        frame = pandas.DataFrame(dict(zip(self._file_columns, map(list, columns), strict=True)), dtype=object)
        try:
            returned = self._function(frame)
        except Exception as error:
            raise BadDataError(
                f"{self._path}, line {_find_line(error, self._path)}: {type(error).__name__}: {error}",
                "Correct the function or the file.",
            ) from error
        if not isinstance(returned, pandas.DataFrame):
            raise ConfigurationError(f"{self._path}: {self._path.stem}() does not return a DataFrame")
        return returned


def load_transform(config: ImportConfig, table: Table, file_columns: list[str]) -> Transform | None:
    """Return the transform of an import for an open file, None if it has none.

    Raises ConfigurationError when there is no such function, BadDataError when it fails on the first rows.
    """
    path = referenced_files.find_transform(config)
    if path is None:
        return None
    transform = Transform(path, file_columns)
    transform.learn(table)
    return transform


def _load_function(path: Path) -> Callable[[Any], Any]:
    spec = importlib.util.spec_from_file_location(f"transform_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigurationError(f"{path}, line {_find_line(error, path)}: {type(error).__name__}: {error}") from error
    function = getattr(module, path.stem, None)
    if not callable(function):
        raise ConfigurationError(f"{path} has no function {path.stem}", f"Write: def {path.stem}(rows): return rows")
    return function  # type: ignore[no-any-return]


def _find_line(error: Exception, path: Path) -> int:
    """Return the line of a Python file at which an error occurred."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines and lines[-1] else 1


def _value_as_text(value: object) -> str:
    """Return a value as text, as a file might contain it; "" for no value."""
    if isinstance(value, str):
        return value
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)
