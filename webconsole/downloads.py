"""Write tables to temporary files for download, so that a slow reader occupies no thread and no cursor."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import IO, Any

import psycopg2
from werkzeug.exceptions import TooManyRequests

from systemscripts import db_utils, office_files, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from webconsole import connections, parquet_file, row_files
from webconsole.queries import tables

# rows per fetch: some megabytes of memory
FETCH_ROWS = 2000
# for writing one file; longer queries belong to psql
MAX_SECONDS = 600.0
# of one file: it is written to the disk of the installation
MAX_BYTES = 2 << 30
# files of one user, and of all users, that are being written or not yet read: each takes disk space until then
MAX_OF_ONE_USER, MAX_IN_ALL = 3, 12

_open_files: Counter[str] = Counter()
_lock = threading.Lock()


class TemporaryFile:
    """An unnamed file in the data folder, which goes with the process."""

    def __init__(self) -> None:
        folder = Directories(settings.current().etl_data_dir).create().var
        # the server closes it after sending
        self.stream: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        # the server needs these to send it as a file
        self.read, self.seek, self.tell = self.stream.read, self.stream.seek, self.stream.tell
        self.seekable = self.stream.seekable

    def close(self) -> None:
        """Remove the file."""
        self.stream.close()


class TemporaryDownload(TemporaryFile):
    """An unnamed file that exists, and counts for its user, until it was sent or cancelled.

    Creating one raises TooManyRequests (429) if the user, or all users together, have too many.
    """

    def __init__(self, user_name: str) -> None:
        self._user_name, self._is_open = user_name, False
        with _lock:
            if _open_files[user_name] >= MAX_OF_ONE_USER or _open_files.total() >= MAX_IN_ALL:
                whose = "of your downloads" if _open_files[user_name] >= MAX_OF_ONE_USER else "downloads"
                text = f"Too many {whose} are not finished. Wait for them or cancel them, then try again."
                raise TooManyRequests(text, retry_after=10)
            _open_files[user_name] += 1
        self._is_open = True
        super().__init__()

    def close(self) -> None:
        """Remove the file and stop counting it for its user."""
        if self._is_open:
            self._is_open = False
            with _lock:
                _open_files[self._user_name] -= 1
            super().close()

    def __del__(self) -> None:
        self.close()


def make_file(view: tables.TableView, suffix: str, user_name: str) -> TemporaryDownload:
    """Return a file with every row of a view; `suffix`: csv, xlsx or parquet.

    Raise UsageError if it is too large or takes too long, TooManyRequests if too many are open.
    """
    download = TemporaryDownload(user_name)
    try:
        fill_file(download, view, suffix)
        download.seek(0)
    except BaseException:
        download.close()
        raise
    return download


def fill_file(
    file: TemporaryFile, view: tables.TableView, suffix: str, go_on: Callable[[int], bool] = lambda _: True
) -> None:
    """Write every row of a view; `go_on` is told how many are written, and returns whether to go on.

    Raise UsageError if it is too large, takes too long or was cancelled.
    """
    with closing(_read_rows(view)) as every_row:
        limited = _limit_rows(every_row, file.stream, go_on) if view.file_columns else iter(())
        header, rows = row_files.make_table(view, limited, is_typed=suffix == "xlsx")
        if suffix == "parquet":
            types = ["text" if column.is_masked else column.type for column in view.file_columns]
            # the columns that say where a row comes from: of them the last is a number, the line
            types += ["date" if name == "date" else "text" for name in header[len(types) :]]
            if view.has_origin:
                types[-1] = "integer"
            folder = Directories(settings.current().etl_data_dir).create().var
            parquet_file.write_parquet(file.stream, header, types, rows, folder)
        else:
            write = office_files.write_csv if suffix == "csv" else office_files.write_xlsx
            write(file.stream, header, rows)


def write_rows(header: Sequence[str], rows: Iterable[Sequence[Any]], suffix: str, user_name: str) -> TemporaryDownload:
    """Return a file with rows that are in memory; raise TooManyRequests if too many are open."""
    download = TemporaryDownload(user_name)
    try:
        write = office_files.write_csv if suffix == "csv" else office_files.write_xlsx
        write(download.stream, header, rows)
        download.seek(0)
    except BaseException:
        download.close()
        raise
    return download


def _limit_rows(rows: Iterator[Any], stream: IO[bytes], go_on: Callable[[int], bool]) -> Iterator[Any]:
    until = time.monotonic() + MAX_SECONDS
    for number, row in enumerate(rows):
        if number % FETCH_ROWS == 0:
            if not go_on(number):
                raise UsageError("this download was cancelled", "Start it again.")
            if time.monotonic() > until:
                raise UsageError(f"this download takes longer than {MAX_SECONDS:.0f} s", "Add a filter.")
            if stream.tell() > MAX_BYTES:
                raise UsageError(f"this download is larger than {MAX_BYTES >> 30} GB", "Add a filter.")
        yield row


def _read_rows(view: tables.TableView) -> Generator[tuple[Any, ...]]:
    """Yield every row of a view over a separate connection, so that no page waits for it."""
    with closing(db_utils.connect("reader", purpose="console download")) as connection:
        connection.set_session(readonly=True)
        with connection.cursor() as plain:
            plain.execute("set statement_timeout = %s", (f"{MAX_SECONDS:.0f}s",))
            connections.set_time_zone(plain, view.query.zone)
        with connection.cursor("download") as cursor:
            cursor.itersize = FETCH_ROWS
            try:
                cursor.execute(tables.select_everything(view))
                yield from cursor
            except psycopg2.Error as error:
                raise connections.explain_bad_value(error) or error from None
            finally:
                with contextlib.suppress(psycopg2.Error):
                    cursor.close()
