"""The scratch database of a rehearsal, which something else may still be in."""

from __future__ import annotations

import contextlib

import psycopg2

from tests.conftest import Installation, Server
from tests.tiny_jobs import wait_for


def test_a_session_of_the_server_itself_in_an_old_scratch_database_is_waited_for(
    installation: Installation, server: Server
) -> None:
    assert installation.run("backup_database").returncode == 0
    name = installation.url.rpartition("/")[2] + "_rehearsal"
    server.execute(f'create database "{name}" owner etl')
    # as a worker of autovacuum has it: a session of the superuser, which etl may not end
    with contextlib.closing(psycopg2.connect(f"{server.owner.rpartition('/')[0]}/{name}")) as session:
        process = installation.start("restore_database", "--rehearse")
        dropping = (
            f"select count(*) from pg_stat_activity where query like 'drop database%{name}%' and state = 'active'"
        )
        wait_for(lambda: process.poll() is not None or installation.sql(dropping) == [(1,)])
        session.close()
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "can be restored" in output
