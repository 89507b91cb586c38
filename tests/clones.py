"""A clone of the project in its own folder, for tests that change its files: pipelines, jobs, owner."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.conftest import PROJECT, Installation

COPIED = ("systemscripts", "jobscripts", "sql", "config", "demo", "requirements")
FILES = (
    "etl",
    "run_python_etl_script.sh",
    "install_dependencies.sh",
    "configure_etl_user.sh",
    "pyproject.toml",
    "etl_jobs.cron",
)

HEAD = """
import os, signal, sys, time
from pathlib import Path
from typing import Annotated
import typer
from systemscripts import errors, settings
from systemscripts.job import Summary, job

DATA = settings.current().etl_data_dir
"""


class Clone:
    """The scripts of the project without its data; the Python environment is the one of the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".env"))
        for name in FILES:
            if (PROJECT / name).exists():
                shutil.copy2(PROJECT / name, folder / name)
        (folder / "docs").mkdir()
        # with the short names of the commands
        shutil.copy2(PROJECT / "docs" / "scripts.md", folder / "docs")
        (folder / ".venv").symlink_to(sys.prefix)

    @property
    def wrapper(self) -> Path:
        """The command that runs a job."""
        return self.folder / "run_python_etl_script.sh"

    def pipeline(self, name: str, text: str) -> None:
        """Write a pipeline."""
        (self.folder / "config" / "pipelines" / f"{name}.yaml").write_text(textwrap.dedent(text))

    def job(self, name: str, parameters: str, body: str, needs: str = "") -> None:
        """Write a job script."""
        indented = textwrap.indent(textwrap.dedent(body), "    ")
        function = f'@job({needs})\ndef {name}({parameters}):\n    """Test."""\n{indented}'
        text = f'"""Test."""\n{HEAD}\n\n{function}\n\nif __name__ == "__main__":\n    {name}.main()\n'
        (self.folder / "jobscripts" / f"{name}.py").write_text(text)

    def environment(self, installation: Installation, **more: str) -> dict[str, str]:
        """Return the environment of a caller, with the settings of the installation."""
        variables = installation.process_environment(**more)
        del variables["PYTHONPATH"]  # the wrapper sets it
        return variables

    def run(
        self, installation: Installation, *arguments: object, timeout: float = 120, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a job through the wrapper."""
        return subprocess.run(
            [self.wrapper, *map(str, arguments)], env=self.environment(installation, **more), capture_output=True,
            text=True, timeout=timeout, stdin=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    def start(self, installation: Installation, *arguments: object, **more: str) -> subprocess.Popen[str]:
        """Start a job through the wrapper in a session of its own."""
        return subprocess.Popen(
            [self.wrapper, *map(str, arguments)], env=self.environment(installation, **more), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
        )  # fmt: skip


def list_descendants(pid: int) -> list[int]:
    """Return the ids of all descendants of a process at this moment."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
    processes = [pid]
    for process in processes:
        processes += [child for child, parent in parents.items() if parent == process]
    return processes[1:]


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def make_command_as_user(user: str, *command: object) -> list[str]:
    """Return a command that runs as another user; needs root."""
    assert os.geteuid() == 0
    return ["runuser", "-u", user, "--", *map(str, command)]
