"""What the console starts: the right job for each import, trials shown as such, and what failed once more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.webconsole.conftest import ORDERS, Console, wait_for

GOOD = "order_id,ordered_at,amount\n1,2026-01-05,1.5\n"
JOB = "sources:\n  - {type: local, path: incoming}\ntarget: {table: public.NAME}\nschema: {order_id: integer}\n"


def wait_for_end(console: Console, run_uuid: str) -> dict[str, Any]:
    """Wait for the end of a run; its row."""
    wait_for(lambda: console.get(f"/jobs/{run_uuid}").json()["run"]["status"] not in ("starting", "running"), 120)
    run: dict[str, Any] = console.get(f"/jobs/{run_uuid}").json()["run"]
    return run


def press_button(console: Console, page: str, button: str) -> str:
    """Press a button that a page shows, as a browser does; the number of the run that it starts."""
    session = console.browser_session("anna")
    forms = re.findall(r'<form method="post" action="([^"]+)">(.*?)</form>', session.get(console.url + page).text, re.S)
    (action, form), *_ = [(action, form) for action, form in forms if f">{button}<" in form]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    answer = session.post(console.url + action, data=fields, allow_redirects=False, timeout=60)
    assert answer.status_code == 303, answer.text
    # without what the page carries, the same is refused
    bare = session.post(console.url + action, data={**fields, "csrf_token": ""}, allow_redirects=False, timeout=60)
    assert bare.status_code == 403
    return answer.headers["Location"].rpartition("/")[2]


@pytest.fixture(scope="module")
def jobs(console: Console, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An import by hand, those of config/imports/, a YAML job that was uploaded and one of a file."""
    here = console.installation
    console.load("orders", "orders_1.csv", GOOD, **ORDERS)
    assert console.post("/upload-config", json={"name": "sent", "yaml": JOB.replace("NAME", "sent")}).status_code == 201
    path = tmp_path_factory.mktemp("jobs") / "own_file.yaml"
    path.write_text(JOB.replace("NAME", "own_file").replace("incoming", str(path.parent / "incoming")))
    (path.parent / "incoming").mkdir()
    assert here.run("run_elt", path, "--once").returncode == 0
    return path


def test_each_import_is_offered_with_the_job_that_runs_it(console: Console, jobs: Path) -> None:
    offered = set(re.findall(r'<option value="(\w+ \w+)"', console.get("/console/runs/new").text))
    assert {"generic_import orders", "generic_import meetmax_events", "generic_import visits"} < offered
    assert {name for name in offered if name.startswith("run_elt ")} == {"run_elt sent", "run_elt own_file"}
    assert not offered & {"generic_import sent", "generic_import own_file"}


@pytest.mark.parametrize(
    ("job", "name", "right"),
    [
        ("run_elt", "orders", "orders is an import: generic_import runs it, not run_elt"),
        ("run_elt", "meetmax_events", "meetmax_events is an import: generic_import runs it, not run_elt"),
        ("generic_import", "own_file", "own_file is a YAML job: run_elt runs it, not generic_import"),
    ],
)
def test_the_wrong_job_for_an_import_is_refused_with_the_right_one(
    console: Console, jobs: Path, job: str, name: str, right: str
) -> None:
    for how in ("run", "dry_run", "schedule"):
        answer = console.post("/jobs", json={"job": job, "name": name, "how": how})
        assert (answer.status_code, answer.json()["error"]) == (409, right)


def test_a_trial_is_shown_as_one_and_neither_charted_nor_taken_for_a_repair(console: Console, jobs: Path) -> None:
    here = console.installation
    console.installation.configure("trials", **ORDERS)
    waiting = here.drop("trials_1.csv", "order_id,ordered_at\nx,y\n1,2026-01-05\n")
    here.configure("trials", max_rejects=0)
    failed = here.run("generic_import", "trials", "--json")
    assert failed.returncode == 65
    waiting = here.drop("trials_2.csv", GOOD)
    run = wait_for_end(
        console,
        console.post("/jobs", json={"job": "generic_import", "name": "trials", "how": "dry_run"}).json()["run_uuid"],
    )
    assert (run["status"], run["is_trial"]) == ("succeeded", True)
    page = console.get(f"/console/runs/{run['run_uuid']}").text
    assert "dry run, nothing loaded" in page and "Would load" in page and "<span>Loaded</span>" not in page
    listed = console.get("/console/runs?job=generic_import").text
    row = next(part for part in listed.split("<tr>") if run["run_uuid"] in part)
    assert "dry run, nothing loaded" in row and 'data-label="Loaded" class="number">–<' in row
    # a good trial loads nothing: the held file still waits for a decision, and is named once
    desk = console.get("/console/").text
    assert desk.count(">trials</a> trials_1.csv") == 1 and "declared columns are missing: amount" in desk
    waiting.unlink()


def test_refused_files_are_tried_again_by_a_button_after_the_fix(console: Console, jobs: Path) -> None:
    here = console.installation
    here.configure("retried", schema={"order_id": {"type": "integer"}}, max_rejects=0)
    here.drop("retried_1.csv", "order_id\nfirst\n7\n")
    first = here.run("generic_import", "retried")
    assert first.returncode == 65
    run_uuid = here.sql("select run_uuid from dba.trun where lock_key = 'retried'")[0][0]
    here.configure("retried", max_rejects=5)
    button = "Retry the refused files of retried"
    assert button in console.get(f"/console/runs/{run_uuid}").text
    again = wait_for_end(console, press_button(console, "/console/rejects", button))
    assert (again["status"], again["rows_loaded"], again["arguments"]) == (
        "succeeded", 1, "retried --retry-refused --json",
    )  # fmt: skip
    assert here.sql("select order_id from public.retried") == [(7,)]
    assert button not in console.get("/console/rejects").text


def test_the_refused_files_of_a_yaml_job_are_tried_again_too(console: Console, jobs: Path) -> None:
    here = console.installation
    (jobs.parent / "incoming" / "a.csv").write_text("order_id\nfirst\n7\n")
    jobs.write_text(jobs.read_text() + "max_rejects: 0\n")
    assert here.run("run_elt", jobs, "--once").returncode == 65
    jobs.write_text(jobs.read_text().replace("max_rejects: 0", "max_rejects: 5"))
    assert here.run("run_elt", jobs, "--once").returncode == 0  # the file is changed: its row follows
    again = wait_for_end(console, press_button(console, "/console/rejects", "Retry the refused files of own_file"))
    assert (again["job"], again["status"], again["rows_loaded"]) == ("run_elt", "succeeded", 1), again
    wrong = here.run("run_elt", jobs, "--retry-refused")
    assert wrong.returncode == 2 and "--retry-refused goes with --once" in wrong.stderr


def test_a_failed_run_is_started_again_by_the_same_command(console: Console, jobs: Path) -> None:
    here = console.installation
    here.configure("broken", **ORDERS)
    here.sql("update dba.timportconfig set load_mode = 'upsert', key_columns = '{}' where config_name = 'broken'")
    run = wait_for_end(
        console, console.post("/jobs", json={"job": "generic_import", "name": "broken"}).json()["run_uuid"]
    )
    assert run["status"] == "failed"
    here.sql("update dba.timportconfig set load_mode = 'append' where config_name = 'broken'")
    here.drop("broken_1.csv", GOOD)
    again = press_button(console, f"/console/runs/{run['run_uuid']}", "Retry the same command")
    assert wait_for_end(console, again)["arguments"] == run["arguments"] == "broken --json"
    assert here.sql("select count(*) from public.broken") == [(1,)]
    # what went well is not repeated, and an analyst repeats nothing
    assert "Retry" not in console.get(f"/console/runs/{again}").text
    assert console.post(f"/jobs/{again}/retry").status_code == 409
    assert console.post(f"/jobs/{run['run_uuid']}/retry", "ben").status_code == 403
    assert console.post(f"/console/runs/{run['run_uuid']}/retry", "ben").status_code == 403


def test_a_command_that_only_a_terminal_starts_is_told_to_type(console: Console, jobs: Path) -> None:
    here = console.installation
    assert here.run("generic_import", "orders", "--file", "/no/such.csv").returncode == 2
    (run_uuid,) = here.sql("select run_uuid from dba.trun where arguments like '%%such.csv'")[0]
    page = console.get(f"/console/runs/{run_uuid}").text
    assert "etl import orders --file /no/such.csv" in page and "Retry" not in page
    answer = console.post(f"/jobs/{run_uuid}/retry")
    assert answer.status_code == 409 and "--file /no/such.csv" in answer.json()["hint"]
