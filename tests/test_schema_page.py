"""docs/schema.md is what the database has."""

from __future__ import annotations

import contextlib

import psycopg2

from systemscripts.db_utils import schema_page
from tests.conftest import Installation

COMMAND = "PYTHONPATH=. .venv/bin/python -m systemscripts.db_utils.schema_page"


def test_the_page_is_what_the_catalog_of_a_new_database_says(installation: Installation) -> None:
    installation.configure("own", target_table="dba.tmeetmax")  # a target is of one installation: it is not drawn
    installation.sql("create table dba.tmeetmax (a text)")
    with contextlib.closing(psycopg2.connect(installation.url)) as connection, connection.cursor() as cursor:
        text = schema_page.render_page(cursor)
        cursor.execute("alter table dba.tfile add column one_more text")
        changed = schema_page.render_page(cursor)
    assert text == schema_page.PAGE.read_text(), f"the database was changed: run {COMMAND}"
    assert text != changed and "one_more" in changed and "tmeetmax" not in text
    for words in ('"dba.timportconfig" ||--o{ "dba.tfile" : config_name', "### visits.statistics", "sales.sales_team"):
        assert words in text
    assert "|  |" not in text, "a column without a comment"
