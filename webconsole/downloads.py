"""Tables as files: written whole into a temporary file first, so that a slow reader keeps no thread and no cursor."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import IO, Any

import psycopg2
from werkzeug.exceptions import TooManyRequests

from systemscripts import db_utils, office_files, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from webconsole import connections
from webconsole.queries import relations, tables

BLOCK = 2000  # rows fetched at once
MAX_SECONDS = 600.0  # of making one file; longer belongs to psql
MAX_BYTES = 2 << 30  # of one file: its disk is that of the installation
# files of one user and of all that are being made or not yet read: each takes disk until it was read or given up
MAX_OF_ONE_USER, MAX_IN_ALL = 3, 12

_open_files: Counter[str] = Counter()
_lock = threading.Lock()


class TemporaryDownload:
    """A file without a name that exists until it was sent or given up, and counts for its user until then.

    Raises TooManyRequests (429) where the user, or all users together, have too many of them.
    """

    def __init__(self, user_name: str) -> None:
        self._user_name, self._is_open = user_name, False
        with _lock:
            if _open_files[user_name] >= MAX_OF_ONE_USER or _open_files.total() >= MAX_IN_ALL:
                whose = "your" if _open_files[user_name] >= MAX_OF_ONE_USER else "all"
                text = f"Too many of {whose} downloads are not finished. Let them end or cancel them, then try again."
                raise TooManyRequests(text, retry_after=10)
            _open_files[user_name] += 1
        self._is_open = True
        folder = Directories(settings.current().etl_data_dir).create().var
        self.stream: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - whoever sends it closes it
        # what the server needs to send it as a file
        self.read, self.seek, self.tell = self.stream.read, self.stream.seek, self.stream.tell
        self.seekable = self.stream.seekable

    def close(self) -> None:
        """Give the file back, and its place among those of its user."""
        if self._is_open:
            self._is_open = False
            with _lock:
                _open_files[self._user_name] -= 1
            self.stream.close()

    def __del__(self) -> None:
        self.close()


def make_file(asked: tables.View, ending: str, user_name: str) -> TemporaryDownload:
    """Write all that was asked for into a file, CSV or XLSX.

    Raises UsageError where it is too large or takes too long, TooManyRequests where too many are open.
    """
    made = TemporaryDownload(user_name)
    try:
        columns = list(asked.relation.columns)
        names = [column.name for column in columns]
        with closing(_table_rows(asked, names)) as every_row:
            rows = _within_limits(every_row, made.stream) if names else iter(())
            if ending == "csv":
                office_files.write_csv(made.stream, names, rows)
            else:
                office_files.write_xlsx(made.stream, names, _typed(rows, columns))
        made.seek(0)
    except BaseException:
        made.close()
        raise
    return made


def _within_limits(rows: Iterator[Any], stream: IO[bytes]) -> Iterator[Any]:
    until = time.monotonic() + MAX_SECONDS
    for number, row in enumerate(rows):
        if number % BLOCK == 0:
            if time.monotonic() > until:
                raise UsageError(f"this download takes longer than {MAX_SECONDS:.0f} s", "Filter it.")
            if stream.tell() > MAX_BYTES:
                raise UsageError(f"this download is larger than {MAX_BYTES >> 30} GB", "Filter it.")
        yield row


def _typed(rows: Iterator[Any], columns: list[relations.Column]) -> Iterator[list[Any]]:
    """Give texts of the database back their types, for a workbook."""
    readers = [_reader_of(column.type) for column in columns]
    for row in rows:
        yield [
            cell if reader is None or cell is None else reader(cell)
            for cell, reader in zip(row, readers, strict=True)
        ]  # fmt: skip


def _reader_of(type_name: str) -> Callable[[str], Any] | None:
    base = type_name.partition("(")[0]
    read: Callable[[str], Any]
    if base in relations.NUMBER_TYPES:
        read = Decimal
    elif base == "date":
        read = date.fromisoformat
    elif base.startswith("timestamp"):
        read = datetime.fromisoformat
    else:
        return None

    def cell_of(text: str) -> Any:
        try:
            return read(text)
        except (ValueError, InvalidOperation):  # infinity, a year before Christ: it stays the text that it is
            return text

    return cell_of


def _table_rows(asked: tables.View, columns: list[str]) -> Generator[tuple[Any, ...]]:
    """Yield every row that was asked for, through a connection of its own, so that no page waits for it."""
    with closing(db_utils.connect("reader", purpose="console download")) as connection:
        connection.set_session(readonly=True)
        with connection.cursor() as plain:
            plain.execute("set statement_timeout = %s", (f"{MAX_SECONDS:.0f}s",))
            connections.set_zone(plain, asked.wanted.zone)
        with connection.cursor("download") as cursor:
            cursor.itersize = BLOCK
            try:
                cursor.execute(tables.whole(asked, columns))
                yield from cursor
            except psycopg2.Error as error:
                raise connections.misfit(error) or error from None
            finally:
                with contextlib.suppress(psycopg2.Error):
                    cursor.close()
