"""Find the sessions that hold a lock, with the job and the run that they belong to."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from systemscripts.commands import format_command

if TYPE_CHECKING:
    from systemscripts.db_utils.connection import Cursor

# The length of a statement that is searched for names: the rows of a load are part of its statement.
MAX_STATEMENT_LETTERS = 20_000
# A message stays readable.
MAX_HOLDERS = 3
# Of the UUID in the name of a run's sessions, which has at most 63.
RUN_LETTERS = 8
_TEXT = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_NAME = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_]\w*)')
_SESSIONS = """
    select (select s.nspname || '.' || t.relname from pg_class t join pg_namespace s on s.oid = t.relnamespace
            where t.oid = l.relation), a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''),
        to_char(coalesce(a.xact_start, a.backend_start), 'YYYY-MM-DD HH24:MI:SS')
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
"""
# The strongest lock of each session first: one that waits for a row finds the session that changed it, one that alters
# a table finds all.
_OF_TABLES = f"""{_SESSIONS}
    join pg_class c on c.oid = l.relation
    join pg_namespace n on n.oid = c.relnamespace
    where l.granted and l.pid not in (pg_backend_pid(), %(own)s) and c.relkind in ('r', 'p', 'm', 'v')
        and l.database = (select oid from pg_database where datname = current_database())
        and c.relname = any(%(names)s) and (n.nspname = any(%(names)s) or pg_table_is_visible(c.oid))
        and n.nspname <> 'pg_catalog'
    order by l.mode = 'AccessShareLock', a.xact_start, a.pid limit 20
"""
_RUN = """
    select job || ' ' || lock_key, run_uuid::text, to_char(started_at, 'YYYY-MM-DD HH24:MI:SS') from dba.trun
    where status = 'running' and %(name)s like 'etl ' || left(run_uuid::text, %(letters)s) || ' %%'
"""
_OF_NAME = f"""{_SESSIONS}, hashtextextended(%(name)s, 0) as key
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
        and l.classid::bigint = (key >> 32) & 4294967295 and l.objid::bigint = key & 4294967295
"""
# table, process, program, login, since when
_Session = tuple[str | None, int, str, str, str | None]


@dataclass(frozen=True)
class Holder:
    """A session that holds a lock: the locked table, if any, and what the session is."""

    table: str
    pid: int
    name: str
    run_uuid: str
    login: str
    since: str

    def __str__(self) -> str:
        """Return the session in words: the job and run, or the program and login, its process and start time."""
        who = self.name.strip() or "a program without a name"
        who += f", run {self.run_uuid}" if self.run_uuid else f", login {self.login}"
        return f"{who} (server process {self.pid}), since {self.since}"

    @property
    def advice(self) -> str:
        """Return what to type to wait for the session, or to end it."""
        command = format_command("database", "sql", f"select pg_terminate_backend({self.pid})")
        if self.run_uuid:
            return f"Wait until it has ended (--wait), or stop that run in the console; if it hangs: {command}"
        return f"Let that program commit or close its session, or end it: {command}; then run the same command again."


def build_session_name(purpose: str) -> str:
    """Return the name under which the server lists a session: the run that it belongs to, and what it does."""
    # set by a run for the processes that it starts: its own UUID
    run = os.environ.get("ETL_PARENT_UUID", "")[:RUN_LETTERS]
    return " ".join(filter(None, ("etl", run, purpose)))


def find_holder(cursor: Cursor, lock_name: str) -> Holder | None:
    """Return the session that holds an advisory lock by its name, or None."""
    cursor.execute(_OF_NAME, {"name": lock_name})
    rows = cursor.fetchall()
    return _build_holder(cursor, rows[0]) if rows else None


def find_table_holders(cursor: Cursor, statement: str, own_pid: int) -> list[Holder]:
    """Return the sessions that hold locks on the tables that a statement names, except the one that ran it.

    One entry per session; empty if they have ended since.
    """
    text = _TEXT.sub(" ", statement[:MAX_STATEMENT_LETTERS])
    names = {quoted.replace('""', '"') or bare.lower() for quoted, bare in _NAME.findall(text)}
    cursor.execute(_OF_TABLES, {"names": sorted(names), "own": own_pid})
    sessions: dict[int, _Session] = {}
    for row in cursor.fetchall():
        sessions.setdefault(row[1], row)
    return [_build_holder(cursor, row) for row in list(sessions.values())[:MAX_HOLDERS]]


def _build_holder(cursor: Cursor, session: _Session) -> Holder:
    """Return a session with its run, if it is one of ours and the ledger of runs exists already."""
    table, pid, name, login, since = session
    cursor.execute("select to_regclass('dba.trun') is not null")
    if cursor.fetchone() == (True,):
        cursor.execute(_RUN, {"name": name, "letters": RUN_LETTERS})
        if run := cursor.fetchone():
            return Holder(table or "", pid, run[0], run[1], login, run[2])
    return Holder(table or "", pid, name, "", login, since or "an unknown time")
