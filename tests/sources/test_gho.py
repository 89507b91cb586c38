"""An indicator kept current: the configuration that is delivered, against a server that behaves like WHO's."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from demo import gho_data
from demo.odata_server import BUSY, CUT, DOWN, ODataServer
from tests.conftest import PROJECT, Installation

NAME, CODE = "gho_life_expectancy", "WHOSIS_000001"
NOW, LATER = "2026-11-24T05:00:00", "2026-12-01T05:00:00"
ROWS = 6 * 9 * 3  # countries, years no older than 3650 days, sexes
PAGE = 40
FULL_FILE = rf"20261124T05\d{{4}}_{NAME}_full\.jsonl"  # the clock goes on from NOW until the file is begun
KILLING = PROJECT / "tests" / "ingest" / "kill_point.py"
TABLE = "public.life_expectancy_at_birth"


@pytest.fixture
def who() -> Iterator[ODataServer]:
    with ODataServer(page_size=PAGE) as running:
        yield running


@pytest.fixture
def gho(installation: Installation, who: ODataServer) -> Installation:
    installation.write_settings(SOURCE_GHO_URL=who.base_url)
    installation.environment["ETL_NOW"] = NOW
    return installation


def load(installation: Installation, *options: str, now: str = NOW) -> dict[str, Any]:
    return installation.summary("generic_import", NAME, *options, ETL_NOW=now)


def table(installation: Installation) -> list[tuple[Any, ...]]:
    """Everything but the times of loading and the lineage."""
    return installation.sql(
        f"""select (to_jsonb(t) - '{{dataset_id, source_row, transformed_at, created_at}}'::text[])::text
            from {TABLE} t order by 1"""
    )


def test_an_indicator_is_loaded_with_country_and_sex(gho: Installation, who: ODataServer) -> None:
    summary = load(gho)
    assert (summary["exit_code"], summary["counts"]["loaded"]) == (0, ROWS)
    assert gho.sql(
        f"""select country, sex, timedim, numericvalue::text, low::text, value, dim2 from {TABLE}
            where spatialdim = 'BWA' and timedim = 2020 and dim1 = 'SEX_FMLE'"""
    ) == [("Botswana", "female", 2020, "68.5", "67.8", "68.5 [67.8-69.3]", None)]  # fmt: skip
    asked = who.requests[0][1]["$filter"]
    assert "SpatialDim in ('ZAF', 'BWA'" in asked and "TimeDimensionBegin ge 2016-11-26T00:00:00Z" in asked
    assert len(who.requests) == PAGES
    (archived,) = gho.read_archive()
    assert re.fullmatch(FULL_FILE, archived)
    stamps = gho.sql(f"select distinct transformed_at = created_at, created_at::date::text from {TABLE}")
    assert stamps == [(True, "2026-11-24")]


def test_again_there_is_nothing_new_and_only_what_changed_is_asked_for(gho: Installation, who: ODataServer) -> None:
    load(gho)
    before, asked = table(gho), len(who.requests)
    again = load(gho, now=LATER)
    assert again["exit_code"] == 0
    assert again["counts"]["loaded"] == 0
    assert table(gho) == before
    assert "and Date ge 2026-08-02T07:43:39.193000Z" in who.requests[asked][1]["$filter"]
    assert gho.sql(f"select count(*) from dba.trowhistory where target_table = '{TABLE}' and old_row is not null") == [
        (0,)
    ]


def test_a_release_with_other_ids_makes_no_row_twice(gho: Installation, who: ODataServer) -> None:
    load(gho)
    who.records[CODE] = gho_data.correct_records(who.records[CODE])
    summary = load(gho, now=LATER)
    assert gho.sql("select d.scope, f.scope from dba.tdataset d join dba.tfile f using (dataset_id) order by 1") == [
        ("", ""), ("news", "news"),
    ]  # fmt: skip
    new = 4 * 6 * 3 + 2  # the last four years, and two older values that were touched
    assert summary["counts"] == {"read": new, "loaded": new - 1, "rejected": 1, "skipped": 0, "held": 0}
    assert gho.sql(f"select count(*) from {TABLE}") == [(ROWS,)]


def only_values(who: ODataServer) -> None:
    """The corrections alone, with the Ids as they were."""
    changed = gho_data.correct_records(who.records[CODE])
    who.records[CODE] = [{**new, "Id": old["Id"]} for new, old in zip(changed, who.records[CODE], strict=True)]


def test_one_row_is_updated_its_old_value_kept_a_new_field_a_column_a_bad_record_rejected(
    gho: Installation, who: ODataServer
) -> None:
    load(gho)
    only_values(who)
    summary = load(gho, now=LATER)
    assert (summary["counts"]["loaded"], summary["counts"]["rejected"]) == (1, 1)
    assert gho.sql(
        f"""select numericvalue::text, datasourcedim, created_at < transformed_at from {TABLE}
            where country = 'Botswana' and timedim = 2020 and sex = 'female'"""
    ) == [("61.125", "revised", True)]
    assert gho.sql("select old_row ->> 'numericvalue' from dba.trowhistory where old_row is not null") == [("68.5",)]
    assert gho.sql("select column_name, value, reason from dba.trejectedrow") == [
        ("numericvalue", "-1", "numericvalue: '-1' is outside 0 to 120")
    ]
    shown = gho.run("dataset_changes", NAME)
    lines = [line for line in shown.stdout.splitlines() if "Botswana" in line and "changed" in line]
    assert {line.split()[-3] for line in lines} >= {"NumericValue"}, shown.stdout
    assert not any("transformed_at" in line for line in lines)


def test_once_in_a_while_everything_is_asked_for(gho: Installation, who: ODataServer) -> None:
    load(gho)
    quietly = next(
        r for r in who.records[CODE] if (r["SpatialDim"], r["TimeDim"], r["Dim1"]) == ("ZAF", 2019, "SEX_MLE")
    )
    quietly["NumericValue"] = 70.5  # without a new Date
    assert load(gho, now=LATER)["counts"]["loaded"] == 0
    assert load(gho, now="2026-12-22T05:00:01")["counts"]["loaded"] == 1
    assert "Date ge" not in who.requests[-1][1]["$filter"]


def test_busy_broken_and_cut_answers_are_asked_for_again(gho: Installation, who: ODataServer) -> None:
    who.hiccups = {2: BUSY, 4: DOWN, 6: CUT, 7: CUT}
    assert load(gho)["counts"]["loaded"] == ROWS


def test_a_budget_of_requests_is_never_exceeded_and_each_run_goes_on_where_the_last_one_ended(
    gho: Installation, who: ODataServer
) -> None:
    gho.run("apply_config")
    gho.sql(
        """update dba.timportconfig set sources = jsonb_set(sources, '{0,limits}', '{"requests": 2}')
           where config_name = %s""",
        (NAME,),
    )
    codes = []
    while not codes or (codes[-1] and len(codes) < PAGES):
        before = len(who.requests)
        done = gho.run("generic_import", NAME)
        codes.append(done.returncode)
        assert len(who.requests) - before <= 2
        assert done.returncode == 0 or "2 requests" in done.stderr + done.stdout
    assert codes[-1] == 0
    assert len(codes) == -(-PAGES // 2)
    assert len(who.requests) == PAGES  # no page was asked for twice
    assert gho.sql(f"select count(*) from {TABLE}") == [(ROWS,)]


def test_a_switched_off_indicator_rests_and_the_other_is_loaded(gho: Installation) -> None:
    gho.run("apply_config")
    gho.sql("update dba.timportconfig set is_active = false where config_name = %s", (NAME,))
    done = gho.run("generic_import", "--datasource", "who_gho")
    assert done.returncode == 0, done.stderr
    assert gho.sql("select config_name from dba.tdataset") == [(f"{NAME}_at_60",)]


def test_data_older_than_the_freshness_limit_are_reported(gho: Installation) -> None:
    assert load(gho)["exit_code"] == 0
    late = load(gho, now="2028-11-24T05:00:00")
    assert late["exit_code"] == 65
    assert (
        "the data are 845 days old (the newest date is of 2026-08-02), guards.max_age_days is 800"
        in late["problems"][0]
    )


@pytest.mark.timeout(300)
def test_the_three_phases_run_alone_and_each_removes_the_one_before(gho: Installation) -> None:
    temporary = gho.data / "file_watcher" / "file_watcher_temp"
    assert load(gho, "--phase", "fetch")["rows"][0]["state"] == "fetched"
    (fetched,) = gho.list_waiting()
    assert (re.fullmatch(FULL_FILE, fetched) is not None, list(temporary.iterdir())) == (True, [])
    assert load(gho, "--phase", "prepare")["rows"][0]["state"] == "prepared"
    assert [path.name for path in temporary.iterdir()] == [f"{fetched}.clean.csv"]
    assert load(gho, "--phase", "load")["counts"]["loaded"] == ROWS
    assert (gho.list_waiting(), list(temporary.iterdir())) == ([], [])


PAGES = -(-ROWS // PAGE)
KILLS = [
    *[("systemscripts.sources.api_pages.page_store:_sync", "after", n) for n in (1, 3)],
    *[("systemscripts.sources.api_pages.page_download:fetch_page", "after", n) for n in range(1, PAGES + 1)],
    ("systemscripts.file_ledger:register_file", "after", 1),
    ("systemscripts.sources.types.api:move_file", "before", 1),
    ("systemscripts.sources.types.api:move_file", "after", 1),
    ("systemscripts.ingest.prepare:_record_prepared", "after", 1),
    ("systemscripts.imports.upsert:upsert_table", "after", 1),
    ("systemscripts.ingest.load:load_rows", "after", 1),
    ("systemscripts.ingest.archive_and_settle:finish_file", "before", 1),
]


def kill_at(installation: Installation, step: str, when: str, nth: int) -> None:
    done = subprocess.run(
        [sys.executable, str(KILLING), step, when, str(nth), "generic_import", NAME],
        env=installation.process_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, f"{step} was never called: {done.stderr}"


def start_anew(installation: Installation) -> None:
    installation.sql(
        f"""truncate dba.tdataset, dba.tfile, dba.trowhistory restart identity cascade;
            drop table if exists {TABLE} cascade"""
    )
    for path in (installation.data / "archive").rglob("*.jsonl"):
        path.unlink()


@pytest.mark.timeout(600)
def test_cut_after_every_page_and_inside_every_phase_it_ends_as_if_undisturbed(
    gho: Installation, who: ODataServer
) -> None:
    load(gho)
    expected, files = table(gho), gho.read_archive()
    for step, when, nth in KILLS:
        start_anew(gho)
        asked = len(who.requests)
        kill_at(gho, step, when, nth)
        for _ in range(20):
            done = gho.run("generic_import", NAME)
            if done.returncode != 75:
                break
            time.sleep(0.5)  # the server may need a moment to notice that the killed run is gone
        assert done.returncode == 0, done.stderr
        assert table(gho) == expected, f"killed {when} {step} {nth}"
        assert gho.read_archive().items() >= files.items(), f"killed {when} {step} {nth}"
        assert len(who.requests) - asked <= PAGES + 2, "only the page that was cut is asked for twice"
        assert gho.list_waiting() == []


def test_stopped_by_a_signal_it_goes_on_after_the_last_page(gho: Installation, who: ODataServer) -> None:
    who.fault = lambda number, path, query: "slow" if number == 4 else ""
    process = gho.start("generic_import", NAME)
    until = time.monotonic() + 30
    while len(who.requests) < 4 and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    who.fault, asked = lambda number, path, query: "", len(who.requests)
    assert load(gho)["counts"]["loaded"] == ROWS
    assert who.requests[asked][1]["$skip"] == "120"


def test_a_state_from_long_ago_is_not_gone_on_with(gho: Installation, who: ODataServer) -> None:
    kill_at(gho, "systemscripts.sources.api_pages.page_download:fetch_page", "after", 4)
    asked = len(who.requests)
    assert load(gho, now=LATER)["counts"]["loaded"] == ROWS
    assert "$skip" not in who.requests[asked][1]
