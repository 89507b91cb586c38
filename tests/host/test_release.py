"""The files of a release: built from a commit, complete, and installed by dpkg."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from systemscripts import settings
from tests.conftest import PROJECT
from tests.host.machine import machine

FOLDER = "/opt/client_etl_workflow"
VERSION = settings.read_version()


@pytest.fixture(scope="module")
def release_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files that `./release --dry-run` makes of the last commit, in a clone."""
    if not (PROJECT / ".git").exists():
        pytest.skip("a release is built of a commit, and this is not a clone")
    clone = tmp_path_factory.mktemp("release") / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", PROJECT, clone], check=True)
    (clone / ".venv").symlink_to(sys.prefix)
    done = subprocess.run([clone / "release", "--dry-run"], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "service answered for" in done.stdout
    assert "wheels of every package: Python 3.11 3.12 3.13 3.14" in done.stdout
    assert "not every package" not in done.stdout and "cannot read" not in done.stdout
    yield clone / "dist" / "dry-run"


def test_a_release_has_every_file_of_the_commit_its_packages_and_their_licences(release_files: Path) -> None:
    name = f"client_etl_workflow-{VERSION}"
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=release_files, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert len(checked.stdout.splitlines()) == len(list(release_files.iterdir())) - 1
    committed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "-z", "HEAD"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    with tarfile.open(release_files / f"{name}.tar.gz") as archive:
        files = {member.name.removeprefix(f"{name}/") for member in archive if not member.isdir()}
    assert files == set(committed.stdout.rstrip("\0").split("\0"))
    components = {
        item["name"].lower(): item
        for item in json.loads((release_files / f"{name}.cdx.json").read_text())["components"]
    }
    with (release_files / f"{name}.licenses.csv").open() as stream:
        licences = {row["Name"].lower(): row["License"] for row in csv.DictReader(stream)}
    assert set(licences) <= set(components)
    for package in ("psycopg2-binary", "pydantic", "flask", "boto3", "scrapy"):
        assert licences[package] not in ("", "UNKNOWN")
    assert not {"pytest", "asyncssh", "pyspark"} & set(components)


def test_the_package_is_installed_set_up_and_removed_without_a_loss(release_files: Path, tmp_path: Path) -> None:
    package = next(release_files.glob("*.deb"))
    with machine(tmp_path / "overlay") as host:
        command = host.command("tee", "/tmp/release.deb")
        subprocess.run(command, input=package.read_bytes(), stdout=subprocess.DEVNULL, check=True)
        said = host.shell("dpkg --force-depends -i /tmp/release.deb 2>&1")
        assert f"sudo {FOLDER}/install_dependencies.sh && sudo {FOLDER}/configure_etl_user.sh" in said
        host.shell(f"ln -s {sys.prefix} {FOLDER}/.venv")
        set_up = host.run(f"{FOLDER}/configure_etl_user.sh", "--embedded")
        assert set_up.returncode == 0, set_up.stdout + set_up.stderr
        assert host.shell("etl --version") == f"etl {VERSION}\n"
        noted = "etl purge >/dev/null && etl sql 'select version from dba.trun'"
        assert host.shell(noted).split() == ["version", VERSION]
        # the same version again, as an upgrade is: what was written here stays
        host.shell(f"echo '# ours' >>{FOLDER}/config/pipelines/weekly.yaml")
        again = host.shell("dpkg --force-depends --force-confdef --force-confold -i /tmp/release.deb 2>&1")
        assert f"to complete the upgrade from {VERSION}" in again
        assert "# ours" in host.shell(f"tail -1 {FOLDER}/config/pipelines/weekly.yaml")
        assert set(host.shell(noted).split()[1:]) == {VERSION} and len(host.shell(noted).split()) > 2
        host.shell(f"{FOLDER}/configure_etl_user.sh --remove && dpkg -r client-etl-workflow")
        left = host.shell(f"find {FOLDER} -name '*.py*' -o -name __pycache__").splitlines()
        assert left == []
        host.shell(f"test -s {FOLDER}/config/.env && test -d /var/lib/client_etl_workflow/archive")
