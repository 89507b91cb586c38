"""The operator's desk: what needs a decision stands there once, with its buttons, and leaves it when it is done."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from systemscripts.schedules import get_host_zone
from tests.webconsole.conftest import ORDERS, Console, wait_for

FIRST = "order_id,ordered_at,amount\n1,2026-01-05,10.5\n2,2026-01-06,1\n"
SECOND = "order_id,ordered_at,amount\n1,2026-01-05,11\n"


def read_run(console: Console, address: str) -> dict[str, Any]:
    """Wait for the end of the run that an answer leads to; its row."""
    run_uuid = address.rpartition("/")[2]
    wait_for(lambda: console.get(f"/jobs/{run_uuid}").json()["run"]["status"] not in ("starting", "running"), 120)
    run: dict[str, Any] = console.get(f"/jobs/{run_uuid}").json()["run"]
    return run


def find_decisions(console: Console) -> str:
    """The part of the desk that needs a decision."""
    text = console.get("/console/").text
    return text.partition('<ul class="decisions">')[2].partition("</section>")[0]


def test_a_refused_file_is_looked_at_tried_again_and_dismissed_with_a_reason(console: Console) -> None:
    here = console.installation
    here.configure("shops", schema={"order_id": {"type": "integer"}}, max_rejects=0)
    here.drop("shops_1.csv", "order_id\nfirst\n7\n")
    assert here.run("generic_import", "shops").returncode == 65
    # once, as the file, and not as a failed run too
    assert find_decisions(console).count("<li>") == 1
    (file_id,) = here.sql("select file_id from dba.tfile where config_name = 'shops'")[0]
    lines = console.get(f"/console/files/{file_id}/lines").text
    assert "<span>first</span>" in lines and "shops_1.csv" in lines
    assert f"/console/files/{file_id}/lines" in find_decisions(console)
    # nothing is dismissed without a reason
    body = {"kind": "file", "key": str(file_id), "reason": " "}
    assert console.post("/console/desk/dismiss", data=body).status_code == 409
    assert console.post("/console/desk/dismiss", data=body | {"key": "9\x00'", "reason": "x\x00"}).status_code == 409
    assert console.post("/console/desk/dismiss", data=body | {"reason": "sent by mistake\x00"}).status_code == 303
    assert "shops_1.csv" not in find_decisions(console)
    assert here.sql("select kind, dismissed_by, reason from dba.tdismissal") == [("file", "anna", "sent by mistake")]
    assert console.post("/console/desk/dismiss", data=body | {"reason": "again"}).status_code == 409
    # the watchdog, status.py and --retry-refused follow the decision
    assert here.sql("select refused_files from dba.v_import_health where config_name = 'shops'") == [(0,)]


def test_own_stops_and_mistyped_commands_do_not_stand_there_and_a_failure_does(console: Console) -> None:
    here = console.installation
    here.configure("stands", **ORDERS)
    row = (
        "insert into dba.trun (run_uuid, root_uuid, job, lock_key, arguments, status, exit_code, error, host, os_user,"
        " pid, process_start, started_at, ended_at) select u, u, %s, %s, %s, %s, %s, %s, 'host', 'etl', 1, 'x',"
        " now() - interval '1 hour', now() from gen_random_uuid() u returning run_uuid::text"
    )
    here.sql(row, ("generic_import", "ordres", "ordres", "failed", 2, "there is no import 'ordres'"))
    here.sql(row, ("run_pipeline", "weakly", "weakly", "failed", 2, "there is no pipeline 'weakly'"))
    here.sql(row, ("run_elt", "typed", "typed", "interrupted", 130, "stopped by SIGINT"))
    ((failed,),) = here.sql(row, ("run_pipeline", "weekly", "weekly", "failed", 1, "the site does not answer"))
    ((stopped,),) = here.sql(row, ("generic_import", "stands", "stands", "interrupted", 143, "stopped by SIGTERM"))
    here.sql("insert into dba.tdismissal values ('run', %s, now(), 'anna', 'stopped in the console')", (stopped,))
    text = find_decisions(console)
    assert "the site does not answer" in text and "Retry what failed" in text
    for word in ("ordres", "weakly", "typed", "stands"):
        assert word not in text
    page = console.get("/console/").text
    assert re.search(r'<a class="square bad" href="/console/runs/' + failed, page)
    assert "every Monday at 06:30" in page
    body = {"kind": "run", "key": failed, "reason": "the site was moved, see mail"}
    assert console.post("/console/desk/dismiss", data=body).status_code == 303
    assert "the site does not answer" not in find_decisions(console)
    assert console.post("/console/desk/dismiss", data=body | {"key": "x' or 1=1"}).status_code == 404


def test_a_whole_run_is_undone_after_showing_what_goes_and_what_comes_back(console: Console) -> None:
    here = console.installation
    console.load("lists", "lists_20260105.csv", FIRST, dateconfig="filename", datelocation="1", dateformat="yyyyMMdd",
                 **ORDERS)  # fmt: skip
    console.load("lists", "lists_20260112.csv", SECOND)
    old, new = (
        row[0] for row in here.sql("select dataset_id from dba.tdataset where config_name = 'lists' order by 1")
    )
    (run_uuid,) = here.sql("select run_uuid::text from dba.tdataset where dataset_id = %s", (new,))[0]
    assert f"/console/runs/{run_uuid}/undo" in console.get(f"/console/runs/{run_uuid}").text
    page = console.get(f"/console/runs/{run_uuid}/undo").text
    assert re.search(rf'<a href="/console/datasets/{old}">2 rows of 2026-01-05</a>', page) and "Undo 1 dataset" in page
    started = console.post(f"/console/runs/{run_uuid}/undo")
    run = read_run(console, started.headers["Location"])
    assert (run["job"], run["status"], run["arguments"]) == (
        "datasets", "succeeded", f"undo --run {run_uuid} --json",
    )  # fmt: skip
    assert here.sql("select order_id from public.lists_current order by 1") == [(1,), (2,)]
    assert "There is nothing to undo" in console.get(f"/console/runs/{run_uuid}/undo").text
    assert console.post(f"/console/runs/{run_uuid}/undo").status_code == 409
    # and loaded again, from the archive
    assert "Load it again" in console.get(f"/console/datasets/{new}").text
    again = console.post(f"/console/datasets/{new}/reload")
    assert read_run(console, again.headers["Location"])["rows_loaded"] == 1
    assert here.sql("select amount from public.lists_current") == [(11,)]
    assert console.post(f"/console/datasets/{old}/reload").status_code == 409


def test_a_pipeline_is_paused_until_a_time_resumed_and_given_other_times(console: Console) -> None:
    path = "/console/schedules/weekly"
    assert "every Monday at 06:30" in console.get("/console/schedules").text
    assert console.post(f"{path}/pause", data={"until": "2099-01-01T06:00"}).status_code == 303
    assert "paused" in console.get(path).text and "1 Jan 2099" in console.get(path).text
    done = console.installation.run("run_pipeline", "weekly")
    assert done.returncode == 75 and "until 2099-01-01" in done.stderr
    assert console.post(f"{path}/pause", data={"until": "2020-01-01T06:00"}).status_code == 409
    assert console.post(f"{path}/resume").status_code == 303
    assert "Paused since" not in console.get(path).text
    assert console.post(f"{path}/times", data={"schedule": "15 7 * * 1-5"}).status_code == 303
    page = console.get(path).text
    assert "every workday at 07:15" in page and "anna, instead of <code>30 6 * * 1</code>" in page
    assert (
        "weekly: its times were given in the console"
        in console.installation.run(
            "schedule", "show", "--as-file", "--cron-file", str(console.installation.data / "cron")
        ).stdout
    )
    assert console.post(f"{path}/times", data={"schedule": "99 7 * * *"}).status_code == 422
    assert console.post(f"{path}/times", data={"schedule": ""}).status_code == 303
    assert "its file" in console.get(path).text
    assert console.post("/console/schedules/nothing/pause").status_code == 404
    # a time that no clock can show
    assert console.post(f"{path}/pause", data={"until": "0001-01-01T00:00+14:00"}).status_code == 409
    assert console.post(f"{path}/pause", data={"until": "9999-12-31T23:59"}).status_code == 409


def test_times_in_words_name_their_zone_where_the_readers_is_another_one(console: Console) -> None:
    zone = datetime.now(get_host_zone()).tzname()
    for page in ("/console/", "/console/schedules", "/console/schedules/weekly"):
        far = console.get(page, cookies={"console_zone": "Asia%2FKathmandu"}).text
        assert f"every Monday at 06:30 ({zone})" in far, page
    here = console.get("/console/schedules/weekly", cookies={"console_zone": "UTC"}).text
    assert zone != "UTC" or "every Monday at 06:30</div>" in here


def test_programs_do_by_json_what_the_desk_offers(console: Console) -> None:
    here, api = console.installation, "/api/v1"
    path = f"{api}/schedules/weekly"
    assert console.call("POST", f"{path}/pause", json={"until": "2099-01-01T06:00:00Z"}).status_code == 200
    assert console.get(path).json()["pause"]["by"] == "anna" and console.get(path).json()["coming"][0] > "2099"
    (line,) = [item for item in console.get(f"{api}/desk").json()["pipelines"] if item["name"] == "weekly"]
    assert line["pause"]["until"].startswith("2099-01-01")
    assert console.post(f"{path}/resume").status_code == 200 and console.get(path).json()["pause"] is None
    assert console.call("PUT", f"{path}/times", json={"schedule": "15 7 * * 1-5"}).status_code == 200
    assert console.get(path).json()["words"].startswith("every workday at 07:15")
    assert console.call("PUT", f"{path}/times", json={"schedule": "99 7 * * *"}).status_code == 422
    assert console.call("PUT", f"{path}/times", json={"schedule": ""}).json()["headline"].startswith("weekly starts")
    assert console.get(f"{api}/schedules/..%2fx").status_code == 404
    # a refused file stands on the desk until it is dismissed
    here.configure("stalls", schema={"order_id": {"type": "integer"}}, max_rejects=0)
    here.drop("stalls_1.csv", "order_id\nfirst\n")
    assert here.run("generic_import", "stalls").returncode == 65
    (refused,) = console.get(f"{api}/desk").json()["decisions"]["refused"]
    body = {"kind": "file", "key": str(refused["file_id"]), "reason": "sent by mistake"}
    assert console.post(f"{api}/desk/dismissals", json=body | {"reason": ""}).status_code == 422
    assert console.post(f"{api}/desk/dismissals", json=body).status_code == 200
    assert console.get(f"{api}/desk").json()["decisions"]["refused"] == []
    # a whole run is undone, loaded again, and its import edited
    console.load("stands", "stands_1.csv", FIRST, **ORDERS)
    dataset = console.dataset("stands")
    ((run_uuid,),) = here.sql("select run_uuid::text from dba.tdataset where dataset_id = %s", (dataset,))
    (going,) = console.get(f"{api}/runs/{run_uuid}/undo").json()["datasets"]
    assert (going["dataset_id"], going["rows"], going["back_id"]) == (dataset, 2, None)
    assert read_run(console, console.post(f"{api}/runs/{run_uuid}/undo", json={}).headers["Location"])["exit_code"] == 0
    assert console.post(f"{api}/runs/{run_uuid}/undo", json={}).status_code == 409
    again = console.post(f"{api}/datasets/{dataset}/reload")
    assert read_run(console, again.headers["Location"])["rows_loaded"] == 2
    assert console.post(f"{api}/upload-config", json={"name": "jotted", "yaml": TEXT.replace("noted", "jotted")}).ok
    path, text = f"{api}/configurations/jotted", TEXT.replace("noted", "jotted").replace("nothing else", "no other")
    assert console.call("PUT", path, json={"yaml": text, "check_only": True}).json()["version"] is None
    assert console.call("PUT", path, json={"yaml": text, "version": 1}).json()["version"] == 2
    stale = console.call("PUT", path, json={"yaml": text, "version": 1}).json()
    assert stale["status"] == 422 and "Version 2 was stored meanwhile, by anna" in stale["faults"][0]["text"]
    faulty = console.call("PUT", path, json={"yaml": text.replace("integer}", "whole}")}).json()
    assert [fault["line"] for fault in faulty["faults"]] == [4]
    assert console.call("PUT", f"{api}/configurations/nothing", json={"yaml": text}).status_code == 404
    assert console.post(f"{path}/pause").ok and "resumed" in console.post(f"{path}/resume").json()["headline"]


def test_a_feed_shows_its_files_findings_and_figures_over_time(console: Console) -> None:
    config: dict[str, Any] = {"dateconfig": "filename", "datelocation": "1", "dateformat": "yyyyMMdd"} | ORDERS
    for number in range(3):
        rows = "".join(f"{n},2026-01-05,{n + number}.5\n" for n in range(10 + number))
        console.load("weighed", f"weighed_2026010{number + 1}.csv", f"order_id,ordered_at,amount\n{rows}", **config)
    console.installation.configure("weighed", guards={"min_rows": 100})
    console.load("weighed", "weighed_20260104.csv", SECOND)
    page = console.get("/console/feeds/weighed").text
    assert page.count("<circle") > 4 and "Rows of each file" in page and "When the files came" in page
    assert "2026-01-01: 10" in page and "2026-01-03: 12" in page
    assert ">held</span>" in page and "<strong>open</strong>" in page
    assert console.get("/console/feeds/weighed?from_column=500").status_code == 200
    assert console.get("/console/feeds/nothing").status_code == 404
    assert "weighed" in console.get("/console/feeds").text
    assert console.post("/console/feeds/weighed/pause").status_code == 303
    assert "paused" in console.get("/console/feeds/weighed").text
    assert console.post("/console/feeds/weighed/resume").status_code == 303
    by = "select changed_by from dba.tconfighistory where config_name = 'weighed' order by version desc limit 1"
    assert console.installation.sql(by) == [("anna",)]


TEXT = """# the shop's orders, by mail
sources:
  - {type: local, path: incoming}
schema: {order_id: integer}   # nothing else counts
target: {table: public.noted}
"""


def test_a_configuration_is_shown_as_it_was_written_and_edited_in_place(console: Console) -> None:
    assert console.post("/upload-config", json={"name": "noted", "yaml": TEXT}).status_code == 201
    page = console.get("/console/configurations/noted/1").text
    assert "# the shop&#39;s orders, by mail" in page and "What it means" in page
    path = "/console/configurations/noted/edit"
    assert "nothing else counts" in console.get(path).text
    faulty = TEXT.replace("integer}", "whole}").replace("public.noted", "dba.trun")
    answer = console.post(path, data={"yaml": faulty, "how": "store", "version": "1"})
    # all faults in one pass, each at its line
    assert answer.status_code == 422 and "Line 4" in answer.text and "2 errors" in answer.text
    edited = TEXT.replace("nothing else counts", "nothing but the number counts")
    stored = console.post(path, data={"yaml": edited, "how": "store", "version": "1"})
    assert stored.headers["Location"] == "/console/configurations/noted/2/diff"
    diff = console.get(stored.headers["Location"]).text
    assert "nothing but the number counts" in diff and 'class="added"' in diff and "by anna" in diff
    stale = console.post(path, data={"yaml": TEXT, "how": "store", "version": "1"})
    assert stale.status_code == 422 and "Version 2 was stored meanwhile, by anna" in stale.text
    assert console.get("/console/configurations/nothing/edit").status_code == 404


@pytest.mark.parametrize(
    ("addition", "refused"),
    [
        ("after_change: config/after/x.sql\n", "after_change is not allowed"),
        ("transform: own_rows\n", "transform is not allowed"),
        ("target_table: public.tother\n", "the table is not changed here"),
        ("sources: [{type: api, url: http://127.0.0.1:1/}]\n", "add it to UPLOAD_ALLOWED_HOSTS"),
        ("max_rejects: 7\n", ""),
    ],
)
def test_an_edit_adds_nothing_that_an_upload_may_not_name(console: Console, addition: str, refused: str) -> None:
    name = "visits"
    console.installation.run("generic_import", "--list")
    with_text = console.get(f"/console/configurations/{name}/edit").text
    text = with_text.partition('autocapitalize="none">\n')[2].partition("</textarea>")[0]
    key = addition.partition(":")[0]
    lines = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
    if key == "sources":
        lines = re.sub(r"^sources:\n(?:[ -].*\n)*", "", text + "\n", flags=re.MULTILINE).splitlines()
    body = {"yaml": "\n".join([*map(_unescape, lines), addition]), "how": "check"}
    answer = console.post(f"/console/configurations/{name}/edit", data=body)
    if refused:
        assert answer.status_code == 422 and refused in _unescape(answer.text), answer.text
    else:
        assert answer.status_code == 200, answer.text


def _unescape(text: str) -> str:
    from html import unescape

    return unescape(text)


def test_a_form_whose_session_has_expired_is_kept_and_sent_after_signing_in(console: Console) -> None:
    session = console.browser_session("anna")
    fields = {"csrf_token": console.csrf_token(session), "name": "kept", "yaml": TEXT.replace("noted", "kept"),
              "how": "store"}  # fmt: skip
    session.cookies.clear()
    answer = session.post(f"{console.url}/console/upload", data=fields, allow_redirects=False)
    assert answer.status_code == 401 and "what you typed is kept" in answer.text
    kept = dict(re.findall(r'name="(kept_\w+)"[^>]*>\n?([^<]*)</textarea>', answer.text))
    assert _unescape(kept["kept_yaml"]).replace("\r\n", "\n").strip() == fields["yaml"].strip()
    login = {"user_name": "anna", "kept_path": "/console/upload"} | {k: _unescape(v) for k, v in kept.items()}
    wrong = session.post(f"{console.url}/auth/login", data=login | {"password": "no such password"})
    assert wrong.status_code == 401 and "by mail" in wrong.text
    shown = session.post(f"{console.url}/auth/login", data=login | {"password": "correct horse battery"})
    assert shown.status_code == 200 and 'action="/console/upload"' in shown.text and "by mail" in shown.text
    form = shown.text.partition('<form class="panel"')[2]
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    sent["yaml"] = _unescape(re.findall(r'<textarea[^>]*name="yaml"[^>]*>\n?([^<]*)</textarea>', form)[0])
    stored = session.post(f"{console.url}/console/upload", data=sent, allow_redirects=False)
    assert stored.status_code == 303, stored.text
    # a form of an older session is kept too, and changes nothing before it is sent again
    old = session.post(f"{console.url}/console/upload", data=fields | {"name": "older"})
    assert old.status_code == 403 and "by mail" in old.text
    assert console.installation.sql("select count(*) from dba.timportconfig where config_name = 'older'") == [(0,)]
    # it leads to no other site
    login |= {"kept_path": "https://example.test/steal", "password": "correct horse battery"}
    assert 'action="/console/"' in session.post(f"{console.url}/auth/login", data=login).text
