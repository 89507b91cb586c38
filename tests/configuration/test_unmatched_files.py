"""A file that no import accepts is named wherever one looks, and one that is read by the wrong delimiter is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from systemscripts.configuration import ImportConfig
from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from tests.conftest import PROJECT, Installation, Server
from tests.ingest.test_warning_faults import PAUSED
from tests.tiny_jobs import wait_for


def test_doctor_status_and_watchdog_name_a_file_that_matches_no_import_or_two(installation: Installation) -> None:
    for name in ("lists", "lists_of_events", "paused"):
        installation.configure(name, file_pattern=rf"{name}.*", is_active=name != "paused")
    installation.drop("lists_of_events_1.csv", "a\n1\n", age_seconds=3600)
    installation.drop("invoice.pdf", "x", age_seconds=3600)
    installation.drop("lists_1.csv", "a\n1\n", age_seconds=3600)
    installation.drop("paused_1.csv", "a\n1\n", age_seconds=3600)
    two = "lists_of_events_1.csv (matches lists and lists_of_events)"
    checked = json.loads(installation.run("doctor", "--json").stdout)
    said = [row["message"] for row in checked["rows"] if row["check"] == "waiting file"]
    folder = installation.data / "file_watcher"
    assert said == [f"{folder}: {name}: no import accepts it" for name in ("invoice.pdf", two)]
    shown = installation.run("status").stdout
    assert f"{two}: no import accepts it" in shown
    assert "invoice.pdf: no import accepts it" in shown
    assert "lists_1.csv: no import" not in shown and "paused_1.csv: no import" not in shown
    watched = installation.run("watchdog")
    assert "files wait that no import accepts" in watched.stdout + watched.stderr


def test_a_declared_delimiter_that_never_occurs_refuses_the_file(here: Installation) -> None:
    path = here.drop("lists.csv", "id,name,city\n1,x,Rome\n2,y,Oslo\n")
    with pytest.raises(BadDataError, match="does not contain the declared delimiter ';'; ',' splits it into 3 columns"):
        open_table(path, ReadingOptions(delimiter=";"))
    for content in ("note\nred, green\nblue, white\nwell, well\n", "id\n1\n2\n", "id;name\n1;x\n"):
        path = here.drop("lists.csv", content)
        with open_table(path, ReadingOptions(delimiter=";")) as table:
            assert table.columns == content.partition("\n")[0].split(";")


def test_a_table_without_a_schema_is_one_of_public() -> None:
    config = ImportConfig.model_validate({"config_name": "a", "file_pattern": "x", "target_table": "orders"})
    assert config.target_table == "public.orders"


def test_a_run_whose_session_is_terminated_says_so_without_a_traceback(
    installation: Installation, server: Server
) -> None:
    installation.configure("lists", load_mode="append")
    installation.drop("lists_1.csv", "id\n1\n")
    running = subprocess.Popen(
        [sys.executable, "-c", PAUSED, PROJECT / "jobscripts" / "generic_import.py", "lists"],
        env=installation.process_environment(), cwd=installation.data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        wait_for((installation.data / "reached").exists)
        name = urlsplit(installation.url).path.strip("/")
        server.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
        (installation.data / "go").touch()
        _, errors = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 75
    assert "Traceback" not in errors
    assert "database" in errors
