"""Pipelines: what goes on when a step fails, again, late, or is killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.clones import Clone, is_alive, list_descendants
from tests.conftest import Installation
from tests.tiny_jobs import Mails, wait_for

TINY = """
    with (DATA / "ran").open("a") as stream:
        stream.write(name + "\\n")
    tries = (DATA / "ran").read_text().split().count(name)
    (DATA / "begun").touch()
    if how == "sleep":
        time.sleep(600)
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "later" and tries <= 2:
        raise errors.TryLaterError(f"{name} is away")
    if how == "fail" and not (DATA / "fixed").exists():
        raise errors.EtlError(f"{name} broke")
    return Summary(headline=f"{name} is done", files=1)
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    new_clone = Clone(tmp_path_factory.mktemp("clone"))
    new_clone.job("tiny", "name: str, how: Annotated[str, typer.Argument()] = 'well'", TINY, needs="lock='{name}'")
    return new_clone


def ran(installation: Installation) -> str:
    """The names of the steps that ran, in order; forgets them."""
    path = installation.data / "ran"
    content = "".join(path.read_text().split()) if path.exists() else ""
    path.unlink(missing_ok=True)
    return content


def states(done_output: str) -> dict[str, str]:
    """Step -> state, from the JSON summary."""
    return {row["job"].split()[1]: row["state"] for row in json.loads(done_output)["rows"]}


def test_what_does_not_depend_on_a_failing_step_goes_on(
    clone: Clone,
    installation: Installation,
    mails: Mails,
) -> None:
    clone.pipeline(
        "branches",
        """
        notify: [owner@example.test]
        steps:
          - {job: tiny, arguments: [a, fail], on_failure: continue}
          - {job: tiny, arguments: [b, well], depends: [tiny a fail]}
          - {job: tiny, arguments: [c, fail], depends: []}
          - {job: tiny, arguments: [d, well], depends: [tiny b well]}
          - {job: tiny, arguments: [e, well], depends: []}
          - {job: tiny, arguments: [f, well]}
        """,
    )
    done = clone.run(installation, "run_pipeline.py", "branches", "--json")
    assert done.returncode == 1
    assert ran(installation) == "ace"
    assert states(done.stdout) == {
        "a": "failed (1)", "b": "skipped", "c": "failed (1)", "d": "skipped", "e": "done", "f": "skipped",
    }  # fmt: skip
    problems = " ".join(json.loads(done.stdout)["problems"])
    for text in ("a broke", "c broke", "tiny b well (tiny a fail failed)", "tiny d well (tiny b well did not run)"):
        assert text in problems
    assert "f well (tiny c fail failed)" in problems  # nothing said: what comes before and says stop
    [mail] = mails.read_all()
    assert sorted(mail["to"].split(", ")) == ["operator@example.test", "owner@example.test"]
    assert "a broke" in mail.get_content() and "c broke" in mail.get_content()

    # looking does not count as working again
    assert clone.run(installation, "run_pipeline.py", "branches", "--dry-run").returncode == 0
    assert len(mails.read_all()) == 1

    (installation.data / "fixed").touch()
    again = clone.run(installation, "run_pipeline.py", "branches", "--failed", "--json")
    assert (again.returncode, ran(installation)) == (0, "abcdf")
    assert states(again.stdout)["e"] == "left out"
    assert mails.list_subjects()[1:] == ["[ETL] run_pipeline branches recovered"]
    nothing = clone.run(installation, "run_pipeline.py", "branches", "--failed")
    assert (nothing.returncode, ran(installation)) == (0, "")
    assert "nothing failed last time" in nothing.stdout


def test_from_begins_with_a_step(clone: Clone, installation: Installation) -> None:
    clone.pipeline(
        "three", "steps: [{job: tiny, arguments: [a]}, {job: tiny, arguments: [b]}, {job: tiny, arguments: [c]}]"
    )
    for start, expected in (("tiny b", "bc"), ("3", "c"), ("tiny", "abc")):
        assert clone.run(installation, "run_pipeline.py", "three", "--from", start).returncode == 0
        assert ran(installation) == expected
    assert clone.run(installation, "run_pipeline.py", "three", "--from", "tiny x").returncode == 2
    dry = clone.run(installation, "run_pipeline.py", "three", "--from", "2", "--dry-run")
    assert [line.split()[3] for line in dry.stdout.splitlines()[-3:]] == ["no", "yes", "yes"]
    assert ran(installation) == ""
    assert "three" in clone.run(installation, "run_pipeline.py", "--list").stdout


def test_a_step_is_tried_again_without_a_mail_for_each_try(
    clone: Clone,
    installation: Installation,
    mails: Mails,
) -> None:
    step = "{job: tiny, arguments: [a, later], retries: %d, retry_minutes: 0.001}"
    clone.pipeline("again", f"steps: [{step % 2}]")
    done = clone.run(installation, "run_pipeline.py", "again", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"][0]["tries"] == 3
    assert ran(installation) == "aaa"
    assert mails.read_all() == []
    clone.pipeline("again", f"steps: [{step % 1}]")
    assert clone.run(installation, "run_pipeline.py", "again").returncode == 75
    assert ran(installation) == "aa"
    assert mails.list_subjects() == ["[ETL] run_pipeline again failed"]
    tried = [row[0] for row in installation.sql("select status from dba.trun where job = 'tiny' order by started_at")]
    assert tried == ["failed", "failed", "succeeded", "failed", "failed"]


def test_a_step_has_a_time_limit_and_so_has_the_whole(clone: Clone, installation: Installation) -> None:
    clone.pipeline(
        "late",
        """
        time_limit_hours: 0.0028  # ten seconds
        steps:
          - {job: tiny, arguments: [a, sleep], time_limit_hours: 0.0005, on_failure: continue}
          - {job: tiny, arguments: [b, sleep], on_failure: continue}
          - {job: tiny, arguments: [c]}
        """,
    )
    done = clone.run(installation, "run_pipeline.py", "late", "--json")
    assert done.returncode == 1
    assert ran(installation) == "ab"
    assert states(done.stdout) == {"a": "failed (1)", "b": "failed (1)", "c": "skipped"}
    assert "time limit of the pipeline" in done.stdout
    assert installation.sql("select status from dba.trun where job = 'tiny'") == [("timed out",), ("timed out",)]


def test_a_step_killed_by_a_signal_fails_the_pipeline_with_one_mail(
    clone: Clone,
    installation: Installation,
    mails: Mails,
) -> None:
    clone.pipeline(
        "deadly", "steps: [{job: tiny, arguments: [a, die], on_failure: continue}, {job: tiny, arguments: [b]}]"
    )
    done = clone.run(installation, "run_pipeline.py", "deadly", "--json")
    assert done.returncode == 1
    assert states(done.stdout) == {"a": "failed (137)", "b": "done"}
    assert mails.list_subjects() == ["[ETL] run_pipeline deadly failed"]
    assert ("interrupted", 137) in installation.sql("select status, exit_code from dba.trun where job = 'tiny'")


@pytest.mark.parametrize("victims", ["job", "wrapper", "both"])
def test_killed_with_minus_9_is_noticed_with_one_mail(
    clone: Clone,
    installation: Installation,
    mails: Mails,
    victims: str,
) -> None:
    begun = installation.data / "begun"
    process = clone.start(installation, "tiny.py", "a", "sleep")
    wait_for(begun.exists, 60)
    wait_for(lambda: installation.sql("select 1 from dba.trun where job = 'tiny'"), 60)
    [python] = [
        p for p in list_descendants(process.pid) if b"jobscripts/tiny.py" in Path(f"/proc/{p}/cmdline").read_bytes()
    ]
    if victims in ("wrapper", "both"):
        process.kill()
    if victims in ("job", "both"):
        os.kill(python, signal.SIGKILL)
    process.wait(timeout=60)
    if victims == "wrapper":  # the job itself goes on, and is told to end by its owner
        assert is_alive(python)
        assert mails.list_subjects() == []
        os.kill(python, signal.SIGTERM)
    elif victims == "both":
        assert mails.list_subjects() == []  # no one is left to report it; the next start of anything does
        clone.run(installation, "run_pipeline.py", "--list")
    wait_for(lambda: mails.list_subjects() == ["[ETL] tiny a interrupted"], 60)
    wait_for(lambda: installation.sql("select status from dba.trun where job = 'tiny'") == [("interrupted",)], 60)
    clone.run(installation, "run_pipeline.py", "--list")
    assert len(mails.read_all()) == 1


def test_faults_are_named_by_line_all_at_once(clone: Clone, installation: Installation) -> None:
    clone.pipeline(
        "faulty",
        """
        steps:
          - {job: tiny, arguments: [a], on_failure: shrug}
          - {job: tiny, arguments: [a]}
          - {job: tiny, arguments: [b], depends: [tiny q]}
          - {job: tinny}
        """,
    )
    done = clone.run(installation, "run_pipeline.py", "faulty")
    (clone.folder / "config" / "pipelines" / "faulty.yaml").unlink()
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    for text in (
        "'tiny a' twice",
        "depends on 'tiny q'",
        "on_failure expected 'stop' or 'continue'",
        "did you mean tiny?",
    ):
        assert text in done.stderr


def test_ten_at_once_one_runs_and_nine_say_who(
    clone: Clone,
    installation: Installation,
    mails: Mails,
) -> None:
    slow = """
        (DATA / "ran").open("a").write("s\\n")
        while not (DATA / "go").exists():
            time.sleep(0.1)
    """
    clone.job("slow", "", slow)
    clone.pipeline("single", "steps: [{job: slow}, {job: tiny, arguments: [a, fail]}]")
    runs = [clone.start(installation, "run_pipeline.py", "single") for _ in range(10)]
    wait_for(lambda: sum(run.poll() is not None for run in runs) == 9, 120)
    looked = clone.run(installation, "run_pipeline.py", "single", "--dry-run")  # which is allowed meanwhile
    assert looked.returncode == 0, looked.stderr
    question = "select progress from dba.trun where arguments = 'single' and status = 'running'"
    wait_for(lambda: installation.sql(question) == [("step 1 of 2: slow",)], 120)  # with the next sign of life
    (installation.data / "go").touch()
    ended = {run.wait(timeout=120): run for run in runs}
    assert sorted(run.returncode for run in runs) == [1, *[75] * 9]
    for run in runs:
        errors = run.communicate()[1]
        if run.returncode == 75:
            assert "run_pipeline single is already running since 2" in errors
            assert "(pid " in errors
    assert set(ended) == {1, 75}
    assert ran(installation) == "sa"
    rows = installation.sql("select status, count(*) from dba.trun where arguments = 'single' group by 1 order by 1")
    assert rows == [("failed", 1), ("skipped", 9)]
    assert mails.list_subjects() == ["[ETL] run_pipeline single failed"]
