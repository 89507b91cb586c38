"""The floors of systemscripts: a room imports only from floors below it, never from its own (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

PROJECT = Path(__file__).resolve().parents[1]
FLOORS = [
    {
        "settings",
        "human_units",
        "directory_management",
        "errors",
        "commands",
        "masking",
        "secret",
        "summary",
        "plugins",
        "address_rules",
        "bounded_patterns",
        "dates",
        "last_resort",
        "retries",
        "person",
    },
    {
        "db_utils",
        "disk_space",
        "duck",
        "mysql_client",
        "log_utils",
        "mail",
        "progress",
        "certificates",
        "ssh",
        "stores",
        "s3",
        "http_client",
        "office_files",
        "pgp",
    },
    {"tables", "file_ledger", "datasets", "configuration", "table_rights"},
    {"sources", "targets", "target_database", "imports", "findings", "marts", "reports", "alerts", "schedules"},
    {"ingest", "retention", "backups"},
    {"job", "pipelines", "yaml_jobs", "monitoring"},
]
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
# the settings and the clock tell their troubles with the errors that every room uses, and folders name theirs;
# settings may be encrypted; errors show the command to type
ALLOWED_ON_FLOOR_0 = {"errors", "secret", "commands"}
MODULES = sorted((PROJECT / "systemscripts").rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PROJECT / "systemscripts").parts[0].removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    """Everything of systemscripts that a module imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports by whole names"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {
        name for name in names if name.split(".")[0] in ("systemscripts", "jobscripts", "webconsole", "demo", "tests")
    }


def imported_rooms(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported_modules(path) if name.startswith("systemscripts.")}


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in MODULES} - {"__init__"} == set(FLOOR_OF)


def test_the_floors_are_drawn_and_each_room_is_described() -> None:
    text = (PROJECT / "docs" / "architecture.md").read_text()
    drawn = dict(re.findall(r'floor(\d)\["\d [^<]+<br/>([^"]+)"\]', text))
    assert {int(number): set(rooms.split(", ")) for number, rooms in drawn.items()} == dict(enumerate(FLOORS))
    table = text.partition("| package | what it does |")[2].partition("\n\n")[0]
    described = [room for first in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE) for room in first.split(", ")]
    assert sorted(room.strip("`") for room in described) == sorted(FLOOR_OF)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_room_imports_only_from_floors_below_it(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for other in imported_rooms(path) - {room}:
        if other not in FLOOR_OF:
            continue  # a name imported from the package itself
        below = FLOOR_OF[other] < FLOOR_OF[room]
        assert below or (FLOOR_OF[room] == 0 and other in ALLOWED_ON_FLOOR_0), f"{room} must not import {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_library_knows_nothing_of_what_stands_above_it(path: Path) -> None:
    above = {name for name in imported_modules(path) if not name.startswith("systemscripts")}
    assert not above


@pytest.mark.parametrize("path", sorted((PROJECT / "jobscripts").glob("*.py")), ids=lambda path: path.name)
def test_a_job_script_is_thin_and_imports_no_other(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 125
    assert not {name for name in imported_modules(path) if name.startswith(("jobscripts", "tests"))}


def test_tables_knows_no_database() -> None:
    for path in (PROJECT / "systemscripts" / "tables").rglob("*.py"):
        assert "psycopg2" not in path.read_text(), path
