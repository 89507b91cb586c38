"""What people read in DBeaver: every view and column explained, every query of docs/dbeaver.md finds something."""

from __future__ import annotations

import contextlib
import re

import psycopg2
import pytest

from tests.conftest import PROJECT, Installation

TEXT = (PROJECT / "docs" / "dbeaver.md").read_text()
QUERIES = re.findall(r"^## (.+?)\n\n```sql\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL)


def week(installation: Installation) -> None:
    """A little of everything."""
    page = "EventID,URL,IfExists,InvalidEventID,IsDownloadable,DownloadLink,StatusCode,Title\n"
    installation.drop("20260302T050000_MeetMaxURLCheck.csv", f"{page}119179,http://x/,1,false,1,,200,Forum\n")
    installation.drop("20260309T050000_MeetMaxURLCheck.csv", f"{page}119179,http://x/,1,false,1,,200,Great Forum\n")
    installation.drop("20260302T063000_MeetMax_119179.xls", "Company Name,Ticker\nAcme,ACME\nBeta,B\n")
    installation.drop("20260302T063000_MeetMax_119180.xls", b"\x00\x01")
    installation.configure("lists", guards={"min_rows": 3}, schema={"number": "integer"}, max_rejects=100)
    installation.drop("lists.csv", "number,name\n1,a\nx,b\n")
    for name in ("meetmax_urls", "meetmax_events", "lists"):
        installation.run("generic_import", name)
    installation.write_settings(MEETMAX_BASE_URL="http://127.0.0.1:1/", MEETMAX_RETRIES="0", MEETMAX_DELAY_SECONDS="0")
    installation.run("run_pipeline", "weekly")


def test_every_query_of_the_page_finds_something(installation: Installation) -> None:
    assert len(QUERIES) >= 15
    week(installation)
    for title, query in QUERIES:
        login = installation.url if "-- loading login" in query else installation.reader_url
        with contextlib.closing(psycopg2.connect(login)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            assert cursor.fetchall(), title


def test_every_view_is_on_the_page_and_every_column_is_explained(installation: Installation) -> None:
    assert installation.run("generic_import", "--list").returncode == 0
    views = installation.sql(
        """select c.oid::regclass::text, obj_description(c.oid, 'pg_class') from pg_class c
           where c.relkind = 'v' and c.relnamespace = 'dba'::regnamespace and c.relname like 'v\\_%%'"""
    )
    assert len(views) >= 9
    for name, comment in views:
        assert comment, name
        assert f"`{name.removeprefix('dba.')}`" in TEXT, f"{name} is not in docs/dbeaver.md"
    bare = installation.sql(
        """select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
           where c.relkind in ('v', 'r') and c.relnamespace = 'dba'::regnamespace and a.attnum > 0
             and not a.attisdropped and (c.relkind = 'r' or c.relname like 'v\\_%%')
             and col_description(c.oid, a.attnum) is null"""
    )
    assert bare == []


@pytest.mark.parametrize("name", ["v_run", "v_failure", "v_import_health", "v_dataset", "v_row_origin", "v_waiting"])
def test_the_reader_may_read_it_and_nothing_secret(installation: Installation, name: str) -> None:
    assert installation.run("generic_import", "--list").returncode == 0
    with contextlib.closing(psycopg2.connect(installation.reader_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select * from dba.{name}")
        for table in ("tuser", "timportconfig", "trejectedrow"):
            connection.rollback()
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"select * from dba.{table}")


def test_the_views_of_weeks_and_senders_read_few_columns_of_each_file_and_count_days_on_time(
    installation: Installation,
) -> None:
    installation.configure("orders", file_pattern="x")
    installation.run("generic_import", "--list")
    arrivals = [
        ("a", "2026-03-02 07:00"), ("b", "2026-03-02 07:00"), ("a", "2026-03-03 05:00"), (None, "2026-03-03 05:00"),
        ("b", "2026-03-05 04:00"), ("a", "2026-03-05 09:00"), ("a", "2026-03-09 05:00"), ("a", "2026-03-09 07:00"),
    ]  # fmt: skip
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        for number, (label, moment) in enumerate(arrivals):
            cursor.execute(
                """insert into dba.tfile
                       (config_name, source, name, path, status, reason, label, created_at, status_at, run_uuid)
                   values ('orders', 'local', 'x', %s, 'refused', 'x', %s, %s, %s, gen_random_uuid())""",
                (str(number), label, moment, moment),
            )
        # of a on the 2nd; of any label on the 4th, which those of the 5th missed; one of a came in time on the 9th
        cursor.execute(
            """insert into dba.tlatefile (config_name, label, due_at)
               values ('orders', 'a', '2026-03-02 06:00'), ('orders', '', '2026-03-04 06:00'),
                      ('orders', 'a', '2026-03-09 06:00')"""
        )
        cursor.execute("select month::text, files, on_time, late from dba.v_sender")
        assert cursor.fetchall() == [("2026-03-01", 8, 4, 3)]
        cursor.execute("select week_begins::text, files, files_refused, rows_changed from dba.v_week order by 1")
        assert cursor.fetchall() == [("2026-03-02", 6, 6, 0), ("2026-03-09", 2, 2, 0)]
        cursor.execute("set enable_seqscan = off; set enable_bitmapscan = off")
        for view, index in (("v_sender", "tfile_label_arrival"), ("v_week", "tfile_run")):
            cursor.execute(f"explain select * from dba.{view}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert f"Index Only Scan using {index} on tfile f" in plan, plan
