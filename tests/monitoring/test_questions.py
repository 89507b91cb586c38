"""Ten questions of an operator: each is answered by one view and by one command, as docs/dbeaver.md lists them."""

from __future__ import annotations

import getpass
import os
import re
import shlex
from datetime import UTC, datetime, timedelta

import pytest

from systemscripts.monitoring import questions
from tests.conftest import PROJECT, Installation
from tests.tiny_jobs import Mails

TABLE = re.findall(
    r"^\| (.+\?) \| `(v_\w+)` \| `etl ask ([^`]+)` \|$", (PROJECT / "docs" / "dbeaver.md").read_text(), re.MULTILINE
)
# not due while the test runs
NIGHTLY = f"steps: [{{job: status}}]\nschedule: '40 {(datetime.now(UTC).hour + 12) % 24} * * *'\n"


def lead_an_eventful_week(own: Installation) -> None:
    """Two versions of an import, a changed row, a rejected row, a held and a refused file, a mail, a missed run."""
    local = own.data / "local"
    for part in ("imports", "pipelines", "reports"):
        (local / part).mkdir(parents=True)
    own.write_settings(ETL_LOCAL_DIR=str(local), FILE_STILL_SECONDS="0", REPORT_RECIPIENTS="boss@example.test")
    people = local / "imports" / "people.yaml"
    text = "file_pattern: people_.*\ntarget_table: public.people\nload_mode: upsert\nkey_columns: [id]\n"
    people.write_text(f"{text}schema:\n  age: integer\nmax_rejects: 5\n")
    (local / "pipelines" / "nightly.yaml").write_text(NIGHTLY)
    (local / "reports" / "ages.yaml").write_text("subject: Ages\nqueries:\n  ages: select * from public.people\n")
    own.drop("people_1.csv", "id,age\n1,20\n2,30\n3,x\n")
    assert own.run("generic_import", "people").returncode == 0
    people.write_text(f"{text}schema:\n  age: integer\nmax_rejects: 7\n")
    own.drop("people_2.csv", "id,age\n1,21\n2,30\n")
    assert own.run("generic_import", "people").returncode == 0
    own.drop("people_3.csv", b"\x00\x01")
    assert own.run("generic_import", "people").returncode == 65
    own.configure("lists", guards={"min_rows": 3})
    own.drop("lists.csv", "name\na\n")
    own.run("generic_import", "lists")
    assert own.run("send_report", "ages").returncode == 0
    assert own.run("watchdog", ETL_NOW=(datetime.now(UTC) - timedelta(days=3)).isoformat()).returncode == 0
    assert own.run("watchdog").returncode == 0


def test_each_question_is_answered_by_its_view_and_by_its_command(installation: Installation, mails: Mails) -> None:
    assert [(text, view) for text, view, _ in TABLE] == [(one.text, one.view) for one in questions.QUESTIONS]
    assert len(TABLE) == 10
    lead_an_eventful_week(installation)
    answers = {}
    for text, view, command in TABLE:
        assert installation.sql(f"select * from dba.{view} limit 1"), view
        summary = installation.summary("ask", *shlex.split(command))
        assert summary["rows"] and summary["exit_code"] == 0, f"{text} {summary}"
        answers[command.split()[0]] = summary["rows"]
    rejected = answers["rejected"][0]
    assert (rejected["file_name"], rejected["source_row"], rejected["value"]) == ("people_1.csv", 4, "x")
    newest = answers["config"][0]
    assert (newest["config_name"], newest["changed_by"]) == ("lists", "etl")  # by SQL, as in DBeaver
    file = next(row for row in answers["config"] if row["config_name"] == "people" and row["version"] == 2)
    assert (file["changed_by"], file["changes"]) == (getpass.getuser(), "max_rejects: 5 -> 7")
    assert "etl by etl " in file["changed_with"]
    assert [(row["key"], row["changes"], row["file_name"]) for row in answers["row"]] == [
        ("id=1", "age: 20 -> 21", "people_2.csv")
    ]
    missed = [row for row in answers["missed"] if row["pipeline"] == "nightly"]
    assert len(missed) == 3 and not any(row["made_up_at"] for row in missed)  # every night that was missed
    disks = [row for row in answers["disk"] if row["what"] == "disk"]
    assert disks and all(row["used"] > 0 and row["free"] > 0 for row in disks)
    assert {row["what"] for row in answers["disk"]} >= {"disk", "logs", "archive", "database"}
    assert answers["next"][0]["due_at"] > f"{datetime.now(UTC):%Y-%m-%d}" and any(
        "not set" in (row["why_not"] or "") for row in answers["next"]
    )
    assert {"people", "lists"} == {row["arguments"] for row in answers["failed"]}
    held = {row["state"]: row["command"] for row in answers["held"]}
    assert "etl datasets accept 3" in held["held"] and held["refused"] == "etl import people --retry-refused"
    assert answers["origin"][0]["file_name"] == "people_1.csv"
    assert {(row["direction"], row["result"]) for row in answers["week"]} == {
        ("came in", "loaded"), ("came in", "held"), ("came in", "refused"), ("mailed", "sent"),
    }  # fmt: skip


def test_without_a_word_it_lists_the_questions_and_a_misspelt_one_is_named(installation: Installation) -> None:
    assert [row["ask"] for row in installation.summary("ask")["rows"]] == [one.word for one in questions.QUESTIONS]
    done = installation.run("ask", "rejecte")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "did you mean rejected?" in done.stderr
    assert installation.run("ask", "rejected", "--key", "id=1").returncode == 2


def test_the_person_of_a_change_is_who_typed_sudo_or_owns_the_file(installation: Installation) -> None:
    local = installation.data / "local"
    (local / "imports").mkdir(parents=True)
    installation.write_settings(ETL_LOCAL_DIR=str(local))
    newest = "select changed_by from dba.v_config_change where config_name = 'people' order by config_history_id desc"
    path = local / "imports" / "people.yaml"
    path.write_text("file_pattern: people_.*\ntarget_table: public.people\n")
    if os.geteuid() == 0:
        os.chown(path, 1, 1)
        assert installation.run("generic_import", "--list", SUDO_USER="anna").returncode == 0
        assert installation.sql(f"{newest} limit 1") == [("daemon",)]
        os.chown(path, 0, 0)
    path.write_text("file_pattern: person_.*\ntarget_table: public.people\n")
    assert installation.run("generic_import", "--list", SUDO_USER="anna").returncode == 0
    assert installation.sql(f"{newest} limit 1") == [("anna" if os.geteuid() == 0 else getpass.getuser(),)]
    installation.run("database", "sql", "update dba.timportconfig set max_rejects = 3", SUDO_USER="b o'b")
    [(who, how)] = installation.sql(
        "select changed_by, changed_with from dba.v_config_change order by config_history_id desc limit 1"
    )
    assert who == "b_o_b" and "database" in how


def test_a_paused_pipeline_and_one_paused_until_then_say_so(installation: Installation) -> None:
    local = installation.data / "local" / "pipelines"
    local.mkdir(parents=True)
    (local / "nightly.yaml").write_text(NIGHTLY)
    installation.write_settings(ETL_LOCAL_DIR=str(local.parent))
    until = datetime.now() + timedelta(hours=30)
    assert installation.run("schedule", "pause", "nightly", "--until", f"{until:%Y-%m-%dT%H:%M}").returncode == 0
    rows = installation.sql("select will_run, why_not from dba.v_next_run where pipeline = 'nightly' order by due_at")
    assert rows[0][0] is False and "is paused since" in rows[0][1]
    assert rows[-1] == (True, None)
    assert installation.run("schedule", "resume").returncode == 0
    assert installation.sql("select distinct will_run from dba.v_next_run where pipeline = 'nightly'") == [(True,)]


@pytest.mark.parametrize("days", [12])
def test_the_date_when_a_disk_is_full_comes_from_what_was_measured(installation: Installation, days: int) -> None:
    installation.run("ask")
    today = datetime.now().date()
    for ago in range(days):
        used = (100 - ago) * 10**9
        day = today - timedelta(days=ago)
        installation.sql(
            "insert into dba.tdiskuse values (%s, 'disk', '/data', '/data', %s, %s)", (day, used, 20 * 10**9)
        )
        installation.sql(
            "insert into dba.tdiskuse values (%s, 'logs', '/data/logs', '/data', %s, null)", (day, used // 10)
        )
    [(growth, full_on)] = installation.sql(
        "select growth_per_day, full_on from dba.v_disk_trend where what = 'disk' and measured_on = %s", (today,)
    )
    assert (growth, full_on) == (10**9, today + timedelta(days=20))
    logs = "select growth_per_day from dba.v_disk_trend where what = 'logs' order by measured_on desc limit 1"
    assert installation.sql(logs) == [(10**8,)]
