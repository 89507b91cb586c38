"""Small things that went wrong in the console, each by what the reader saw."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
import requests

from tests.conftest import PROJECT, Installation
from tests.webconsole.conftest import PASSWORDS, Console, run_console

GOOD = "sources:\n  - {type: local, path: incoming}\ntarget: {table: public.shown}\nschema: {order_id: integer}\n"


@pytest.mark.parametrize(
    "target", ["/console/\r\nX: y", "/console/\nx", "/console/\x00", "/console/\u2028", "/console/é"]
)
def test_a_line_break_in_the_page_to_go_to_is_dropped(console: Console, target: str) -> None:
    form = {"user_name": "ben", "password": PASSWORDS["ben"], "next": target}
    answer = requests.post(f"{console.url}/auth/login", data=form, timeout=60, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/")


@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "a%2Fb", "a b&c", "../x", "a//b", "é", "download.csv"])
def test_a_table_of_any_name_is_shown_and_taken_home(console: Console, name: str) -> None:
    console.installation.sql(f'create table public."{name}" as select 7 as n')
    path = f"/console/tables/{quote(f'public.{name}', safe='')}"
    listed = console.get("/console/tables", "ben").text
    link = next(
        part.partition('"')[0]
        for part in listed.split('href="')[1:]
        if f"<strong>{name.replace('&', '&amp;')}<" in part
    )
    for address in (path, link):
        page = console.get(address, "ben")
        assert page.status_code == 200 and ">7<" in page.text
    for suffix in ("csv", "xlsx"):
        assert console.get(f"{path}/download.{suffix}", "ben").status_code == 200
        assert console.get(f"{path.removeprefix('/console')}/download.{suffix}", "ben").status_code == 200


def test_a_table_and_a_view_without_columns_are_shown(console: Console) -> None:
    console.installation.sql("create table public.bare (); insert into public.bare default values")
    console.installation.sql("create view public.bare_view as select from public.bare")
    for name in ("bare", "bare_view"):
        assert console.get(f"/console/tables/public.{name}", "ben").status_code == 200
        assert console.post("/data-view", "ben", json={"table": f"public.{name}"}).json()["rows"] == []
        for suffix in ("csv", "xlsx"):
            assert console.get(f"/tables/public.{name}/download.{suffix}", "ben").status_code == 200


def test_a_zone_that_the_database_does_not_know_is_utc(console: Console) -> None:
    console.installation.sql("create table public.moments as select timestamptz '2026-01-05 07:30+00' as at")
    for zone in ("localtime", "Factory", "posixrules", "right/Europe/Copenhagen", "No/Where"):
        for path in ("/console/tables/public.moments", "/tables/public.moments/download.csv"):
            answer = console.get(path, "ben", headers={"Cookie": f"console_zone={quote(zone, safe='')}"})
            assert answer.status_code == 200 and "2026-01-05 07:30:00+00" in answer.text, zone


def test_a_wide_table_comes_sixty_columns_at_a_time(console: Console) -> None:
    names = ", ".join(f"'value {number}'::text as column_{number}" for number in range(1, 501))
    console.installation.sql(f"create table public.wide as select {names} from generate_series(1, 60)")
    page = console.get("/console/tables/public.wide", "ben")
    assert len(page.content) < 200_000 and "Columns 1 to 60 of 500" in page.text
    assert ">value 60<" in page.text and ">value 61<" not in page.text
    last = console.get("/console/tables/public.wide?from_column=481&sort=column_3", "ben").text
    assert "Columns 481 to 500 of 500" in last and ">value 500<" in last and "Next columns" not in last
    assert console.get("/console/tables/public.wide?from_column=9999", "ben").status_code == 200


def test_a_page_shows_how_each_sender_delivered(console: Console) -> None:
    page = console.get("/console/senders").text
    assert "How each import was delivered, by month" in page
    assert page.count('data-label="On time"') == len(console.installation.sql("select from dba.v_sender"))


def test_the_glossary_is_a_page_for_analysts_too(console: Console) -> None:
    page = console.get("/console/glossary", "ben").text
    terms = (
        "dataset", "label", "reject", "refuse", "hold", "accept", "supersede", "undo", "settle", "guard", "finding",
        "source", "target", "run",
    )  # fmt: skip
    assert [term for term in terms if f'<dt id="{term}">' not in page] == []
    assert "<code>etl datasets undo DATASET</code>" in page


def test_ten_sign_ins_at_once_are_as_many_tries_as_one_after_the_other(console: Console) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(console.login, "nobody", "wrong wrong wrong") for _ in range(10)]
        statuses = sorted(answer.result().status_code for answer in answers)
    assert statuses == [401] * 3 + [429] * 7


def test_a_run_that_died_before_it_began_is_not_starting_for_ever(installation: Installation) -> None:
    with run_console(installation) as console:
        run = "6a6f3c9e-6a7d-4d8e-9d53-0f1d3c1b2a3f"
        folder = installation.data / "var" / "console"
        # what a console leaves that was killed together with what it had just started
        for suffix in ("json", "err"):
            (folder / f"{run}.{suffix}").write_text("")
        assert console.get(f"/jobs/{run}").json()["run"]["status"] == "failed"
        page = console.get(f"/console/runs/{run}").text
        assert "starting" not in page and 'hx-trigger="every 1s"' not in page
        # one that lives is starting until it has its row
        (folder / f"{run}.process").write_text(f"{os.getpid()} {process_start(os.getpid())}")
        assert console.get(f"/jobs/{run}").json()["run"]["status"] == "starting"


def process_start(pid: int) -> str:
    from systemscripts import log_utils

    return str(log_utils.read_process_start(pid))


def test_a_version_that_was_shown_and_is_uploaded_again_is_the_same(console: Console) -> None:
    assert console.post("/upload-config", json={"name": "shown", "yaml": GOOD}).status_code == 201
    shown = console.get("/configurations/shown/versions/1").json()["yaml"]
    again = console.post("/upload-config", json={"name": "shown", "yaml": shown})
    assert again.json() == {"headline": "shown already has this content"}
    changed = console.post("/upload-config", json={"name": "shown", "yaml": shown + "max_rejects: 3\n"})
    assert changed.json() == {"headline": "shown is stored as version 2"}


def test_an_active_dataset_that_is_not_current_does_not_look_like_the_current_one(console: Console) -> None:
    columns = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd"}
    console.load("lists", "lists_20260105.csv", "id\n1\n", **columns)
    console.load("lists", "lists_20260112.csv", "id\n2\n")
    page = console.get("/console/datasets?import=lists").text
    assert '<span class="state good">current</span>' in page
    assert '<span class="state plain">active, not current</span>' in page


def test_the_lists_of_meetmax_are_viewed_by_their_yaml(console: Console) -> None:
    text = (PROJECT / "config" / "imports" / "meetmax_events.yaml").read_text()
    assert console.post("/data-view", "ben", json={"yaml": text}).status_code in (404, 422)  # nothing is loaded yet
    console.load("meetmax_lists", "meetmax_lists.csv", "id\n1\n", target_table="dba.tmeetmax")
    seen = console.post("/data-view", "ben", json={"yaml": text})
    assert seen.status_code == 200 and [row["id"] for row in seen.json()["rows"]] == ["1"]
    page = console.post("/console/view", "ben", data={"yaml": text})
    assert (page.status_code, page.headers["Location"]) == (303, "/console/tables/dba.tmeetmax")
    assert (
        console.post("/data-view", "ben", json={"yaml": GOOD.replace("public.shown", "dba.tuser")}).status_code == 422
    )


def test_a_dataset_in_another_database_says_where_its_rows_are(console: Console) -> None:
    where = "postgresql:warehouse/public.distant"
    console.installation.configure(
        "distant", target_table=where, target={"database": "${SOURCE_WAREHOUSE}"}, load_mode="snapshot"
    )
    console.installation.sql(
        """insert into dba.tdataset (config_name, status, load_mode, target_table, content_sha256, columns, rows_read,
               rows_loaded, rows_rejected, rows_skipped, run_uuid, dataset_date)
           select 'distant', 'active', 'snapshot', %s, n::text, '{a}', 1, 1, 0, 0, gen_random_uuid(),
               date '2026-01-01' + n
           from generate_series(1, 2) n""",
        (where,),
    )
    dataset = console.dataset("distant")
    page = console.browser_session("anna").get(f"{console.url}/console/datasets/{dataset}").text
    assert where in page and "the rows are in that database" in page
    assert "/console/tables/postgresql" not in page and f"{dataset}/changes" not in page
    answer = console.get(f"/datasets/{dataset}/changes")
    assert answer.status_code in (400, 422) and f"are in {where}" in answer.text
    session = console.browser_session("anna")
    for path in ("/console/lists", "/console/tables", "/console/configurations", "/console/datasets", "/console"):
        assert session.get(console.url + path).status_code == 200, path
    assert "distant" not in session.get(f"{console.url}/console/lists").text
