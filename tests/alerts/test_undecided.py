"""A job whose file is held or refused has recovered when the file is decided, not when the next run has no file."""

from __future__ import annotations

import re

from tests.conftest import Installation
from tests.tiny_jobs import Mails

FAILED, RECOVERED = "[ETL] generic_import lists failed", "[ETL] generic_import lists recovered"


def test_a_held_file_is_one_mail_another_is_another_and_the_recovery_waits_for_both(
    installation: Installation, mails: Mails
) -> None:
    installation.configure("lists", load_mode="append", guards={"min_rows": 2}, schema={"name": "text"})
    installation.drop("lists_1.csv", "name\nx\n")
    for _ in range(2):
        installation.run("generic_import", "lists")
    assert mails.list_subjects() == [FAILED]
    assert re.search(r"Next: look at the file.*\n.*etl datasets accept 1\n.*etl datasets undo 1\n", mails.read_text())
    installation.drop("lists_2.csv", "name\ny\n")
    for _ in range(2):
        installation.run("generic_import", "lists")
    assert mails.list_subjects() == [FAILED, FAILED]
    assert installation.run("datasets", "accept", "1").returncode == 0
    assert installation.run("generic_import", "lists").returncode == 0
    assert mails.list_subjects() == [FAILED, FAILED]
    assert installation.run("datasets", "undo", "2").returncode == 0
    installation.run("generic_import", "lists")
    assert mails.list_subjects() == [FAILED, FAILED, RECOVERED]


def test_a_refused_file_has_recovered_when_a_good_one_has_taken_its_place(
    installation: Installation, mails: Mails
) -> None:
    installation.configure("lists", exact_header=["name"])
    installation.drop("lists_1.csv", "other\nx\n")
    for _ in range(3):
        installation.run("generic_import", "lists")
    assert mails.list_subjects() == [FAILED]
    installation.drop("lists_1.csv", "name\nx\n")
    for _ in range(2):
        installation.run("generic_import", "lists")
    assert mails.list_subjects() == [FAILED, RECOVERED]
