"""Find and run pg_dump and pg_restore of the right version, without a password on the command line.

pg_dump refuses a server that is newer than itself, and an archive of a newer pg_dump may be unknown to an older
pg_restore (PostgreSQL manual, pg_dump, "Notes"): the same major version is best, a newer one works.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import psycopg2.extensions

from systemscripts import masking
from systemscripts.db_utils import embedded_programs
from systemscripts.errors import ConfigurationError, EtlError

DEBIAN_FOLDER = Path("/usr/lib/postgresql")


def find_program(name: str, major: int) -> Path:
    """Return the program `name` of the server's major version, else of the next newer one.

    Raises ConfigurationError with the package to install.
    """
    fitting = sorted((version, path) for path, version in _list_candidates(name) if version >= major)
    if not fitting:
        raise ConfigurationError(
            f"there is no {name} for a server of PostgreSQL {major}",
            f"Run: sudo apt install postgresql-client-{major} (from apt.postgresql.org where the archive is older)",
        )
    return fitting[0][1]


def find_newest(name: str) -> Path:
    """Return the newest program `name` that is installed: it reads the dumps of all."""
    return max(_list_candidates(name), key=lambda candidate: candidate[1])[0]


def _list_candidates(name: str) -> Iterator[tuple[Path, int]]:
    embedded = embedded_programs.find_program(name)
    yield embedded, embedded_programs.MAJOR
    for path in DEBIAN_FOLDER.glob(f"*/bin/{name}"):
        if path.parts[-3].isdigit():
            yield path, int(path.parts[-3])
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path), read_major(Path(on_path))


def read_major(path: Path) -> int:
    """Return the major version of a program; 0 if it does not say it."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\) (\d+)", done.stdout)
    return int(match[1]) if match else 0


def run_program(program: Path, *arguments: str, url: str = "") -> str:
    """Run a program and return its standard output. `url`: the database; its password is passed by the environment.

    Raises EtlError with the last line that it wrote.
    """
    database, environment = _split_address(url)
    done = subprocess.run(
        [program, *database, *arguments], env=environment, text=True, stdin=subprocess.DEVNULL, capture_output=True,
        check=False,
    )  # fmt: skip
    _raise_fault(program, done.returncode, done.stderr)
    return done.stdout


def run_script(sources: Sequence[Sequence[str]], psql: Path, url: str) -> None:
    """Run the SQL that programs, each fed by the one before, write, in one transaction. Raises EtlError."""
    database, environment = _split_address(url)
    final = [str(psql), *database, "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    with tempfile.TemporaryFile("w+") as words:
        feeding: IO[bytes] | None = None
        processes = []
        for command in (*sources, final):
            process = subprocess.Popen(
                command, env=environment, stdin=feeding or subprocess.DEVNULL, stderr=words,
                stdout=subprocess.DEVNULL if command is final else subprocess.PIPE,
            )  # fmt: skip
            processes.append(process)
            # so that a program ends when the one that it feeds has ended
            if feeding is not None:
                feeding.close()
            feeding = process.stdout
        codes = [process.wait() for process in processes]
        words.seek(0)
        _raise_fault(psql, max(map(abs, codes)), words.read())


def _split_address(url: str) -> tuple[list[str], dict[str, str]]:
    """Return an address as an argument without its password, and the environment that has it."""
    parts = psycopg2.extensions.parse_dsn(url) if url else {}
    password = str(parts.pop("password", ""))
    database = [f"--dbname={psycopg2.extensions.make_dsn('', **parts)}"] if url else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return database, environment | ({"PGPASSWORD": password} if password else {})


def _raise_fault(program: Path, code: int, text: str) -> None:
    if code != 0:
        lines = [line for line in text.splitlines() if line.strip()] or [f"exit code {code}"]
        raise EtlError(f"{program.name}: {masking.mask(lines[-1])}", "See the log, then run it again.")
