"""Installations of the last version, as people have them: a clone or an unpacked archive, with the demo's data."""

from __future__ import annotations

import contextlib
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import psycopg2

from systemscripts.db_utils import embedded_programs
from tests.conftest import PROJECT

# The last release, with which every upgrade here begins: its source, its database after the demos, its archive. Later
# releases: a folder like this one, made as its README says, and this constant.
LAST_RELEASE = Path(__file__).parent / "version_0_1_0"
# Packages of that release which the present version does not need.
ONLY_THEN = ("croniter==7.0.0",)
# What is upgraded to: the files of this working tree that git knows, or would add.
LIST_FILES = ("git", "-C", str(PROJECT), "ls-files", "--cached", "--others", "--exclude-standard")


def run_plain(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a person types it: without the settings of the tests."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ETL_", "SMTP_", "DATABASE_", "MEETMAX_", "PYTEST", "PYTHONPATH", "GIT_"))
    }
    variables = clean | {"GIT_CONFIG_GLOBAL": "/dev/null"} | options.pop("more", {})
    return subprocess.run(
        list(map(str, command)), env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        **{"timeout": 600, "cwd": "/"} | options,
    )  # fmt: skip


def copy_present_code(folder: Path) -> None:
    """Copy the files of this version into a folder."""
    for name in subprocess.run(LIST_FILES, check=True, capture_output=True, text=True).stdout.splitlines():
        source = PROJECT / name
        if source.is_file() and not name.startswith("tests/") and name != "config/.env":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)


class RealInstallation:
    """A project folder of the last release with its own embedded server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        with tarfile.open(LAST_RELEASE / "source.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        # the packages of the tests, and what only that version needs
        (folder / ".venv").symlink_to(Path(sys.prefix).resolve())
        # the environment of the tests has uv, or pip
        uv = Path(sys.prefix) / "bin" / "uv"
        install = [uv, "pip"] if uv.exists() else [sys.executable, "-m", "pip"]
        done = run_plain(*install, "install", "-q", "--no-deps", "--target", folder / "own", *ONLY_THEN)
        assert done.returncode == 0, done.stderr
        for path in (folder / "own").iterdir():
            path.rename(folder / path.name)

    def fill(self) -> None:
        """Start the server and load the database and the archive as the demos left them."""
        settings = self.folder / "config" / ".env"
        settings.write_text("DATABASE_URL=embedded\nTIME_ZONE=Europe/Berlin\n")
        settings.chmod(0o600)
        with tarfile.open(LAST_RELEASE / "data.tar.xz") as archive:
            archive.extractall(self.folder, filter="data")
        for name in ("file_watcher", "archive", "logs", "var"):
            (self.folder / name).mkdir(exist_ok=True)
        assert self.job("database", "start").returncode == 0
        with contextlib.closing(psycopg2.connect(self.url.removesuffix("etl") + "postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("drop database etl")
                cursor.execute("create database etl")
        dump = lzma.decompress((LAST_RELEASE / "database.sql.xz").read_bytes())
        done = subprocess.run(
            [str(embedded_programs.find_program("psql")), "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url],
            input=dump, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def job(self, name: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the version that is there, without its wrapper."""
        python = self.folder / ".venv" / "bin" / "python"
        return run_plain(
            python, self.folder / "jobscripts" / f"{name}.py", *arguments, more={"PYTHONPATH": str(self.folder), **more}
        )

    def type(self, *command: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Type a command in the project's folder."""
        return run_plain(*command, cwd=self.folder, **options)

    @property
    def state(self) -> dict[str, Any]:
        """How the embedded server is reached."""
        state: dict[str, Any] = json.loads((self.folder / "var" / "embedded_database.json").read_text())
        return state

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"postgresql://etl:{self.state['etl_password']}@127.0.0.1:{self.state['port']}/etl"

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run SQL as etl."""
        with contextlib.closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def list_code(self) -> dict[str, bytes]:
        """Return every file of the code and the configuration."""
        parts = ("systemscripts", "jobscripts", "sql", "config", "demo", "webconsole")
        files = [path for part in parts for path in (self.folder / part).rglob("*")] + list(self.folder.glob("*"))
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in files
            if path.is_file() and "__pycache__" not in path.parts
        }

    def stop(self) -> None:
        """Stop the server and remove its data, which root has elsewhere."""
        if (self.folder / "var" / "embedded_database.json").exists():
            folder = Path(self.state["folder"])
            self.job("database", "stop")
            shutil.rmtree(folder, ignore_errors=True)


def make_clone(installation: RealInstallation, remote: Path) -> None:
    """Make a clone of the installation, which follows a branch that has this version, too."""

    def git(folder: Path, *arguments: object) -> str:
        done = run_plain("git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.test", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run_plain("git", "init", "-q", "-b", "main", installation.folder)
    (installation.folder / ".git" / "info" / "exclude").write_text("/croniter*\n/archive\n/file_watcher\n/logs\n")
    git(installation.folder, "add", "-A")
    git(installation.folder, "commit", "-q", "-m", "version 0.1.0")
    run_plain("git", "clone", "-q", installation.folder, remote)
    for path in remote.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    copy_present_code(remote)
    git(remote, "add", "-A", "-f", ".")
    git(remote, "commit", "-q", "-m", "the present version")
    git(installation.folder, "remote", "add", "origin", remote)
    git(installation.folder, "fetch", "-q", "origin")
    git(installation.folder, "branch", "-q", "--set-upstream-to=origin/main", "main")


def make_archive(folder: Path) -> Path:
    """Pack this version as a release, with its hash beside it."""
    inner = folder / "client_etl_workflow-9.9.9"
    copy_present_code(inner)
    archive = folder / "client_etl_workflow-9.9.9.tar.gz"
    assert run_plain("tar", "-C", folder, "-czf", archive, inner.name).returncode == 0
    shutil.rmtree(inner)
    hashes = run_plain("sha256sum", archive.name, cwd=folder).stdout
    (folder / "SHA256SUMS").write_text(hashes)
    return archive
