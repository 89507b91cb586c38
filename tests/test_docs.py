"""The documents are true: what they name exists, and what exists is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

PROJECT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(path.name for path in (PROJECT / "jobscripts").glob("*.py"))
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
TEXT = "\n".join(path.read_text() for path in DOCUMENTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_documented(script: str) -> None:
    assert f"| `{script.removesuffix('.py')}` |" in (PROJECT / "docs" / "scripts.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_an_example_in_its_help(script: str) -> None:
    tree = ast.parse((PROJECT / "jobscripts" / script).read_text())
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == script[:-3])
    assert f"Examples:\n        {script}" in (ast.get_docstring(main, clean=False) or "")


def test_each_step_of_a_files_way_names_a_function_that_exists() -> None:
    steps = re.findall(r"`(systemscripts/\S+\.py): (\w+)`", (PROJECT / "docs" / "architecture.md").read_text())
    assert len(steps) >= 15
    for path, name in steps:
        tree = ast.parse((PROJECT / path).read_text())
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        defined |= {
            t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
        }
        assert name in defined, f"{path} has no {name}"


def test_the_states_drawn_are_the_states_built() -> None:
    from systemscripts import file_ledger
    from systemscripts.datasets import states

    text = (PROJECT / "docs" / "architecture.md").read_text()
    drawings = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, re.DOTALL)
    drawn = [set(re.findall(r"^    (\w+) --> (\w+)", drawing, re.MULTILINE)) for drawing in drawings]
    for machine, arrows in zip(drawn, (file_ledger.TRANSITIONS, states.TRANSITIONS), strict=False):
        assert machine == {(before, after) for before, those in arrows.items() for after in those if before != after}
    ends = re.findall(
        r"status in \('running', ([^)]+)\)", (PROJECT / "sql" / "migrations" / "0001_dba.sql").read_text()
    )
    assert {after.replace("_", " ") for _, after in drawn[2]} == set(ends[0].replace("'", "").split(", "))


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_readme_names_the_two_commands() -> None:
    text = (PROJECT / "README.md").read_text()
    assert "./etl run_pipeline weekly --demo" in text
    assert "./run_python_etl_script.sh run_pipeline.py weekly --demo" in text
    assert "./run_tests.sh" in text


def test_shown_commands_are_scripts_that_exist() -> None:
    from systemscripts import commands

    shown = set(re.findall(r"(?:run_python_etl_script\.sh|[`/(]etl) ([a-z_]+)\b", TEXT))
    assert shown - {name.removesuffix(".py") for name in SCRIPTS} - set(commands.read_short_names()) == {
        "completion",
        "upgrade",
    }
    # the old spelling stands only where it is explained
    assert len(re.findall(r"run_python_etl_script\.sh [a-z]", TEXT)) <= 3


def test_the_example_in_the_project_is_what_is_generated() -> None:
    from systemscripts import schedules
    from systemscripts.schedules import cron_file

    expected = cron_file.render_example()
    hint = "run: PYTHONPATH=. .venv/bin/python -m systemscripts.schedules.cron_file > etl_jobs.cron"
    assert (PROJECT / "etl_jobs.cron").read_text() == expected, hint
    assert not any(schedules.find_clock_change_risk(pipeline.schedule) for pipeline in schedules.list_with_schedule())


SHELL = PROJECT / "systemscripts" / "shell"


def _read_messages() -> str:
    """Everything that the programs can say, on one line; joined strings as one."""
    paths = [*(PROJECT / "systemscripts").rglob("*.py"), *(PROJECT / "jobscripts").glob("*.py")]
    text = " ".join(path.read_text() for path in [*paths, *PROJECT.glob("*.sh"), *SHELL.glob("*.bash")])
    return re.sub(r"\s+", " ", re.sub(r"[\"']\s+f?[\"']", "", text))


def test_troubleshooting_is_headed_by_what_the_programs_really_say() -> None:
    headings = re.findall(r"^## `(.+)`$", (PROJECT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(headings) >= 30
    said = _read_messages()
    for heading in headings:
        for words in heading.split(" ... "):
            assert words in said, f"no program says {words!r}"


def test_everything_that_is_watched_is_on_the_page_of_operations() -> None:
    text = (PROJECT / "docs" / "operations.md").read_text()
    for path in (PROJECT / "systemscripts" / "monitoring" / "checks").glob("*.py"):
        if "def find(" in path.read_text():
            assert f"(`{path.stem}`)" in text, path.name


def test_the_reference_is_what_the_scripts_say() -> None:
    from systemscripts.job import reference_page

    written = (PROJECT / "docs" / "reference.md").read_text()
    assert written == reference_page.render_page(), (
        "run: PYTHONPATH=. .venv/bin/python -m systemscripts.job.reference_page"
    )
