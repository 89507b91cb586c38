"""A database of an older version is brought forward, and everything in it can still be read, undone and loaded."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from systemscripts.backups import pg_programs
from systemscripts.db_utils import migrations
from tests.conftest import Installation, Server

pytestmark = pytest.mark.fast

VERSION_0_1_0 = Path(__file__).parent / "version_0_1_0"
# Applied on installations: a change of their text stops every job there, so a correction is a new numbered file.
FROZEN = {
    "0001_dba.sql": "d298c4d1b3480c8110453b5eb039a355af0fe8acd310e13cc42017ab2131f05c",
    "0002_visits.sql": "7b6bcf6cd4a63ddb63fddea7068970276c6db504b7dda2729cb287a9bc5e1a1a",
    "0003_api.sql": "4ab2dc5ec664c2c37374a3038f63a3b2e05c5f1cafbbd70125f76924ed7ac62d",
    "0004_sales.sql": "d688073316cf226fd3c33e14c32d8654235a675d63dc0cf1ab85eaed4943c506",
    "0005_operations.sql": "3f79320947755d3784846499f6e4eb613ba888daefa1399b095b01503ece41cf",
    "0006_console.sql": "4a93edb39243e30e725586468f9941a27a11c435e003fd0f4075bcaa603b01f8",
}
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
    checksums = {name: hashlib.sha256((migrations.FOLDER / name).read_bytes()).hexdigest() for name in FROZEN}
    assert checksums == FROZEN


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
    assert names >= set(FROZEN)
    assert not any(name.startswith("0007") for name in names)
