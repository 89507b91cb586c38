"""Held files after their decision: which rows count, which file is kept, what is judged again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from systemscripts import configuration, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.ingest import accept_held, daily_zip
from systemscripts.ingest.accept_held import Verdict
from systemscripts.retention import expired_files, retention_view
from systemscripts.summary import Summary
from tests.conftest import Installation
from tests.ingest.test_held_files import KILL_POINT, MODES, Desk, weekly
from tests.ingest.test_identity_rules import RUN, UPSERT, Office, states, texts

OTHER_MODES = [mode for mode in MODES if mode["load_mode"] != "append"]


@pytest.fixture
def desk(here: Installation) -> Iterator[Desk]:
    with contextlib.ExitStack() as stack:
        yield Desk(here, stack)


@pytest.fixture
def office(here: Installation) -> Iterator[Office]:
    with contextlib.ExitStack() as stack:
        yield Office(here, stack)


def held(summary: Summary) -> int:
    """Return the number of the one dataset that is held."""
    assert states(summary) == ["held"]
    return int(summary.rows[0]["dataset"])


def status(desk: Office, dataset_id: int) -> tuple[Any, ...]:
    return desk.here.sql("select status, superseded_by from dba.tdataset where dataset_id = %s", (dataset_id,))[0]


# Order ----------------------------------------------------------------------------------------------------------------


def test_a_held_upsert_without_a_date_that_is_accepted_late_leaves_what_newer_files_wrote(office: Office) -> None:
    office.here.configure("things", **UPSERT, guards={"min_rows": 3})
    office.load("things_1.csv", "id,a\n1,first\n2,first\n3,first\n")
    late = held(office.load("things_2.csv", "id,a\n1,held\n2,held\n"))
    assert states(office.load("things_3.csv", "id,a\n1,newer\n8,newer\n9,newer\n")) == ["loaded"]
    accepted = office.accept(late)
    assert office.rows() == [("1", "newer"), ("2", "held"), ("3", "first"), ("8", "newer"), ("9", "newer")]
    assert (accepted.counts.loaded, accepted.counts.skipped) == (1, 1)
    assert "not changed, because the file came before them, as dataset 2: 1 row that a later file wrote" in texts(
        accepted
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_held_upserts_end_alike_in_whatever_order_they_are_accepted(office: Office, order: tuple[int, int]) -> None:
    office.here.configure("things", **UPSERT, guards={"min_rows": 3})
    office.load("things_1.csv", "id,a\n1,first\n2,first\n3,first\n")
    numbers = [held(office.load(f"things_{value}.csv", f"id,a\n1,{value}\n")) for value in ("b", "c")]
    for place in order:
        office.accept(numbers[place])
    assert office.rows()[0] == ("1", "c")


def test_an_accepted_snapshot_closes_no_held_one_that_came_after_it(office: Office) -> None:
    office.here.configure("things", guards={"min_rows": 3})
    office.load("things_1.csv", "id,a\n1,first\n2,first\n3,first\n")
    earlier, later = (held(office.load(f"things_{value}.csv", f"id,a\n1,{value}\n")) for value in ("b", "c"))
    office.accept(earlier)
    assert status(office, later) == ("held", None)
    assert office.accept(later).exit_code == 0
    assert office.rows() == [("1", "c")]


# Judged again ---------------------------------------------------------------------------------------------------------


def test_reload_judges_a_held_content_again_and_closes_the_held_one(desk: Desk) -> None:
    desk.start(load_mode="append")
    first = held(desk.load("things_3.csv", weekly(3, "id,town,Summe")))
    again = held(desk.load("things_3b.csv", weekly(3, "id,town,Summe"), reload=True))
    assert (status(desk, first), status(desk, again)) == (("superseded", again), ("held", None))
    desk.here.configure("things", reading={"aliases": {"amount": ["Summe"]}})
    shown = desk.load("things_3c.csv", weekly(3, "id,town,Summe"), reload=True, dry_run=True)
    assert states(shown) == ["would be loaded"]
    loaded = desk.run("things", reload=True)
    assert (states(loaded), desk.amounts()[0][:2]) == (["loaded"], (120, 120))
    assert status(desk, again) == ("superseded", loaded.rows[0]["dataset"])
    assert set(desk.here.sql("select decision from dba.tfinding where severity = 'hold'")) == {("overtaken",)}


def test_one_header_cannot_be_accepted_for_two_columns(desk: Desk) -> None:
    desk.start(load_mode="append")
    first = held(desk.load("things_3.csv", weekly(3, "id,town,Betrag")))
    other = held(desk.load("things_4.csv", weekly(4, "id,Betrag,amount")))
    desk.decide(first, as_renamed=True)
    desk.here.sql(
        """update dba.tfinding set column_name = 'town', detail = '{"renamed_to": "BETRAG"}' where dataset_id = %s""",
        (other,),
    )
    with pytest.raises(UsageError, match="'BETRAG' is to mean town in dataset 4, but it means amount already"):
        desk.decide(other, as_renamed=True)
    assert desk.here.sql("select column_name, header from dba.tcolumnalias") == [("amount", "Betrag")]
    assert status(desk, other) == ("held", None)


def test_all_alike_are_accepted_but_one_that_has_more_against_it(desk: Desk) -> None:
    desk.start(load_mode="append", guards={"min_rows": 30})
    first = held(desk.load("things_3.csv", weekly(3, "id,town,Summe")))
    few = held(desk.load("things_4.csv", weekly(4, "id,town,Summe", rows=20)))
    directories = Directories(desk.here.data)
    done = accept_held.accept_alike(desk.connection, directories, RUN, first, verdict=Verdict(as_renamed=True))
    assert (done.headline, done.exit_code) == ("1 of 2 held datasets loaded", 65)
    assert f"dataset {few} stays held: 20 rows, guards.min_rows asks for 30" in done.problems[0]
    assert (desk.amounts()[0][:2], status(desk, few)) == ((120, 120), ("held", None))


def test_a_refused_file_may_be_held_when_it_is_tried_again(desk: Desk) -> None:
    desk.start(load_mode="append", columns={"renamed": "refuse"})
    refused = desk.load("things_3.csv", weekly(3, "id,town,Summe"))
    assert states(refused) == ["refused"]
    assert desk.here.sql("select rule, severity, column_name, dataset_id from dba.tfinding") == [
        ("column_renamed", "refuse", "amount", None)
    ]
    desk.here.configure("things", columns={})
    number = held(desk.run("things", retry_refused=True))
    assert desk.here.sql("select count(*) from dba.v_waiting") == [(1,)]
    assert desk.decide(number, as_renamed=True).counts.loaded == 40
    assert desk.here.sql("select count(*) from dba.v_waiting") == [(0,)]


@pytest.mark.parametrize("mode", MODES)
def test_undoing_an_accepted_file_takes_its_rows_back_and_its_content_stays_known(
    desk: Desk, mode: dict[str, Any]
) -> None:
    desk.start(**mode)
    before = desk.amounts()
    number = held(desk.load("things_3.csv", weekly(3, "id,town,Summe")))
    loaded = desk.decide(number, as_renamed=True).rows[0]["dataset"]
    assert desk.amounts() != before
    desk.undo(loaded)
    assert desk.amounts() == before
    assert "accepted already, as dataset 4" in desk.decide(number).headline
    again = desk.load("things_4.csv", weekly(3, "id,town,Summe"))
    assert (states(again), "dataset 4, which was undone" in texts(again)) == (["duplicate"], True)


def test_what_a_retry_loaded_is_recognised_when_it_is_asked_for_again(desk: Desk) -> None:
    desk.start(load_mode="append")
    number = held(desk.load("things_3.csv", weekly(3, "id,town,Summe")))
    desk.here.configure("things", reading={"aliases": {"amount": ["Summe"]}})
    accept_held.retry_held(desk.connection, Directories(desk.here.data), RUN, "things")
    assert "accepted already, as dataset 4: nothing to do" in desk.decide(number).headline


# The file -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["accept", "undo", "overtake", "reload"])
def test_without_an_archive_a_held_file_is_kept_until_it_is_decided(desk: Desk, decision: str) -> None:
    desk.start(archive_policy="none")
    number = held(desk.load("things_3.csv", weekly(3, "id,town,Summe")))
    assert list(desk.here.read_archive()) == ["things_3.csv"]
    if decision == "accept":
        desk.decide(number, as_renamed=True)
    elif decision == "undo":
        desk.undo(number)
    elif decision == "overtake":
        desk.load("things_4.csv", weekly(4))
        desk.run("things")
    else:
        held(desk.load("things_3.csv", weekly(3, "id,town,Summe"), reload=True))
        desk.run("things")
        # the one that is held now needs it
        assert list(desk.here.read_archive()) == ["things_3.csv"]
        desk.undo(number + 1)
    assert desk.here.read_archive() == {}
    left = "select count(*) from dba.tfile where archived_at is null or settled_at is null or keep_path is not null"
    assert desk.here.sql(left) == [(0,)]


def test_a_held_file_is_accepted_out_of_the_zip_of_its_day_and_after_a_purge(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.start(load_mode="append", archive_policy="daily_zip")
    zipped, purged = (held(desk.load(f"things_{week}.csv", weekly(week, "id,town,Summe"))) for week in (3, 4))
    monkeypatch.setenv("ETL_NOW", "2037-01-01T06:00:00")
    settings.reset()
    config = configuration.load_import(desk.connection, "things")
    directories = Directories(desk.here.data)
    daily_zip.zip_days(desk.connection, config, directories, Summary(), 0)
    assert all(name.endswith(".zip") for name in desk.here.read_archive())
    assert desk.decide(zipped, as_renamed=True).counts.loaded == 40
    view = retention_view.View(directories, desk.connection, settings.now())
    for due in expired_files.due(view):
        due.remove()
    assert desk.decide(purged, as_renamed=True).counts.loaded == 40


@pytest.mark.parametrize("mode", OTHER_MODES)
@pytest.mark.parametrize("place", ["systemscripts.ingest.accept_held:_close", "systemscripts.summary:Summary.as_text"])
def test_a_kill_within_an_acceptance_heals_in_the_other_load_modes(
    desk: Desk, mode: dict[str, Any], place: str
) -> None:
    desk.start(**mode, archive_policy="none")
    number = held(desk.load("things_3.csv", weekly(3, "id,town,Betrag")))
    before = desk.amounts()
    command = [sys.executable, str(KILL_POINT), place, "after", "1", "datasets", "accept", str(number), "--as-renamed"]
    killed = subprocess.run(command, env=desk.here.process_environment(), cwd=desk.here.data, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    if place.endswith("_close"):
        assert desk.amounts() == before
    desk.decide(number, as_renamed=True)
    desk.run("things")
    rows = 40 if mode["load_mode"] == "snapshot" else 120
    assert desk.amounts()[0][:2] == (rows, rows)
    assert (status(desk, number)[0], desk.here.read_archive()) == ("superseded", {})
