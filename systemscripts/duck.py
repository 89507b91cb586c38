"""Run DuckDB in this process, with a memory limit and a folder for what exceeds it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts.errors import EtlError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextlib.contextmanager
def open_session(spill: Path) -> Iterator[DuckDBPyConnection]:
    """Open a DuckDB session. Data beyond DUCKDB_MEMORY_GB goes to the folder `spill`, which is removed at the end.

    The session loads no extensions and has no network access.
    """
    connection = connect({"temp_directory": str(spill)})
    try:
        yield connection
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def connect(options: dict[str, str]) -> DuckDBPyConnection:
    """Return a connection to a database in memory, with options of DuckDB besides ours."""
    import duckdb

    # the parsers of files need none of them
    from systemscripts import settings

    ours: dict[str, Any] = {
        "memory_limit": f"{settings.current().duckdb_memory_gb:g}GB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(":memory:", config=ours | options)


def run_statement(connection: DuckDBPyConnection, statement: str, target_path: Path) -> None:
    """Run a statement that writes to `target_path`. Raises EtlError when it fails, as `translate_errors` does."""
    with translate_errors(target_path):
        connection.execute(statement)


@contextlib.contextmanager
def translate_errors(target_path: Path) -> Iterator[None]:
    """Raise EtlError for each error of DuckDB, with the file or folder `target_path` that it was working on."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EtlError(
            f"{target_path}: {_take_first_line(error)}", "Increase DUCKDB_MEMORY_GB, or free space on its disk."
        ) from error
    except duckdb.IOException as error:
        raise EtlError(
            f"{target_path} cannot be written: {_describe_cause(error)}", "Free disk space, then run it again."
        ) from error
    except duckdb.Error as error:
        raise EtlError(f"{target_path}: {_take_first_line(error)}", "The log has the traceback.") from error


def _describe_cause(error: Exception) -> str:
    """Return the message of the operating system if DuckDB gives its error number, else the first line."""
    number = re.search(r'"errno":"(\d+)"', str(error))
    return os.strerror(int(number[1])) if number else _take_first_line(error)


def _take_first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def quote_literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: Path | str) -> str:
    """Return the path of one file to read as an SQL literal, with escaped wildcards (DuckDB, "Multiple Files")."""
    return quote_literal("".join(f"[{mark}]" if mark in "*?[" else mark for mark in str(path)))


def quote_identifier(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
