"""The command line that every script has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from systemscripts import commands
from tests.conftest import PROJECT, Installation
from tests.tiny_jobs import Jobs

SCRIPTS = sorted(path.stem for path in (PROJECT / "jobscripts").glob("*.py"))
HEAVY_FOR_HELP = ("psycopg2", "pydantic", "rich", "scrapy", "pandas")
HEAVY_FOR_NOTHING = ("pandas", "scrapy", "openpyxl", "lxml", "jinja2", "smtplib")
# What only some loads need: other formats, targets and sources, mail, help, what undoes a load.
HEAVY_FOR_CSV = {
    *HEAVY_FOR_NOTHING, "duckdb", "email", "http.client", "paramiko", "requests", "zipfile",
    "systemscripts.datasets.lake", "systemscripts.findings.renames", "systemscripts.imports.new_rows",
    "systemscripts.imports.parquet.parquet_copy", "systemscripts.imports.upsert",
    "systemscripts.imports.values.lookups", "systemscripts.ingest.control_totals", "systemscripts.ingest.daily_zip",
    "systemscripts.ingest.take_rows_back", "systemscripts.mail",
    "systemscripts.mysql_client", "systemscripts.pgp", "systemscripts.tables.unpivot",
    "systemscripts.tables.workbooks.spooled_table", "systemscripts.tables.workbooks.unpack",
}  # fmt: skip
# A load reads and judges a file.
ONLY_FOR_LOADS = {"systemscripts.ingest.load", "systemscripts.imports.copy_rows", "systemscripts.tables.open_table"}


def list_imported(command: list[str], environment: dict[str, str]) -> tuple[set[str], str]:
    """The modules that a command imports, and what it prints."""
    command = [command[0], "-X", "importtime", *command[1:]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    return {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")
    }, done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_light_and_has_an_example(installation: Installation, script: str) -> None:
    modules, text = list_imported(installation.command(script, "--help"), installation.process_environment())
    assert not modules & set(HEAVY_FOR_HELP)
    shown = " ".join(commands.shorten_names([script]))
    example = text.partition("Examples:\n    ")[2].partition("\n")[0]
    assert f"etl {shown}" in example
    for option in ("--json", "--quiet", "--debug", "--wait"):
        assert option in text
    assert not (installation.data / "logs").exists()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_wrong_option_is_one_line(installation: Installation, script: str) -> None:
    done = installation.run(script, "--zzzzzzzzzzzz")
    assert (done.returncode, done.stdout) == (2, "")
    shown = " ".join(commands.shorten_names([script]))
    assert done.stderr.startswith(f"{script}: No such option: --zzzzzzzzzzzz. See: ")
    assert done.stderr.endswith(f"etl {shown} --help\n")


def test_a_run_with_nothing_to_do_imports_nothing_heavy(installation: Installation) -> None:
    command = installation.command("close_interrupted_runs")
    modules, _ = list_imported(command, installation.process_environment())
    assert "psycopg2" in modules
    assert not modules & set(HEAVY_FOR_NOTHING)


def test_a_csv_load_imports_only_what_it_needs_and_a_run_without_a_file_nothing_of_that(
    installation: Installation,
) -> None:
    installation.configure("orders", file_pattern="orders.*", schema={"number": {"type": "integer"}})
    command = installation.command("generic_import", "orders", "--quiet")
    modules, _ = list_imported(command, installation.process_environment())
    assert "systemscripts.ingest.run_imports" in modules
    assert sorted(modules & (HEAVY_FOR_CSV | ONLY_FOR_LOADS)) == []
    installation.drop("orders.csv", "number,ordered_on\n1,2026-01-31\n2,\n")
    modules, _ = list_imported(command, installation.process_environment())
    assert modules >= ONLY_FOR_LOADS
    assert sorted(modules & HEAVY_FOR_CSV) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Missing argument 'word'"),
        (("a", "b"), "Got unexpected extra argument(s) (b)"),
        (("a", "--count", "many"), "Invalid value for '--count': Input should be a valid integer"),
        (("a", "--count"), "requires an argument"),
    ],
)
def test_wrong_usage_is_one_line(jobs: Jobs, arguments: tuple[str, ...], text: str) -> None:
    jobs.write("tiny", "pass", parameters="word: str, count: int = 1")
    done = jobs.run("tiny", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert text in done.stderr
    assert done.stderr.endswith("etl tiny --help\n")


@pytest.mark.parametrize(
    ("body", "exit_code", "problems"),
    [
        ("return Summary(headline='x', rows=[{'a': 1, 'b': Path('/x')}])", 0, []),
        ("s = Summary(); s.problem('broken', 65); return s", 65, ["broken"]),
        ("raise errors.BadDataError('bad', 'Fix.')", 65, ["bad. Fix."]),
        (
            "os.kill(os.getpid(), 15); time.sleep(5)",
            143,
            ["stopped by SIGTERM. Run the same command again to continue."],
        ),
    ],
)
def test_json_is_one_object_however_it_ends(jobs: Jobs, body: str, exit_code: int, problems: list[str]) -> None:
    jobs.write("tiny", f"logger.warning('a warning'); {body}")
    done = jobs.run("tiny", "--json")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["exit_code"], summary["problems"]) == (exit_code, exit_code, problems)
    assert {"headline", "counts", "files", "rows", "warnings", "next_steps"} <= summary.keys()


def test_quiet_leaves_warnings_problems_and_the_exit_code(jobs: Jobs) -> None:
    shown = "s = Summary(headline='done', rows=[{'a': 1}], details=['d'], next_steps=['n'])"
    jobs.write(
        "fine", f"{shown}; print_line('on its way'); return s", before="from systemscripts.job import print_line"
    )
    assert "on its way\ndone\n" in jobs.run("fine").stdout
    fine = jobs.run("fine", "--quiet")
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "", "")
    jobs.write("bad", f"{shown}; s.warn('other', 'odd'); s.problem('broken', 65); return s")
    bad = jobs.run("bad", "--quiet")
    assert (bad.returncode, bad.stdout) == (65, "warning: odd\nproblem: broken\n")
    assert "broken" in bad.stderr
    assert json.loads(jobs.run("bad", "--quiet", "--json").stdout)["headline"] == "done"
    assert jobs.run("bad", "--quiet", "--count").stderr.startswith("bad: No such option")


def test_quiet_still_gives_the_data_that_was_asked_for(installation: Installation) -> None:
    assert installation.run("database", "sql", "select 1 as one", "--quiet").stdout == "one\n1\n"
    assert "run_pipeline.py weekly" in installation.run("schedule", "show", "--as-file", "--quiet").stdout
    as_json = json.loads(installation.run("schedule", "show", "--as-file", "--json").stdout)
    assert any(line.endswith("run_pipeline.py weekly") for line in as_json["details"])
    checked = installation.run("doctor", "--quiet", "--cron-file", installation.data / "none")
    assert checked.returncode == 1
    assert {line.split()[0] for line in checked.stdout.splitlines() if line[0] != " "} == {"failure", "warning"}


def test_json_for_wrong_usage_and_wrong_settings(installation: Installation) -> None:
    done = installation.run("database", "--json", "--nothing")
    assert json.loads(done.stdout)["exit_code"] == 2
    done = installation.run("database", "status", "--json", SMTP_PORT="x")
    assert json.loads(done.stdout)["exit_code"] == 78


def test_a_summary_that_says_what_is_registered_as_secret_is_still_json(jobs: Jobs) -> None:
    jobs.write("tiny", "s = Summary(files=1000); s.rows = [{'note': '1000'}]; return s")
    summary = json.loads(jobs.run("tiny", "--json", SOURCE_X="1000").stdout)
    assert (summary["files"], summary["rows"]) == (1000, [{"note": "***"}])


def test_a_file_name_that_is_not_utf8(jobs: Jobs) -> None:
    jobs.write("tiny", "return Summary(headline=str(file))", parameters="file: Path")
    command = [*jobs.command("tiny"), b"caf\xe9.csv"]
    environment = jobs.installation.process_environment()
    done = subprocess.run(command, env=environment, capture_output=True, cwd=jobs.installation.data)
    assert (done.returncode, done.stdout) == (0, b"caf\\udce9.csv\n")
    assert jobs.list_runs("status, arguments") == [("succeeded", "'caf\\udce9.csv'")]


def test_an_error_before_the_run_is_one_line_with_its_traceback(jobs: Jobs) -> None:
    jobs.write("tiny", "pass", before="from systemscripts import settings\nsettings.current = lambda: 1 / 0")
    done = jobs.run("tiny")
    assert done.returncode == 1
    assert done.stderr.endswith("tiny: unexpected ZeroDivisionError: division by zero\n")


def test_help_is_quick(installation: Installation) -> None:
    import time

    environment = installation.process_environment()
    times = []
    for _ in range(3):
        begun = time.monotonic()
        subprocess.run([sys.executable, str(Path(PROJECT) / "jobscripts" / "database.py"), "--help"], env=environment,
                       capture_output=True)  # fmt: skip
        times.append(time.monotonic() - begun)
    assert min(times) < 1.0  # 0.12 s on an idle machine; others may be busy here
