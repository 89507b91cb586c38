"""A page with tables for its layout that arrives as a company list: the key tells it from one."""

from __future__ import annotations

from demo.meetmax_outages import LAYOUT, NOTICE
from tests.conftest import Installation

COLUMNS = "select attname from pg_attribute where attrelid = 'dba.tmeetmax'::regclass and attnum > 0 order by attnum"
LIST = "<table><tr><th>{header}</th><th>Sector</th></tr><tr><td>ALNX</td><td>Energy</td></tr></table>"
HEADER_ONLY = "<table><tr><th>COMPANY / Organization:</th><th>Sector</th></tr></table>"


def test_a_page_with_layout_tables_is_refused_and_removes_no_company(installation: Installation) -> None:
    installation.drop("20260302T063000_MeetMax_119179.xls", LIST.replace("{header}", "Ticker"))
    installation.drop("20260302T063000_MeetMax_119181.xls", LIST.replace("{header}", "Company Ticker"))
    assert installation.run("generic_import", "meetmax_events").returncode == 0
    before = installation.sql(COLUMNS)
    installation.drop("20260309T063000_MeetMax_119179.xls", LAYOUT)
    installation.drop("20260309T063000_MeetMax_119181.xls", NOTICE)
    installation.drop("20260309T063000_MeetMax_119182.xls", HEADER_ONLY)
    done = installation.run("generic_import", "meetmax_events")
    assert done.returncode == 65
    assert "no column of the key (ticker|company_name)" in done.stdout
    assert installation.sql(COLUMNS) == [*before, ("company_name",)]  # of the list that is one
    assert installation.sql("select label, rows_loaded from dba.v_current_dataset order by 1") == [
        ("119179", 1),
        ("119181", 1),
        ("119182", 0),
    ]
