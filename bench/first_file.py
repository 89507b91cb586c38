"""Writes the example "a file of your own" of README.md: runs its three commands and keeps what they print.

A copy of the project in a temporary folder loads demo/samples/ into the embedded database; the output becomes the
text of README.md and the picture docs/images/first-file.svg. Then the next month's file comes without its column of
money, as cron would load it: what it is and the mail about it become docs/images/overview.svg. Run it after a change
of what these commands print:

    PYTHONPATH=. .venv/bin/python -m bench.first_file
"""

from __future__ import annotations

import csv
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.overview_picture import draw_overview
from bench.terminal_picture import PROMPT, draw_terminal
from demo.mail_sink import MailSink

PROJECT = Path(__file__).resolve().parents[1]
README = PROJECT / "README.md"
PICTURE = PROJECT / "docs" / "images" / "first-file.svg"
FILE = "demo/samples/Order Export Sep 2026 (1).csv"
OVERVIEW = PROJECT / "docs" / "images" / "overview.svg"
NEXT_FILE, LOST_COLUMN = "Order Export Oct 2026.csv", "Amount"
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


def mail_next_file(project: Path, folder: Path) -> tuple[str, str]:
    """Load the next month's file without one column, as cron does; return subject and text of the mail about it."""
    rows = list(csv.reader((project / FILE).read_text().splitlines()))
    column_number = next(row for row in rows if LOST_COLUMN in row).index(LOST_COLUMN)
    with (project / "file_watcher" / NEXT_FILE).open("w", newline="") as stream:
        csv.writer(stream).writerows(row[:column_number] + row[column_number + 1 :] for row in rows)
    with MailSink(folder / "mails", folder / "certificate", "etl", "generated") as sink:
        settings = {
            "SMTP_HOST": "127.0.0.1", "SMTP_PORT": sink.port, "SMTP_USER": "etl", "SMTP_PASSWORD": "generated",
            "SMTP_CA_FILE": sink.certificate, "MAIL_FROM": "etl@example.com", "ALERT_RECIPIENTS": "you@example.com",
            "FILE_STILL_SECONDS": 0, "DATABASE_URL": "embedded",
        }  # fmt: skip
        (project / "config" / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (project / "config" / ".env").chmod(0o600)
        subprocess.run(
            ["./etl", "import", "orders"], cwd=project, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        message = sink.read_messages()[-1]
    body = message.get_body(("plain",))
    text = body.get_content() if body else ""
    # as a host of the reader's would write it
    text = text.replace(str(project), "/opt/client_etl_workflow").replace(platform.node(), "etl-host")
    return str(message["Subject"]).replace(platform.node(), "etl-host"), text


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
            subject, body = mail_next_file(project, Path(name))
        finally:
            subprocess.run(["./etl", "database", "stop"], cwd=project, capture_output=True, check=False)
    README.write_text(insert_output(README.read_text(), lines))
    PICTURE.write_text(draw_picture(lines))
    table = list(
        csv.reader(lines[lines.index(next(line for line in lines if line.startswith(f"{PROMPT}./etl sql"))) + 1 :])
    )
    content = (PROJECT / FILE).read_text()
    OVERVIEW.write_text(draw_overview(Path(FILE).name, content, table, subject, body))


if __name__ == "__main__":
    main()
