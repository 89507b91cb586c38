"""Every arrow of the two state machines is walked by something an operator can do; every other one is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from systemscripts import file_ledger
from systemscripts.datasets import states
from systemscripts.errors import EtlError
from tests.conftest import Installation

CONFIG = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd", "file_pattern": r"lists_\d+.*"}
BROKEN = b"PK\x03\x04 no workbook"


def drop(installation: Installation, name: str, *lines: str) -> None:
    installation.drop(f"lists_{name}.csv", "name\n" + "".join(f"{line}\n" for line in lines))


def run(installation: Installation, *options: object) -> dict[str, Any]:
    return installation.summary("generic_import", *(options or ("lists",)))


class Walker:
    """Follows dba.tfile or dba.tdataset and notes the arrows that were taken."""

    def __init__(self, installation: Installation) -> None:
        installation.sql(
            """create table public.arrow (machine text, before text, after text);
               create function public.note() returns trigger language plpgsql as $$ begin
                   if tg_op = 'INSERT' then insert into public.arrow values (tg_table_name, '', new.status);
                   elsif old.status <> new.status then
                       insert into public.arrow values (tg_table_name, old.status, new.status);
                   end if; return new; end $$;
               create trigger note after insert or update on dba.tfile for each row execute function public.note();
               create trigger note after insert or update on dba.tdataset for each row execute function public.note()"""
        )
        self.found = installation

    def taken(self, machine: str) -> set[tuple[str, str]]:
        rows = self.found.sql("select distinct before, after from public.arrow where machine = %s", (machine,))
        return {(row[0], row[1]) for row in rows}


def arrows(machine: dict[str, set[str]]) -> set[tuple[str, str]]:
    return {(before, after) for before, those in machine.items() for after in those if before != after}


def test_every_arrow_is_walked(installation: Installation) -> None:
    walker = Walker(installation)
    installation.configure("lists", **CONFIG)
    drop(installation, "20260105", *"abcdefgh")
    first = run(installation)["rows"][0]["dataset"]
    drop(installation, "20260112", *"abcdefgh")  # unchanged
    run(installation)
    drop(installation, "20260105_v2", *"abcdefgi")  # supersedes
    second = run(installation)["rows"][0]["dataset"]
    drop(installation, "20260119", *"hgfedcba")
    run(installation)
    drop(installation, "20260105_again", *"abcdefgi")  # duplicate
    run(installation)
    installation.drop("lists_20260105.xlsx", BROKEN)  # refused from fetched
    run(installation)
    installation.drop("lists_nodate.csv", "name\nx\n")
    installation.configure("lists", **(CONFIG | {"file_pattern": r"lists_.*", "schema": {"name": {"required": True}}}))
    installation.drop("lists_20260126.csv", "other,more\n1,2\n")  # refused from prepared: it lacks a column
    run(installation)
    run(installation, "--undo", second)  # active -> undone, superseded -> active
    drop(installation, "20260105_v3", *"abcdefgk")
    third = run(installation)["rows"][0]["dataset"]
    run(installation, "--undo", first)  # superseded -> undone
    drop(installation, "20260105_v4", "a")  # held
    held = run(installation)["rows"][0]["dataset"]
    run(installation, "--undo", held)  # held -> undone
    drop(installation, "20260105_v5", "b")
    accepted = run(installation)["rows"][0]["dataset"]
    run(installation, "--accept", accepted)  # held -> active, active -> superseded
    assert installation.sql("select status from dba.tdataset where dataset_id = %s", (third,)) == [("superseded",)]

    walked = walker.taken("tfile")
    assert {arrow for arrow in walked if arrow[0]} == arrows(file_ledger.TRANSITIONS)
    assert {after for before, after in walked if not before} == {"fetched"}
    assert {arrow for arrow in walker.taken("tdataset") if arrow[0]} - {("active", "held")} == arrows(
        states.TRANSITIONS
    )


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def test_every_other_arrow_of_a_file_is_refused(here: Installation, connection: Any) -> None:
    here.configure("lists", **CONFIG)
    for before in (*file_ledger.OPEN, *file_ledger.FINAL):
        for after in (*file_ledger.OPEN, *file_ledger.FINAL):
            if after in file_ledger.TRANSITIONS.get(before, set()):
                continue
            with connection.cursor() as cursor:
                ticket = ticket_in_state(cursor, before)
                with pytest.raises(EtlError):
                    file_ledger.change_status(cursor, ticket, after, "00000000-0000-0000-0000-000000000000")
                connection.rollback()


def ticket_in_state(cursor: Any, status: str) -> file_ledger.Ticket:
    columns = ", ".join(file_ledger._COLUMNS)
    cursor.execute(
        f"""insert into dba.tfile (config_name, name, path, status, run_uuid, dataset_id)
            values ('lists', 'x', 'x', 'fetched', gen_random_uuid(), null) returning {columns}"""
    )
    ticket = file_ledger.Ticket(*cursor.fetchone())
    ticket.status = status
    return ticket


def test_a_ticket_that_another_run_took_is_not_changed(here: Installation, connection: Any) -> None:
    here.configure("lists", **CONFIG)
    with connection.cursor() as cursor:
        ticket = ticket_in_state(cursor, "prepared")  # in the table it is fetched
        with pytest.raises(EtlError, match="another run"):
            file_ledger.change_status(cursor, ticket, "refused", "00000000-0000-0000-0000-000000000000")


def test_the_database_itself_keeps_one_active_dataset_for_a_label_and_date(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    drop(installation, "20260105", "a")
    run(installation)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        installation.sql(
            """insert into dba.tdataset (config_name, label, dataset_date, status, load_mode, target_table, run_uuid,
                   content_sha256, columns, rows_read, rows_loaded, rows_rejected, rows_skipped)
               select config_name, label, dataset_date, 'active', load_mode, target_table, run_uuid, 'x', columns,
                   0, 0, 0, 0
               from dba.tdataset"""
        )


def test_the_database_itself_checks_that_the_counts_add_up(installation: Installation) -> None:
    installation.configure("lists", **CONFIG)
    drop(installation, "20260105", "a")
    run(installation)
    for table in ("tfile", "tdataset"):
        with pytest.raises(psycopg2.errors.CheckViolation):
            installation.sql(f"update dba.{table} set rows_read = rows_read + 1")
