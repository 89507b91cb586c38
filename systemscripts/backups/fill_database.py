"""Fill an empty database from a dump, on a server that may lack the roles and tablespaces of the one it came from.

The server may also be older than the programs that made the dump: then its SQL goes through psql, without the one
setting that older servers do not know.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from systemscripts import db_utils
from systemscripts.backups import pg_programs
from systemscripts.db_utils import Cursor
from systemscripts.errors import EtlError

# In the SQL of a dump (pg_dump writes each of them on a line of its own); a name is quoted where it must be.
_NAME = r'("(?:[^"]|"")+"|\w+)'
_ROLES = re.compile(rf"^(?:GRANT .* TO|REVOKE .* FROM|ALTER DEFAULT PRIVILEGES .* (?:TO|FROM)) {_NAME}", re.MULTILINE)
_OWNERS_OF_DEFAULTS = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE {_NAME}", re.MULTILINE)
_TABLESPACE = re.compile(r"^SET default_tablespace = '?\"?([^'\";]+)", re.MULTILINE)
_DUMPED_BY = re.compile(r"^;\s+Dumped by pg_dump version: (\d+)", re.MULTILINE)
# The first lines of a script, where pg_restore sets up its session: the setting that came with PostgreSQL 17.
WITHOUT_NEW_SETTING = ["sed", r"1,60{/^SET transaction_timeout = 0;$/d;}"]


def verify_dump(path: Path) -> int:
    """Return how many tables have their rows in a dump; raises EtlError if it cannot be read from end to end."""
    program = pg_programs.find_newest("pg_restore")
    tables = sum(" TABLE DATA " in line for line in pg_programs.run_program(program, "--list", str(path)).splitlines())
    # the list is at the beginning, so a truncated dump has it too
    pg_programs.run_program(program, "--file=/dev/null", str(path))
    if tables == 0:
        raise EtlError(f"{path} contains no table", "Check DATABASE_URL, then run it again.")
    return tables


def fill_database(path: Path, url: str, major: int) -> None:
    """Restore a dump into an empty database of a server.

    Without the rights in it where a role of theirs does not exist: the update of the schema that follows grants the
    reader of this host its own. Raises EtlError if the dump is damaged or something in it cannot be created.
    """
    verify_dump(path)
    newest = pg_programs.find_newest("pg_restore")
    match = _DUMPED_BY.search(pg_programs.run_program(newest, "--list", str(path)))
    program = pg_programs.find_program("pg_restore", max(major, int(match[1]) if match else 0))
    text = pg_programs.run_program(program, "--schema-only", "--file=-", str(path))
    with (
        contextlib.closing(db_utils.connect_to(url, "restore_database")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        has_roles = _list_roles(text) <= _read_names(cursor, "select rolname from pg_roles")
        has_tablespaces = _list_tablespaces(text) <= _read_names(cursor, "select spcname from pg_tablespace")
    options = ["--no-owner", *([] if has_roles else ["--no-privileges"])]
    options += [] if has_tablespaces else ["--no-tablespaces"]
    if pg_programs.read_major(program) > major:
        psql = pg_programs.find_program("psql", pg_programs.read_major(program))
        script = [str(program), *options, "--file=-", str(path)]
        pg_programs.run_script([script, WITHOUT_NEW_SETTING], psql, url)
    else:
        pg_programs.run_program(program, *options, "--exit-on-error", "--single-transaction", str(path), url=url)


def _list_roles(text: str) -> set[str]:
    names = {*_ROLES.findall(text), *_OWNERS_OF_DEFAULTS.findall(text)}
    return {_unquote(name) for name in names} - {"PUBLIC"}


def _list_tablespaces(text: str) -> set[str]:
    return set(_TABLESPACE.findall(text))


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _read_names(cursor: Cursor, query: str) -> set[str]:
    cursor.execute(query)
    return {str(row[0]) for row in cursor.fetchall()}
