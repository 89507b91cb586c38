"""The reader's login sees which rules hold, refuse or warn of a file, and how many rows, but no value of it."""

from __future__ import annotations

import contextlib
import itertools

import psycopg2

from systemscripts.db_utils import reader_rights
from tests.findings.test_values import SCHEMA, rows
from tests.ingest.test_identity_rules import Office, states

# values of findings: of the files before, and of those that are held, refused or warned of
SAMPLES = ("Bonn", "Jena", "Weimar", "00300001", "00400001")
WEEKS_LATER = "2036-01-20T06:00:00"


def judge_files(office: Office) -> None:
    """Let runs hold, refuse and warn of files, and the watchdog remind of one."""
    here = office.here
    here.configure("things", schema=SCHEMA, key_columns=["id"])
    for week in range(3):
        assert states(office.load(f"things_{week}.csv", rows(week))) == ["loaded"]
    here.drop("things_3.csv", rows(3, town="Weimar"))
    here.drop("things_4.csv", rows(4).replace("id,town", "id,Ort"))
    assert here.run("generic_import", "things").returncode == 65
    here.configure("things", columns={"renamed": "refuse"})
    here.drop("things_5.csv", rows(5).replace("id,town", "id,Stadt"))
    assert here.run("generic_import", "things").returncode == 65
    here.run("watchdog", ETL_NOW=WEEKS_LATER)


def read_all(url: str, views: list[str]) -> dict[str, str]:
    """Return everything that a login reads in some views."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        texts = {}
        for view in views:
            cursor.execute(f"select coalesce(string_agg(v::text, E'\\n'), '') from dba.{view} v")
            ((texts[view],),) = cursor.fetchall()
        cursor.execute("select dba.without_findings('timeout; dataset 4 stays held: town is missing')")
        ((texts["a decision"],),) = cursor.fetchall()
    return texts


def test_no_view_shows_the_reader_a_value_of_a_finding_and_operators_see_all_of_it(office: Office) -> None:
    judge_files(office)
    here = office.here
    found = here.sql("select table_name from information_schema.views where table_schema = 'dba'")
    views = [name for (name,) in found if name.startswith("v_") and name not in reader_rights.CLOSED_VIEWS]
    full, seen = read_all(here.url, views), read_all(here.reader_url, views)
    for view, sample in itertools.product(views, SAMPLES):
        assert sample not in seen[view], f"{sample} in {view}: {seen[view]}"
    for view, sample in (
        ("v_warning", "Weimar"), ("v_warning", "Bonn"), ("v_dataset", "Bonn"), ("v_load", "Bonn"),
        ("v_waiting", "Jena"), ("v_run", "Jena"), ("v_failure", "Jena"),
    ):  # fmt: skip
        assert sample in full[view], f"{sample} not in {view}: {full[view]}"
    assert "held by column_renamed of town; " in seen["v_dataset"]
    assert " datasets accept 5, or " in seen["v_dataset"]
    assert "things_3.csv: constant" in seen["v_warning"]
    assert "refused by column_renamed of town" in seen["v_waiting"]
    assert "things_4.csv is held, see dba.v_load" in seen["v_run"]
    assert "things_5.csv is refused, see dba.v_load" in seen["v_failure"]
    assert seen["a decision"] == "timeout; dataset 4 stays held, see dba.v_load"

    # each view counts what is held
    held = [(220, 0, 0, 0, 220)]
    counts = "rows_read, rows_loaded, rows_rejected, rows_skipped, rows_held"
    assert here.sql(f"select {counts} from dba.v_load where status = 'held'") == held
    assert here.sql(f"select {counts} from dba.v_dataset where status = 'held'") == held
    assert here.sql("select rows_read, rows_held from dba.v_run where error like 'things_4.csv is held%'") == [
        (440, 220)
    ]
    assert here.sql("select sum(files_held), sum(rows_held), sum(files_refused) from dba.v_week") == [(1, 220, 1)]
    assert "things (dataset 5): held, 220 rows, since" in here.run("status").stdout
