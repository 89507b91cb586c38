"""A machine to try the set-up scripts on: this one, seen through an overlay whose changes are thrown away.

A mount and process namespace of its own: what runs in it ends with it, what it writes goes to memory. So users, cron
files, packages and databases are made for real, under their real names, and nothing of it is left.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clones import COPIED, FILES
from tests.conftest import PROJECT

HOLDER = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs -o size=3g,mode=755 tmpfs "$1"
mkdir -p "$1/upper/var/lib" "$1/work" "$1/root"
# the databases of root's own installations on this machine do not exist there (a whiteout of overlayfs)
mknod "$1/upper/var/lib/client_etl_workflow" c 0 0
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
root=$1/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root$2" && mount --bind "$2" "$root$2" && mount -o remount,bind,ro "$root$2"
for path in "${@:2}"; do # what only root may reach here, everybody may there
    while [[ $path == */* && -n ${path%/*} ]]; do path=${path%/*} && chmod a+x "$root$path"; done
done
echo ready
while :; do sleep 1000 & wait; done
"""


class Machine:
    """What runs in the overlay."""

    def __init__(self, holder: int, root: Path) -> None:
        self.holder, self.root = holder, root

    def command(self, *arguments: object) -> list[str]:
        """A command line that runs inside, as root, with a clean environment."""
        # the namespaces of the holder's child, which is process 1 in there
        enter = ["nsenter", "-t", str(self.holder), "-m", "-p", "chroot", str(self.root)]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return [*enter, "env", "-i", f"PATH={path}", "LANG=C.UTF-8", "HOME=/root", *map(str, arguments)]

    def run(self, *arguments: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end."""
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, cwd="/"
        )

    def shell(self, text: str, timeout: float = 240) -> str:
        """Run shell code inside; its output, which must not be a failure's."""
        done = self.run("bash", "-euo", "pipefail", "-c", text, timeout=timeout)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def changed_files(self) -> str:
        """What of the system's files and users' is not as on the host, with owner, mode, size and time.

        Only what was written in here: on the host itself others go on working.
        """
        folders = " ".join(
            shlex.quote(f"{self.root.parent}/upper/{name}") for name in ("etc", "home", "var/spool/cron")
        )
        skipped = "\\( -name __pycache__ -o -name '*.pid' \\) -prune -o"
        find = f"find {folders} {skipped} -printf '%p %y %U %G %m %s %T@\\n' 2>/dev/null | sort"
        outside = ["nsenter", "-t", str(self.holder), "-m", "bash", "-c", find]
        return subprocess.run(outside, check=True, capture_output=True, text=True).stdout

    def clone(self, folder: str, owner: str) -> None:
        """Copy the project to a folder inside, as a user would clone it, with the packages of the tests."""
        copied = " ".join(shlex.quote(f"{PROJECT}/{name}") for name in (*COPIED, *FILES))
        target = shlex.quote(folder)
        self.shell(
            f"mkdir -p {target} && cp -r {copied} {target} && rm -f {target}/config/.env && "
            f"ln -s {shlex.quote(sys.prefix)} {target}/.venv && "
            f"find {target} -name __pycache__ -prune -exec rm -rf {{}} + && "
            f"chmod -R u=rwX,go=rX {target} && chown -hR {owner}: {target}"
        )


@contextlib.contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Start one; `folder` is where its files appear inside its own namespace."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    log = (folder.parent / f"{folder.name}.log").open("w+")
    folder.mkdir()
    holder = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", HOLDER, "holder", str(folder), PROJECT,
         os.path.realpath(sys.executable)],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        until = time.monotonic() + 30
        while "ready" not in Path(log.name).read_text():
            if holder.poll() is not None or time.monotonic() > until:
                reason = Path(log.name).read_text()
                if os.environ.get("REQUIRE_SERVICES"):
                    pytest.fail(f"no overlay can be mounted here: {reason}")
                pytest.skip(f"no overlay can be mounted here: {reason}")
            time.sleep(0.05)
        inside = int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()[0])
        yield Machine(inside, folder / "root")
    finally:
        holder.kill()
        holder.wait()
        log.close()
