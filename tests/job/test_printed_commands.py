"""Every command that a script prints, mails or stores can be pasted into a shell in another folder, as it is."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import commands
from systemscripts.job import command_line
from tests.clones import Clone
from tests.conftest import PROJECT, Installation
from tests.tiny_jobs import Mails

PRODUCT_FILES = sorted(
    path
    for folder in ("systemscripts", "jobscripts", "webconsole", "demo")
    for path in (PROJECT / folder).rglob("*.py")
)
SCRIPTS = sorted(path.stem for path in (PROJECT / "jobscripts").glob("*.py"))
# these start scripts, write cron lines that stay as they are, or name a script and no command
NAME_NO_COMMAND = {
    "systemscripts/schedules/cron_file.py", "systemscripts/schedules/own_cron_file.py",
    "systemscripts/monitoring/doctor_context.py", "demo/installation.py", "demo/console.py", "demo/sales_demo.py",
    "demo/visits_demo.py",
}  # fmt: skip
WRONG_USAGE = re.compile("there is no script|No such option|Missing argument|unexpected extra|Invalid value")
EXPECTED = (
    """import new_things --file "it's new 2026-01-05.csv" --dry-run""", "import lists --retry-refused",
    "datasets undo 2", "datasets accept 1 --same", "datasets list", "import --list", "import --help", "run --list",
    "schedule resume weekly", "sql 'select 1'", """sql "select * from dba.v_dataset where status = 'held'\"""",
)  # fmt: skip
# what stands for a word that is only known when the message is made
SAMPLES = {"action": "add", "winner": "file"}


def find_calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "format_command":
            yield node


def read_words(call: ast.Call) -> list[str]:
    words = []
    for argument in call.args:
        if isinstance(argument, ast.Constant):
            words.append(str(argument.value))
        elif not isinstance(argument, ast.Starred):
            words.append(SAMPLES.get(ast.unparse(argument), "12"))
    return words


def find_texts(path: Path) -> Iterator[str]:
    """Yield the strings of a module other than docstrings."""
    tree = ast.parse(path.read_text())
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def test_every_command_in_a_message_is_one_that_its_script_accepts() -> None:
    checked = 0
    for path in PRODUCT_FILES:
        for call in find_calls(path):
            script, *words = read_words(call) or [""]
            if script not in SCRIPTS:
                # a variable: the job of a run
                assert not isinstance(call.args[0], ast.Constant), f"{path}: there is no script {script}"
                continue
            function = getattr(importlib.import_module(f"jobscripts.{script}"), script).function
            if words == ["--help"]:
                continue
            try:
                command_line.build_command(function, script).make_context(script, list(words))
            except Exception as error:
                raise AssertionError(f"{path}: {script} {words}: {error}") from error
            checked += 1
    assert checked >= 60


def test_no_message_names_a_script_otherwise() -> None:
    names = re.compile(rf"\b({'|'.join(SCRIPTS)})\.py\b|run_python_etl_script\.sh \S")
    found = [
        f"{path.relative_to(PROJECT)}: {text}"
        for path in PRODUCT_FILES
        if str(path.relative_to(PROJECT)) not in NAME_NO_COMMAND
        for text in find_texts(path)
        if names.search(text)
    ]
    assert found == []
    for template in [
        *(PROJECT / "webconsole" / "templates").rglob("*.html"),
        *(PROJECT / "config" / "reports").rglob("*"),
    ]:
        assert not template.is_file() or not names.search(template.read_text()), template


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The project in a folder whose path needs quotes."""
    folder = tmp_path_factory.mktemp("clone") / 'it\'s a "project"'
    folder.mkdir()
    return Clone(folder)


class Shell:
    """A person at a shell in another folder than the project's."""

    def __init__(self, clone: Clone, installation: Installation, folder: Path) -> None:
        self.clone, self.installation, self.folder = clone, installation, folder
        self.printed: list[str] = []

    def run(self, *arguments: object) -> str:
        """Run a script by the wrapper, and collect the commands in what it says."""
        done = subprocess.run(
            [str(self.clone.folder / "etl"), *map(str, arguments)], env=self.clone.environment(self.installation),
            capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=self.folder, check=False,
        )  # fmt: skip
        self.collect(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def collect(self, text: str) -> None:
        """Collect the commands in a text."""
        self.printed += find_commands(text, shlex.quote(str(self.clone.folder / "etl")))

    def paste(self, command: str) -> subprocess.CompletedProcess[str]:
        """Paste a command into a shell that knows nothing of the installation."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DATABASE_"))}
        return subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            cwd=self.folder, check=False,
        )  # fmt: skip


def find_commands(text: str, program: str) -> list[str]:
    """Return the commands in a text: from their variables to the end of their words."""
    word = r"'[^'\n]*'|\"[^\"\n]*\"|(?!(?:loads|shows|creates|which|and|then)\b)[^\s,;()'\"]+"
    start = re.compile(r"(?:ETL_\w+=(?:'[^']*'(?:\"'\"'[^']*')*|\S+) )*" + re.escape(program))
    found = []
    for match in start.finditer(text):
        rest = text[match.end() :]
        # a word is quoted or not; prose follows after a comma, a bracket, or a word that no command has
        words = re.match(rf"(?: (?:{word}))*", rest)
        assert words is not None
        found.append(match[0] + words[0].rstrip("."))
    return found


def test_what_is_printed_mailed_and_stored_runs_from_another_folder(
    clone: Clone, installation: Installation, mails: Mails, tmp_path: Path
) -> None:
    folder = tmp_path / "else where"
    folder.mkdir()
    shell = Shell(clone, installation, folder)
    file = folder / "it's new 2026-01-05.csv"
    file.write_text("id,amount\n1,2\n2,3\n")
    installation.configure("lists", load_mode="append", guards={"min_rows": 3}, notify=["client@example.test"])
    for number in (1, 2):
        installation.drop(f"lists_{number}.csv", f"id,name\n{number},x\n")
    installation.drop("lists_9.csv", "<html><body>no table</body></html>")
    shell.run("suggest", "it's new 2026-01-05.csv", "--name", "new_things")
    for words in (
        ("import", "lists"), ("import", "nothing"), ("import", "--nothing"), ("datasets", "undo", "x"),
        ("datasets", "accept", "999"), ("sql", ""), ("run", "nothing"), ("schedule", "pause", "weekly"),
        ("run", "weekly"),
    ):  # fmt: skip
        shell.run(*words)
    shell.collect("\n".join(text for (text,) in installation.sql("select reason from dba.tfile where reason > ''")))
    told = "\n".join(str(mail.get_content()) for mail in mails.read_all())
    shell.collect(told)
    address = shlex.quote(str(clone.folder / "etl"))
    assert address in told
    shorter = {command.partition(f"{address} ")[2]: command for command in shell.printed}
    for expected in EXPECTED:
        assert expected in shorter, (expected, sorted(shorter))
        done = shell.paste(shorter[expected])
        said = f"{shorter[expected]}\n{done.stdout}{done.stderr}"
        assert (done.returncode in (0, 65), WRONG_USAGE.search(said)) == (True, None), said


def test_the_address_fits_the_folder_and_the_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in commands.CARRIED_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(commands, "_is_reader_elsewhere", False)
    commands._is_installed.cache_clear()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    whole = shlex.quote(str(PROJECT / "etl"))
    monkeypatch.chdir(PROJECT)
    assert commands.format_command("generic_import", "orders") == "./etl import orders"
    assert commands.format_for_elsewhere("Run: ./etl status, ./etl doctor") == f"Run: {whole} status, {whole} doctor"
    monkeypatch.chdir(tmp_path)
    assert commands.format_command("status") == f"{whole} status"
    monkeypatch.setenv("ETL_ENV_FILE", "qa settings.env")
    assert commands.format_command("status") == f"ETL_ENV_FILE='{tmp_path}/qa settings.env' {whole} status"
    (tmp_path / "etl").symlink_to(PROJECT / "etl")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("ETL_ENV_FILE")
    commands._is_installed.cache_clear()
    assert commands.format_command("database", "sql", "select 'a'") == "etl sql \"select 'a'\""
    monkeypatch.setattr(commands, "_is_reader_elsewhere", True)
    monkeypatch.chdir(PROJECT)
    assert commands.format_command("status") == "etl status"
    commands._is_installed.cache_clear()
