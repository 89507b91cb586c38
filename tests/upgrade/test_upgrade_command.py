"""`etl upgrade` on real installations of the last release, and `etl upgrade --back`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.upgrade.real_installation import RealInstallation, make_clone

DATASETS = "select config_name, status, count(*) from dba.tdataset group by 1, 2 order by 1, 2"
COMPANIES = "select count(*), count(distinct dataset_id) from dba.tmeetmax_current"
RUNS = "select count(*) from dba.trun where job not in ('backup_database', 'restore_database', 'database', 'doctor')"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[RealInstallation]:
    installation = RealInstallation(tmp_path / "my projects" / "client_etl_workflow")
    installation.fill()
    yield installation
    installation.stop()


def read_facts(installation: RealInstallation) -> list[object]:
    return [installation.query(statement) for statement in (DATASETS, COMPANIES, RUNS)]


def upgrade_from_release(old: RealInstallation, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command for a version that has none itself: that of a newer clone."""
    return old.type(PROJECT / "etl", "upgrade", "--in", old.folder, *arguments)


def test_a_clone_is_upgraded_keeps_everything_and_goes_back(old: RealInstallation, tmp_path: Path) -> None:
    own = old.folder / "config" / "imports" / "my_orders.yaml"
    make_clone(old, tmp_path / "remote")
    own.write_text("file_pattern: my_orders.*\ntarget_table: public.my_orders\n")
    code, facts, settings = old.list_code(), read_facts(old), (old.folder / "config" / ".env").read_text()
    commit = old.type("git", "rev-parse", "HEAD").stdout

    done = upgrade_from_release(old)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "upgraded from 0.1.0" in done.stdout and "etl upgrade --back" in done.stdout
    assert read_facts(old) == facts
    assert (old.folder / "config" / ".env").read_text() == settings and own.exists()
    # nothing of the old version is left among the new modules, and git sees what a pull would have made
    assert not (old.folder / "systemscripts" / "backups" / "making.py").exists()
    changed = old.type("git", "status", "--porcelain", "--untracked-files=no", ":!archive", ":!file_watcher", ":!logs")
    assert (changed.returncode, changed.stdout) == (0, "")
    assert old.type("git", "rev-parse", "HEAD").stdout != commit
    assert old.type("./etl", "upgrade").stdout.startswith("the code is the newest")

    # undo works in what was loaded before
    newest = old.query("select max(dataset_id) from dba.tdataset where config_name = 'meetmax_events'")[0][0]
    undone = old.type("./etl", "import", "--undo", newest)
    assert undone.returncode == 0, undone.stderr
    assert read_facts(old) != facts

    back = old.type("./etl", "upgrade", "--back")
    assert back.returncode == 0, back.stdout + back.stderr
    assert read_facts(old) == facts
    assert old.list_code() == code
    assert old.type("git", "rev-parse", "HEAD").stdout == commit
    assert old.job("generic_import", "--undo", newest).returncode == 0
    again = old.type(old.folder / ".upgrade" / "new" / "etl", "upgrade", "--back", "--in", ".")
    assert (again.returncode, "nothing to go back to" in again.stderr) == (78, True)
