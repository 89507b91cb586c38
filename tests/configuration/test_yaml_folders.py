"""The operator's own imports, pipelines and reports lie outside the project, and take the place of its files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from systemscripts import configuration, pipelines, settings
from systemscripts.configuration import yaml_folders, yaml_row_sync
from systemscripts.db_utils import Connection
from systemscripts.imports.suggest import suggest_files
from tests.conftest import Installation

OWN_ORDERS = "file_pattern: own_.*\\.csv\ntarget_table: public.own_orders\n"
PIPELINE = "schedule: 30 4 * * *\nsteps:\n  - job: status\n"


@pytest.fixture
def own(here: Installation, tmp_path: Path) -> Iterator[Path]:
    """The operator's folder, with an import, a pipeline of a name that the project has, and a report."""
    folder = tmp_path / "own"
    here.write_settings(ETL_LOCAL_DIR=str(folder))
    settings.reset()
    for part, name, text in (
        ("imports", "own_orders", OWN_ORDERS), ("imports", "sales", OWN_ORDERS), ("pipelines", "weekly", PIPELINE),
    ):  # fmt: skip
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / f"{name}.yaml").write_text(text)
    yield folder


@pytest.fixture
def connection(here: Installation) -> Iterator[Connection]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def test_what_the_operator_adds_is_found_and_what_has_the_name_of_a_file_of_the_project_replaces_it(
    own: Path, connection: Connection
) -> None:
    assert {"own_orders", "sales", "visits"} <= set(configuration.apply_files(connection))
    assert configuration.load_import(connection, "sales").target_table == "public.own_orders"
    assert pipelines.load_pipeline("weekly").schedule == "30 4 * * *"
    assert "nightly" in pipelines.list_names()
    # the file of the project comes back with the next apply
    (own / "imports" / "sales.yaml").unlink()
    configuration.apply_files(connection)
    assert configuration.load_import(connection, "sales").target_table != "public.own_orders"


def test_what_is_decided_here_is_written_there_and_never_into_tracked_files(
    own: Path, connection: Connection, tmp_path: Path
) -> None:
    configuration.apply_files(connection)
    with connection, connection.cursor() as cursor:
        cursor.execute("update dba.timportconfig set is_active = false where config_name = 'visits'")
    tracked = (yaml_folders.PROJECT_FOLDER / "imports" / "visits.yaml").read_bytes()
    yaml_row_sync.resolve_difference(connection, "visits", "row")
    assert "is_active: false" in (own / "imports" / "visits.yaml").read_text()
    assert (yaml_folders.PROJECT_FOLDER / "imports" / "visits.yaml").read_bytes() == tracked
    assert configuration.apply_files(connection) == []
    (tmp_path / "parcels_20260105.csv").write_text("parcel,weight\n" + "".join(f"{n},{n}.5\n" for n in range(30)))
    summary = suggest_files.suggest_import([tmp_path / "parcels_20260105.csv"], "parcels", None)
    assert (own / "imports" / "parcels.yaml").exists() and not [s for s in summary.next_steps if s.startswith("cp")]


def test_without_a_folder_of_the_operator_s_all_is_as_it_was(here: Installation) -> None:
    assert yaml_folders.list_folders("imports") == [settings.PROJECT / "config" / "imports"]
    assert yaml_folders.find_file("imports", "sales").is_relative_to(settings.PROJECT)
