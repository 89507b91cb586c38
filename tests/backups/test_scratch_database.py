"""The scratch database of a rehearsal, which something else may still be in."""

from __future__ import annotations

import contextlib
import threading

import psycopg2

from tests.conftest import Installation, Server


def test_a_session_of_the_server_itself_in_an_old_scratch_database_is_waited_for(
    installation: Installation, server: Server
) -> None:
    assert installation.run("backup_database").returncode == 0
    name = installation.url.rpartition("/")[2] + "_rehearsal"
    server.execute(f'create database "{name}" owner etl')
    # as a worker of autovacuum has it: a session of the superuser, which etl may not end
    session = psycopg2.connect(f"{server.owner.rpartition('/')[0]}/{name}")
    end = threading.Timer(2, session.close)
    end.start()
    with contextlib.closing(session):
        done = installation.run("restore_database", "--rehearse")
        end.join()
    assert done.returncode == 0, done.stderr
    assert "can be restored" in done.stdout
