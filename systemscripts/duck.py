"""DuckDB in this process: a session with a limit on memory and a place on disk for what is larger."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.errors import EtlError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextlib.contextmanager
def open_session(spill: Path) -> Iterator[DuckDBPyConnection]:
    """A DuckDB of its own; what does not fit DUCKDB_MEMORY_GB goes to the folder `spill`, which is gone afterwards.

    It loads no extension and asks nobody: it reads and writes the files that it is told.
    """
    import duckdb

    wanted = settings.current()
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{wanted.duckdb_memory_gb:g}GB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    try:
        yield connection
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def run_statement(connection: DuckDBPyConnection, statement: str, goal: Path) -> None:
    """Run a statement that writes to `goal`; raises EtlError when disk or memory are full, or it fails otherwise."""
    with translate_errors(goal):
        connection.execute(statement)


@contextlib.contextmanager
def translate_errors(goal: Path) -> Iterator[None]:
    """What DuckDB raises while it works for `goal`, as the suite's own error."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EtlError(f"{goal}: {_first_line(error)}", "Raise DUCKDB_MEMORY_GB, or free space on its disk.") from error
    except duckdb.IOException as error:
        raise EtlError(f"{goal} cannot be written: {_cause(error)}", "Free space, then run it again.") from error
    except duckdb.Error as error:
        raise EtlError(f"{goal}: {_first_line(error)}", "The log has the traceback.") from error


def _cause(error: Exception) -> str:
    """The system's own words where DuckDB gives its error number: the rest is its inner state, several errors deep."""
    number = re.search(r'"errno":"(\d+)"', str(error))
    return os.strerror(int(number[1])) if number else _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def quote_literal(text: str) -> str:
    """A text, quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: Path | str) -> str:
    """A file that is read, quoted for SQL: what would be a pattern (DuckDB, "Multiple Files") stands for itself."""
    return quote_literal("".join(f"[{mark}]" if mark in "*?[" else mark for mark in str(path)))


def quote_identifier(name: str) -> str:
    """A name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'
