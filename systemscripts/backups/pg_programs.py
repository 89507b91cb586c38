"""Find and run pg_dump and pg_restore of the right version, without a password on the command line.

pg_dump refuses a server that is newer than itself, and an archive of a newer pg_dump may be unknown to an older
pg_restore (PostgreSQL manual, pg_dump, "Notes"): the same major version is best, a newer one works.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

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


def _list_candidates(name: str) -> Iterator[tuple[Path, int]]:
    embedded = embedded_programs.find_program(name)
    yield embedded, embedded_programs.MAJOR
    for path in DEBIAN_FOLDER.glob(f"*/bin/{name}"):
        if path.parts[-3].isdigit():
            yield path, int(path.parts[-3])
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path), _read_major(Path(on_path))


def _read_major(path: Path) -> int:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\) (\d+)", done.stdout)
    return int(match[1]) if match else 0


def run_program(program: Path, *arguments: str, url: str = "") -> str:
    """Run a program and return its standard output. `url`: the database; its password is passed by the environment.

    Raises EtlError with the last line that it wrote.
    """
    parts = psycopg2.extensions.parse_dsn(url) if url else {}
    password = str(parts.pop("password", ""))
    database = [f"--dbname={psycopg2.extensions.make_dsn('', **parts)}"] if url else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        [program, *database, *arguments], env=environment | ({"PGPASSWORD": password} if password else {}), text=True,
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise EtlError(f"{program.name}: {masking.mask(lines[-1])}", "See the log, then run it again.")
    return done.stdout
