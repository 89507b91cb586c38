"""Move the database to another server: from the embedded one to the host's PostgreSQL, back, or to any other.

The rows are compared by count and hash, the reader gets its rights again, and the settings change last. The database
on the old server stays as it is, and one that the new server already has under that name is set aside.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import sys
from collections.abc import Iterator

from systemscripts import db_utils, settings
from systemscripts.backups import put_files, restore_backup
from systemscripts.backups.create_backup import Dump, dump_database
from systemscripts.commands import format_command
from systemscripts.db_utils import embedded
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import TryLaterError, UsageError
from systemscripts.settings.model import EMBEDDED
from systemscripts.summary import Summary
from systemscripts.tables import temporary_files

NAMES = ("DATABASE_URL", "DATABASE_READER_URL")


def ask_addresses(given: str) -> tuple[str, str]:
    """Return the addresses of the new server, the reader's second: asked for, or read from standard input.

    `given`: "embedded", or "". Raises UsageError for an address, whose password others could see on a command line.
    """
    if given == EMBEDDED:
        return given, ""
    if given:
        raise UsageError("others can see an address on a command line", "Type it when it is asked for.")
    if sys.stdin.isatty():
        return getpass.getpass("DATABASE_URL: ").strip(), getpass.getpass("DATABASE_READER_URL: ").strip()
    return sys.stdin.readline().strip(), sys.stdin.readline().strip()


def move_database(url: str, reader_url: str, directories: Directories) -> Summary:
    """Move the database to another server and change the settings. `url`: an address, or "embedded".

    Raises UsageError if it is there
    already, TryLaterError if it is in use or jobs ran meanwhile; the settings are as before then.
    """
    source = db_utils.resolve_address("etl")
    if url == (EMBEDDED if settings.current().uses_embedded_database else source):
        raise UsageError("the database is there already", "Name another address.")
    restore_backup.refuse_others()
    with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX) as scratch:
        dump = dump_database(scratch / "database.dump", directories)
        with _use_addresses(url, reader_url):
            restored = restore_backup.restore_dump(dump.dump, dump.tables)
    summary = Summary(rows=[{"tables": restored.tables, "rows": restored.rows}])
    for problem in restored.problems:
        summary.problem(problem)
    if restored.problems:
        summary.headline = "the copy has other rows; nothing was changed"
        return summary
    _refuse_new_runs(source, dump)
    summary.headline = "the database was moved; the one on the old server is as it was"
    if not _try_write_settings(url, reader_url):
        path = shlex.quote(str(settings.settings_file()))
        summary.next_steps.append(f"write DATABASE_URL and DATABASE_READER_URL of the new server: sudoedit {path}")
    return summary


@contextlib.contextmanager
def _use_addresses(url: str, reader_url: str) -> Iterator[None]:
    """Let this process work with the new server: the environment is stronger than the settings file."""
    before = {name: os.environ.get(name) for name in NAMES}
    os.environ.update(DATABASE_URL=url, DATABASE_READER_URL=reader_url)
    settings.reset()
    try:
        if url == EMBEDDED:
            embedded.start_server()
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        settings.reset()


def _refuse_new_runs(source: str, dump: Dump) -> None:
    """Raise TryLaterError if a job ran after the dump: its rows are on the old server only."""
    with (
        contextlib.closing(db_utils.connect_to(source, "move")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        cursor.execute("select count(*)::text from dba.trun")
        if cursor.fetchone() != (dump.tables["dba.trun"][0],):
            raise TryLaterError(
                "jobs ran while the database was moved, so the settings were not changed",
                f"Run: {format_command('schedule', 'pause')}; then run this again.",
            )


def _try_write_settings(url: str, reader_url: str) -> bool:
    """Write the addresses to the settings file; return whether this user may."""
    path = settings.settings_file()
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return False
    new = {"DATABASE_URL": f"DATABASE_URL={shlex.quote(url)}\n"}
    if reader_url:
        new["DATABASE_READER_URL"] = f"DATABASE_READER_URL={shlex.quote(reader_url)}\n"
    parts = [new.pop(name, "") if name in NAMES else text for name, text in put_files.read_settings(path)]
    if parts and not parts[-1].endswith("\n"):
        parts.append("\n")
    with atomic_write(path, mode=0o600) as stream:
        stream.write("".join([*parts, *new.values()]).encode())
    return True
