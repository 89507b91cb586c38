"""Reports of website visits: what is loaded, what is refused, and who visited how often."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections import defaultdict
from datetime import date, datetime

import psycopg2
import pytest

from demo import visits_reports
from demo.visits_reports import HEADER, Report
from systemscripts.table_rights import read_visibility
from tests.conftest import Installation

ZONE = "Europe/Madrid"


@pytest.fixture
def visits(installation: Installation) -> Installation:
    """An installation in another time zone than the database's; its reports are dropped by hand."""
    installation.write_settings(TIME_ZONE=ZONE, FILE_STILL_SECONDS="0")
    return installation


def load(
    visits: Installation, *, now: str = "2027-01-01T12:00:00", code: int = 0, dropped: tuple[Report, ...] = ()
) -> None:
    """Drop some reports and load them; the import's SFTP server is not asked."""
    for item in dropped:
        visits.drop(item.name, item.content)
    done = visits.run("generic_import", "visits", "--phase", "load", ETL_NOW=now)
    assert done.returncode == code, done.stderr


def as_seen(visits: Installation, now: str) -> dict[str, tuple[object, ...]]:
    """visits.visitor as the suite reads it at a moment."""
    import csv
    import io

    done = visits.run("database", "sql", "select * from visits.visitor", ETL_NOW=now)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    return {
        row["email"]: (
            datetime.fromisoformat(row["first_visit"]), datetime.fromisoformat(row["last_visit"]),
            int(row["total_visits"]), int(row["visits_this_year"]), int(row["visits_this_month"]),
        )
        for row in rows
    }  # fmt: skip


def expected(reports: list[Report], now: str) -> dict[str, tuple[object, ...]]:
    """The same, worked out from the reports themselves."""
    from zoneinfo import ZoneInfo

    moment = datetime.fromisoformat(now)
    actual: dict[str, list[datetime]] = defaultdict(list)
    for report in reports:
        for email, sent in report.good:
            actual[email.lower()].append(sent)
    return {
        email: (
            min(days).replace(tzinfo=ZoneInfo(ZONE)), max(days).replace(tzinfo=ZoneInfo(ZONE)), len(days),
            sum(day.year == moment.year for day in days),
            sum((day.year, day.month) == (moment.year, moment.month) for day in days),
        )
        for email, days in actual.items()
    }  # fmt: skip


def all_reports() -> list[Report]:
    return [report for day in visits_reports.DAYS for report in visits_reports.make_reports(day) if not report.refused]


@pytest.mark.parametrize("seed", [1, 2])
def test_visitor_is_right_in_any_order_after_rerun_undo_and_replay(visits: Installation, seed: int) -> None:
    now = "2027-01-01T12:00:00"
    reports = all_reports()
    random.Random(seed).shuffle(reports)
    for group in (reports[:5], reports[5:]):
        load(visits, dropped=tuple(group), now=now)
    assert as_seen(visits, now) == expected(reports, now)

    again = reports[3]  # delivered once more, under another name: the same report
    load(visits, dropped=(Report("report_700.txt", again.content),), now=now)
    assert visits.sql("select status from dba.tfile where name = 'report_700.txt'") == [("duplicate",)]
    assert as_seen(visits, now) == expected(reports, now)

    ((undone,),) = visits.sql("select dataset_id from dba.tfile where name = %s and status = 'loaded'", (again.name,))
    assert visits.run("generic_import", "--undo", undone).returncode == 0
    assert as_seen(visits, now) == expected([report for report in reports if report is not again], now)


def test_a_year_turns_while_nothing_is_loaded(visits: Installation) -> None:
    reports = all_reports()
    load(visits, dropped=tuple(reports))
    for now in ("2026-12-31T23:59:00", "2027-01-01T00:01:00", "2027-02-01T00:01:00", "2028-01-01T00:00:00"):
        assert as_seen(visits, now) == expected(reports, now), now


def test_replayed_rows_become_visits(visits: Installation) -> None:
    good = visits_reports.make_report(1, date(2026, 12, 30), 10)
    header, *lines = good.content.decode().splitlines()
    for number, (_, sent) in enumerate(good.good[:3]):  # some dates as another program writes them
        fields = lines[number].split(",")
        fields[4] = f"{sent:%Y-%m-%d %H:%M}"
        lines[number] = ",".join(fields)
    load(visits, dropped=(Report(good.name, "\n".join([header, *lines]).encode()),))
    now = "2027-01-01T12:00:00"
    assert as_seen(visits, now) == expected([Report("", b"", good.good[3:])], now)
    visits.sql(
        """update dba.timportconfig set schema = jsonb_set(schema, '{fecha_envio,formats}',
           '["dd/MM/yyyy HH:mm", "yyyy-MM-dd HH:mm"]') where config_name = 'visits'"""
    )
    ((dataset,),) = visits.sql("select dataset_id from dba.tdataset")
    done = visits.run("generic_import", "--replay-rejects", dataset)
    assert done.returncode == 0 and "3 of 3" in done.stdout, done.stdout + done.stderr
    assert as_seen(visits, now) == expected([good], now)
    assert visits.sql("select count(*) from visits.errors where not resolved") == [(0,)]


def test_every_field_arrives_typed(visits: Installation) -> None:
    line = (
        'Ana@Example.test,J7,HARD,SI,05/01/2026 09:30,05/01/2026 10:00,3,1,-,0,0,"https://a.test/x,https://b.test",'
        '"192.0.2.1","Chrome,Firefox",-'
    )
    load(visits, dropped=(Report("report_1.txt", f"{HEADER}\r\n{line}\r\n".encode()),))
    columns = (
        "email, jyv, bad_mail, unsubscribed, sent_at::text, opened_at::text, opens, viral_opens, clicked_at, clicks, "
        "viral_clicks, links, ips, browsers, platforms"
    )
    assert visits.sql(f"set timezone to '{ZONE}'; select {columns} from visits.statistics") == [
        (
            "Ana@Example.test", "J7", "HARD", "SI", "2026-01-05 09:30:00+01", "2026-01-05 10:00:00+01", 3, 1, None,
            0, 0, ["https://a.test/x", "https://b.test"], ["192.0.2.1"], ["Chrome", "Firefox"], None,
        )
    ]  # fmt: skip
    with contextlib.closing(psycopg2.connect(visits.url)) as connection, connection.cursor() as cursor:
        analyst = read_visibility(cursor, "ben")
    assert analyst.masked_columns("visits", "statistics") == {"email", "ips"}
    # every column of it may be made from the email, as far as PostgreSQL says
    assert analyst.masked_columns("visits", "visitor") >= {"email", "last_visit"}
    assert {"value", "reason", "raw_row"} <= analyst.masked_columns("visits", "errors")


def test_bad_rows_and_another_layout_stand_in_the_views(visits: Installation) -> None:
    spoilt = visits_reports.spoil_rows(
        visits_reports.make_report(1, date(2026, 12, 30), 6), email=1, dates=1, no_date=1
    )
    other = Report("report_2.txt", b"email,jyv\nana@example.test,\n", refused=True)
    load(visits, dropped=(spoilt, other), code=65)
    rows = visits.sql(
        "select what, file, line, column_name, value, reason, raw_row from visits.errors order by what, line"
    )
    assert [row[:5] for row in rows] == [
        ("file", "report_2.txt", None, None, None),
        ("row", "report_1.txt", 2, "email", "not an email"),
        ("row", "report_1.txt", 3, "sent_at", "31/02/2026 10:00"),
        ("row", "report_1.txt", 4, "sent_at", "-"),
    ]
    assert f"expected the header {HEADER}, found email,jyv" in rows[0][5]
    lines = spoilt.content.decode().splitlines()
    assert [row[6] for row in rows[1:]] == lines[1:4]
    kept = sorted((visits.data / "file_watcher" / "refused").glob("report_2_*"))
    assert [path.suffixes[-2:] for path in kept] == [[".txt"], [".reason", ".txt"]]
    assert kept[0].read_bytes() == other.content
    columns = "files, files_loaded, files_refused, rows_read, rows_loaded, rows_rejected"
    log = visits.sql(f"select {columns} from visits.load_log")
    assert log == [(2, 1, 1, 6, 3, 3)]


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace("Fecha envio,", ""),
        HEADER + ",Pais",
        HEADER.replace("Opens,Opens virales", "Opens virales,Opens"),
        HEADER.replace("Fecha click", "Fecha envio"),
    ],
)
def test_a_file_of_another_layout_is_refused_whole(visits: Installation, header: str) -> None:
    line = visits_reports.make_report(1, date(2026, 12, 30), 1).content.decode().splitlines()[1]
    load(visits, dropped=(Report("report_1.txt", f"{header}\n{line}\n".encode()),), code=65)
    assert visits.sql("select count(*) from visits.statistics") == [(0,)]
    assert visits.sql("select status from dba.tfile") == [("refused",)]


def test_accents_line_ends_and_encodings_make_no_other_layout(visits: Installation) -> None:
    day = date(2026, 12, 30)
    crlf = visits_reports.make_report(1, day, 5, end="\r\n")
    accents = visits_reports.add_accents(visits_reports.make_report(2, day, 5))
    utf8 = Report("report_3.txt", visits_reports.make_report(3, day, 5).content.replace(b"envio", "envío".encode()))
    only_header = Report("report_4.txt", f"{HEADER}\n".encode())
    load(visits, dropped=(crlf, accents, utf8, only_header))
    assert visits.sql("select name, rows_loaded from dba.tfile order by name") == [
        ("report_1.txt", 5), ("report_2.txt", 5), ("report_3.txt", 5), ("report_4.txt", 0),
    ]  # fmt: skip


def test_all_rows_bad_is_still_no_refusal(visits: Installation) -> None:
    day = date(2026, 12, 30)
    spoilt = visits_reports.spoil_rows(visits_reports.make_report(1, day, 40), email=40, dates=0, no_date=0)
    load(visits, dropped=(spoilt,))
    assert visits.sql("select status, rows_loaded, rows_rejected from dba.tfile") == [("loaded", 0, 40)]


def test_the_phases_run_alone(visits: Installation) -> None:
    report = visits_reports.make_report(1, date(2026, 12, 30), 5)
    visits.drop(report.name, report.content)
    temporary = visits.data / "file_watcher" / "file_watcher_temp"
    assert visits.run("generic_import", "visits", "--phase", "prepare").returncode == 0
    assert visits.sql("select status from dba.tfile") == [("prepared",)]
    assert [path.name for path in temporary.glob("*.csv")] == ["report_1.txt.clean.csv"]
    load(visits)
    assert visits.sql("select status, rows_loaded from dba.tfile") == [("loaded", 5)]
    assert list(temporary.glob("*.csv")) == []


def test_the_reader_sees_the_views(visits: Installation) -> None:
    import contextlib

    import psycopg2

    load(visits, dropped=tuple(itertools.islice(visits_reports.make_reports(visits_reports.DAYS[0]), 3)))
    with contextlib.closing(psycopg2.connect(visits.reader_url)) as connection, connection.cursor() as cursor:
        for view in ("visitor", "errors", "load_log", "statistics_current"):
            cursor.execute(f"select count(*) from visits.{view}")
            assert cursor.fetchone() != (0,), view


def test_a_host_without_the_server_loads_its_other_imports(visits: Installation) -> None:
    visits.configure("lists", file_pattern=r"list_.*")
    visits.drop("list_1.csv", "name\none\n")
    summary = visits.summary("generic_import", "--all")
    # other imports of this host may have troubles of their own, such as no internet
    assert [text for text in summary["problems"] if "VISITS" in text] == []
    assert visits.sql("select status from dba.tfile where config_name = 'lists'") == [("loaded",)]
    assert [text for text in summary["warnings"] if "SOURCE_VISITS_HOST" in text]
    alone = visits.run("generic_import", "visits")
    assert alone.returncode == 78 and "${SOURCE_VISITS_HOST} is not set" in alone.stderr
