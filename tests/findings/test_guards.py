"""Files without rows, and files of which most rows do not fit, are held in every load mode."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Installation
from tests.ingest.test_identity_rules import Office, states

MODES = ("snapshot", "append", "upsert", "new_rows")
SCHEMA = {"id": "integer", "a": "integer"}


@pytest.fixture
def office(here: Installation) -> Iterator[Office]:
    with contextlib.ExitStack() as stack:
        yield Office(here, stack)


def configure(office: Office, mode: str, **config: Any) -> None:
    office.here.configure("things", load_mode=mode, key_columns=["id"], schema=SCHEMA, **config)


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_file_a_header_alone_and_one_of_which_no_row_fits_are_held(office: Office, mode: str) -> None:
    configure(office, mode)
    assert states(office.load("things_1.csv", "id,a\n1,1\n2,2\n3,3\n")) == ["loaded"]
    for number, text in enumerate(("", "id,a\n", "id,a\nx,1\ny,2\n"), start=2):
        held = office.load(f"things_{number}.csv", text)
        assert (states(held), held.exit_code) == (["held"], 65), text
    assert office.here.sql("select rule from dba.tfinding where severity = 'hold' order by finding_id") == [
        ("no_rows",), ("no_rows",), ("no_row_fits",),
    ]  # fmt: skip
    assert len(office.rows()) == 3
    configure(office, mode, guards={"allow_empty": True})
    assert states(office.load("things_9.csv", "id,a\n")) in (["loaded"], ["duplicate"])


def test_a_file_of_which_most_rows_do_not_fit_is_held_and_only_warned_of_where_a_rate_is_set(office: Office) -> None:
    configure(office, "append")
    mostly_bad = "id,a\n1,x\n2,y\n3,3\n"
    assert states(office.load("things_1.csv", mostly_bad)) == ["held"]
    configure(office, "append", max_reject_rate=0.9)
    loaded = office.load("things_2.csv", mostly_bad.replace("3,3", "4,4"))
    assert (states(loaded), loaded.exit_code) == (["loaded"], 0)
    assert "2 of its 3 rows do not fit" in " ".join(notice.text for notice in loaded.warnings)
