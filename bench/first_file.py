"""Writes the example "a file of your own" of README.md: runs its three commands and keeps what they print.

A copy of the project in a temporary folder loads demo/samples/ into the embedded database; the output becomes the
text of README.md and the picture docs/images/first-file.svg. Run it after a change of what these commands print:

    PYTHONPATH=. .venv/bin/python -m bench.first_file
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.terminal_picture import PROMPT, draw_terminal

PROJECT = Path(__file__).resolve().parents[1]
README = PROJECT / "README.md"
PICTURE = PROJECT / "docs" / "images" / "first-file.svg"
FILE = "demo/samples/Order Export Sep 2026 (1).csv"
COMMANDS = (
    ("suggest", FILE, "--name", "orders"),
    ("import", "orders", "--file", FILE),
    ("sql", "select order_no, order_date, customer, zip, amount, discount, paid from orders_current"),
)
COPIED_FOLDERS = ("config", "demo", "jobscripts", "requirements", "sql", "systemscripts")
COPIED_FILES = ("etl", "run_python_etl_script.sh", "pyproject.toml", "docs/scripts.md")
_OUTPUT = re.compile(r"(?<=```console\n).*?(?=```\n)", re.DOTALL)


def copy_project(folder: Path) -> None:
    """Copy what runs to a folder, with the same Python environment and without settings and data."""
    for name in COPIED_FOLDERS:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    (folder / "docs").mkdir()
    for name in COPIED_FILES:
        shutil.copy2(PROJECT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)


def run_commands(project: Path) -> list[str]:
    """Run the commands in a copy of the project; return the lines that a terminal shows. Raises if one fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DATABASE_"))}
    lines = []
    for command in COMMANDS:
        done = subprocess.run(
            ["./etl", *command], cwd=project, env=environment, capture_output=True, text=True, check=True
        )
        lines += [f"{PROMPT}./etl {shlex.join(command)}", *done.stdout.rstrip("\n").split("\n"), ""]
    return lines[:-1]


def insert_output(readme: str, lines: list[str]) -> str:
    """Return the text of README.md with this output."""
    text = "".join(f"{line}\n" for line in lines)
    return _OUTPUT.sub(lambda _: text, readme, count=1)


def draw_picture(lines: list[str]) -> str:
    """Return the picture of this output."""
    return draw_terminal(lines, "Three commands load an export as it came: suggest, import, sql")


def main() -> None:
    """Write the output into README.md, and the picture."""
    with tempfile.TemporaryDirectory(prefix="first_file_") as name:
        project = Path(name) / "client_etl_workflow"
        copy_project(project)
        try:
            lines = run_commands(project)
        finally:
            subprocess.run(["./etl", "database", "stop"], cwd=project, capture_output=True, check=False)
    README.write_text(insert_output(README.read_text(), lines))
    PICTURE.write_text(draw_picture(lines))


if __name__ == "__main__":
    main()
