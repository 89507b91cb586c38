"""Held files in every load mode: nothing of them in the target, and what an acceptance or a retry makes of them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError, UsageError
from systemscripts.ingest import accept_held
from systemscripts.ingest.accept_held import Verdict
from systemscripts.summary import Summary
from tests.conftest import Installation
from tests.ingest.test_identity_rules import RUN, Office, states

KILL_POINT = Path(__file__).with_name("kill_point.py")
SCHEMA = {"id": "integer", "town": "text", "amount": "numeric"}
MODES: list[dict[str, Any]] = [{"load_mode": mode} for mode in ("snapshot", "append", "upsert", "new_rows")]
TOWNS = ("Bonn", "Ulm", "Trier", "Köln")


class Desk(Office):
    """An import of weekly lists with declared columns and a key, and what an operator does about held files."""

    def start(self, **config: Any) -> None:
        self.here.configure("things", schema=SCHEMA, key_columns=["id"], **config)
        for week in (1, 2):
            assert states(self.load(f"things_{week}.csv", weekly(week))) == ["loaded"]

    def decide(self, dataset_id: int, **verdict: Any) -> Summary:
        directories = Directories(self.here.data)
        return accept_held.accept_dataset(self.connection, directories, RUN, dataset_id, verdict=Verdict(**verdict))

    def amounts(self) -> list[Any]:
        return self.here.sql("select count(*), count(amount), sum(amount) from public.things_current")


@pytest.fixture
def desk(here: Installation) -> Iterator[Desk]:
    with contextlib.ExitStack() as stack:
        yield Desk(here, stack)


def weekly(week: int, header: str = "id,town,amount", rows: int = 40) -> str:
    lines = (f"{week * 100 + number},{TOWNS[number % 4]},{week}{number}.50\n" for number in range(rows))
    return header + "\n" + "".join(lines)


@pytest.mark.parametrize("mode", MODES)
def test_a_renamed_column_is_held_and_taken_as_renamed_once_for_all(desk: Desk, mode: dict[str, Any]) -> None:
    desk.start(**mode)
    before = desk.amounts()
    held = desk.load("things_3.csv", weekly(3, "id,town,Betrag EUR"))
    number = held.rows[0]["dataset"]
    assert (states(held), held.exit_code, held.counts.held, desk.amounts()) == (["held"], 65, 40, before)
    assert "amount is missing, 'Betrag EUR' may be its new name" in held.problems[0]
    assert desk.here.sql("select column_name from information_schema.columns where table_name = 'things'") == [
        (name,) for name in ("dataset_id", "source_row", *(["row_hash"] if mode["load_mode"] == "new_rows" else []))
    ] + [("id",), ("town",), ("amount",)]
    accepted = desk.decide(number, as_renamed=True)
    assert (states(accepted), accepted.counts.loaded, accepted.exit_code) == (["loaded"], 40, 0)
    count, filled, _ = desk.amounts()[0]
    assert count == filled
    following = desk.load("things_4.csv", weekly(4, "id,town,Betrag EUR"))
    assert (states(following), following.warnings, following.details, following.problems) == (["loaded"], (), [], [])
    versions = "select source, content -> 'learned_aliases' from dba.tconfighistory order by version desc limit 1"
    assert desk.here.sql(versions) == [("accepted", {"Betrag EUR": "amount"})]


def test_undoing_what_was_accepted_as_renamed_withdraws_the_name(desk: Desk) -> None:
    desk.start(load_mode="append")
    held = desk.load("things_3.csv", weekly(3, "id,town,Betrag")).rows[0]["dataset"]
    loaded = desk.decide(held, as_renamed=True).rows[0]["dataset"]
    desk.undo(loaded)
    assert states(desk.load("things_4.csv", weekly(4, "id,town,Betrag"))) == ["held"]


def test_accepted_as_it_is_a_file_lacks_the_column_and_the_next_one_alike_is_good(desk: Desk) -> None:
    desk.start(load_mode="append")
    held = desk.load("things_3.csv", weekly(3, "id,town,remark")).rows[0]["dataset"]
    desk.decide(held, reason="the client no longer sends amounts")
    assert desk.amounts()[0][:2] == (120, 80)
    decisions = "select decision, decision_reason from dba.tfinding where severity = 'hold'"
    assert set(desk.here.sql(decisions)) == {("accepted", "the client no longer sends amounts")}
    following = desk.load("things_4.csv", weekly(4, "id,town,remark"))
    assert (states(following), following.warnings) == (["loaded"], ())


def test_a_corrected_configuration_brings_in_what_is_held(desk: Desk) -> None:
    desk.start(load_mode="upsert")
    for week in (3, 4):
        assert states(desk.load(f"things_{week}.csv", weekly(week, "id,town,Summe"))) == ["held"]
    directories = Directories(desk.here.data)
    still = accept_held.retry_held(desk.connection, directories, RUN, "things")
    assert (still.headline, still.exit_code) == ("0 of 2 held datasets loaded", 65)
    desk.here.configure("things", reading={"aliases": {"amount": ["Summe"]}})
    done = accept_held.retry_held(desk.connection, directories, RUN, "things")
    assert (done.headline, done.exit_code, desk.amounts()[0][:2]) == ("2 of 2 held datasets loaded", 0, (160, 160))
    assert desk.here.sql("select count(*) from dba.tdataset where status = 'held'") == [(0,)]


def test_all_that_the_same_finding_holds_are_accepted_at_once(desk: Desk) -> None:
    desk.start(load_mode="append")
    held = [desk.load(f"things_{week}.csv", weekly(week, "id,town,Summe")).rows[0]["dataset"] for week in (3, 4)]
    verdict = Verdict(as_renamed=True)
    done = accept_held.accept_alike(desk.connection, Directories(desk.here.data), RUN, held[0], verdict=verdict)
    assert (done.headline, desk.amounts()[0][:2]) == ("2 of 2 held datasets loaded", (160, 160))


def test_an_acceptance_asks_for_a_held_dataset_its_file_and_a_proposal(desk: Desk) -> None:
    desk.start(load_mode="append")
    with pytest.raises(UsageError, match="dataset 1 is active, not held"):
        desk.decide(1)
    held = desk.load("things_3.csv", "id,town\n" + "".join(f"{number},Ulm\n" for number in range(900, 940)))
    with pytest.raises(UsageError, match="no new name is proposed"):
        desk.decide(held.rows[0]["dataset"], as_renamed=True)
    (kept,) = (desk.here.data / "archive").rglob("things_3.csv")
    kept.unlink()
    with pytest.raises(UsageError, match=r"things_3.csv, the file of dataset 3, is needed, but not in the archive"):
        desk.decide(held.rows[0]["dataset"])


def test_what_else_a_held_file_has_against_it_is_told_before_it_is_accepted(desk: Desk) -> None:
    desk.start(load_mode="append", guards={"min_rows": 30})
    few = desk.load("things_3.csv", weekly(3, "id,town,Betrag", rows=20)).rows[0]["dataset"]
    with pytest.raises(BadDataError, match=r"stays held: 20 rows, guards.min_rows asks for 30"):
        desk.decide(few, as_renamed=True)
    assert desk.amounts()[0][:2] == (80, 80)
    assert desk.decide(few, as_renamed=True).counts.loaded == 20


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("systemscripts.imports.copy_rows:copy_table", "after"),
        ("systemscripts.ingest.accept_held:_close", "after"),
        ("systemscripts.configuration.learned_aliases:learn_aliases", "after"),
        ("systemscripts.summary:Summary.as_text", "before"),
    ],
)
def test_a_kill_within_an_acceptance_leaves_all_or_nothing_and_repeating_it_heals(
    desk: Desk, step: str, when: str
) -> None:
    desk.start(load_mode="append")
    held = desk.load("things_3.csv", weekly(3, "id,town,Betrag")).rows[0]["dataset"]
    command = [sys.executable, str(KILL_POINT), step, when, "1", "datasets", "accept", str(held), "--as-renamed"]
    environment = desk.here.process_environment()
    killed = subprocess.run(command, env=environment, cwd=desk.here.data, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    done = desk.here.run("datasets", "accept", held, "--as-renamed")
    assert done.returncode == 0, done.stderr
    assert desk.amounts()[0][:2] == (120, 120)
    assert desk.here.sql("select count(*) from dba.tdataset where status = 'active'") == [(3,)]
    assert desk.here.sql("select count(*) from dba.tcolumnalias where withdrawn_at is null") == [(1,)]
