"""A database of an older version is brought forward, and everything in it can still be read, undone and loaded."""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from systemscripts.backups import pg_programs
from tests.conftest import Installation, Server
from tests.upgrade import frozen_migrations

pytestmark = pytest.mark.fast

VERSION_0_1_0 = Path(__file__).parent / "version_0_1_0"
DATASETS = {
    "gho_life_expectancy": 2,
    "gho_life_expectancy_at_60": 2,
    "meetmax_events": 24,
    "meetmax_urls": 2,
    "sales": 7,
    "visits": 13,
}


@pytest.fixture
def old_installation(server: Server, tmp_path: Path) -> Installation:
    """An installation whose database and archive are those of version 0.1.0; nothing has touched them yet."""
    url, reader_url = server.create_database(f"upgrade_{tmp_path.name}", template="template0")
    installation = Installation(tmp_path / "data", url, reader_url)
    (installation.data / "file_watcher").mkdir(parents=True)
    with tarfile.open(VERSION_0_1_0 / "data.tar.xz") as archive:
        archive.extractall(installation.data, filter="data")
    psql = shutil.which("psql") or pg_programs.find_program("psql", 18)
    dump = lzma.decompress((VERSION_0_1_0 / "database.sql.xz").read_bytes())
    subprocess.run([str(psql), "-q", "-v", "ON_ERROR_STOP=1", "-d", url], input=dump, check=True, capture_output=True)
    installation.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader_url)
    return installation


def test_applied_migrations_are_never_changed() -> None:
    """A change of their text stops every job where they were applied, so a correction is a new numbered file."""
    frozen, present = frozen_migrations.read_list(), frozen_migrations.compute_hashes()
    changed = [name for name in frozen if present.get(name) != frozen[name]]
    assert not changed, f"restore them and add a new numbered file: {', '.join(changed)}"
    assert not present.keys() - frozen.keys(), f"to freeze the new ones run: {frozen_migrations.COMMAND}"


def test_a_database_of_version_0_1_0_keeps_its_rows_and_can_undo_and_load(old_installation: Installation) -> None:
    current = "select count(*), count(distinct dataset_id) from dba.tmeetmax_current"
    rows_before = old_installation.sql(current)

    assert old_installation.run("status").returncode == 0
    datasets = old_installation.sql("select config_name, count(*) from dba.tdataset where status = 'active' group by 1")
    assert dict(datasets) == DATASETS
    assert old_installation.sql(current) == rows_before

    [(newest, rows)] = old_installation.sql(
        """select dataset_id, rows_loaded from dba.tdataset where config_name = 'meetmax_events'
           order by dataset_id desc limit 1"""
    )
    undone = old_installation.run("generic_import", "--undo", newest)
    assert undone.returncode == 0, undone.stderr
    shown = f"select count(*) from dba.tmeetmax_current where dataset_id = {newest}"
    assert old_installation.sql(shown) == [(0,)]

    [archived] = (old_installation.data / "archive").rglob(
        old_installation.sql(f"select name from dba.tfile where dataset_id = {newest}")[0][0]
    )
    shutil.copy(archived, old_installation.data / "file_watcher" / archived.name)
    os.utime(old_installation.data / "file_watcher" / archived.name, (0, 0))
    again = old_installation.summary("generic_import", "meetmax_events", "--reload")
    assert again["counts"]["loaded"] == rows
    assert old_installation.sql(current) == rows_before


def test_the_source_of_version_0_1_0_ends_at_the_frozen_migrations() -> None:
    with tarfile.open(VERSION_0_1_0 / "source.tar.xz") as source:
        names = {Path(member.name).name for member in source if member.name.startswith("sql/migrations/")}
    assert {name for name in frozen_migrations.read_list() if name < "0007"} <= names
    assert not any(name.startswith("0007") for name in names)
