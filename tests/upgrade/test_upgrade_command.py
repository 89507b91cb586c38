"""`etl upgrade` on real installations of the last release, and `etl upgrade --back`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.upgrade.real_installation import RealInstallation, make_archive, make_clone

DATASETS = "select config_name, status, count(*) from dba.tdataset group by 1, 2 order by 1, 2"
COMPANIES = "select count(*), count(distinct dataset_id) from dba.tmeetmax_current"
RUNS = "select count(*) from dba.trun where job not in ('backup_database', 'restore_database', 'database', 'doctor')"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[RealInstallation]:
    installation = RealInstallation(tmp_path / "my projects" / "client_etl_workflow")
    try:
        installation.fill()
        yield installation
    finally:
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


@pytest.mark.long
def test_an_unpacked_archive_is_upgraded_by_an_archive_whose_hash_is_checked(
    old: RealInstallation, tmp_path: Path
) -> None:
    archive, facts, code = make_archive(tmp_path / "files"), read_facts(old), old.list_code()
    tampered = tmp_path / "tampered" / archive.name
    shutil.copytree(archive.parent, tampered.parent)
    with tampered.open("ab") as stream:
        stream.write(b"more")
    for path, said in ((tampered, "is not what its hash says"), (archive, "")):
        unpacked = path.parent / "unpacked"
        unpacked.mkdir()
        assert old.type("tar", "-xzf", archive, "-C", unpacked, "--strip-components=1").returncode == 0
        done = old.type(unpacked / "etl", "upgrade", path, "--in", old.folder)
        assert (done.returncode != 0) == bool(said) and said in done.stderr, done.stdout + done.stderr
        assert (old.list_code() == code) == bool(said)
    assert read_facts(old) == facts
    # a change of what came with the project is now known, and named
    (old.folder / "config" / "pipelines" / "nightly.yaml").write_text("description: mine\n")
    refused = old.type("./etl", "upgrade", archive)
    assert (refused.returncode, "config/pipelines/nightly.yaml" in refused.stderr) == (78, True)
    back = old.type("./etl", "upgrade", "--back")
    assert back.returncode == 0, back.stdout + back.stderr
    assert (read_facts(old), old.list_code()) == (facts, code)


def read_step(old: RealInstallation) -> str:
    """The step that an upgrade is in; `backup` before it has changed anything, empty where there is none."""
    folder = old.folder / ".upgrade"
    lines = (folder / "state").read_text().splitlines() if (folder / "state").exists() else []
    steps = [line.removeprefix("step=") for line in lines if line.startswith("step=")]
    return (steps or ["backup"])[-1] if (folder / "unfinished").exists() else ""


def kill_at(old: RealInstallation, step: str) -> None:
    """Start the upgrade, and kill it with all its processes in that step."""
    process = subprocess.Popen(
        [PROJECT / "etl", "upgrade", "--in", old.folder], cwd=old.folder, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 300
    while read_step(old) != step:
        assert process.poll() is None and time.monotonic() < until, f"it ended before {step}"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("step", ["backup", "code", "packages", "schema"])
def test_a_killed_upgrade_leaves_one_line_whose_commands_finish_it_or_go_back(
    old: RealInstallation, tmp_path: Path, step: str
) -> None:
    make_clone(old, tmp_path / "remote")
    code, facts = old.list_code(), read_facts(old)
    for action in ("to go back run", "to finish it run"):
        kill_at(old, step)
        # the wrapper of the last release does not know of upgrades; the new one is the first file that is put in place
        if old.list_code() != code:
            job = old.type("./run_python_etl_script.sh", "database.py", "status")
            assert (job.returncode, job.stderr.count("\n")) == (78, 1), job.stderr
        line = (old.folder / ".upgrade" / "unfinished").read_text()
        done = old.type("bash", "-c", re.findall(f"{action}: ([^;\n]*)", line)[0])
        assert done.returncode == 0, done.stdout + done.stderr
        assert read_facts(old) == facts
        assert (old.list_code() == code) == (action == "to go back run")
        assert old.job("database", "status").returncode == 0
