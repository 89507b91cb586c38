"""The Python environment of a host that root set up is built by an account that owns nothing else."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import pytest

from tests.host.machine import Machine, machine

FOLDER = "/opt/client_etl_workflow"
BUILT = "/var/lib/client_etl_build/_opt_client_etl_workflow/environment"
# What each package may do: run code whenever a Python of its environment starts.
SPY = "import os; open(f'/tmp/spies/{os.getuid()}', 'w').close()\n"


def make_wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        wheel.writestr("spy.pth", SPY)
        wheel.writestr("spy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
        wheel.writestr("spy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("spy-1.0.dist-info/RECORD", "")
    return content.getvalue()


WHEEL = make_wheel()
REQUIREMENT = f"spy==1.0 --hash=sha256:{hashlib.sha256(WHEEL).hexdigest()}"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine") / "overlay") as new_machine:
        new_machine.clone(FOLDER, "root")
        new_machine.shell(f"rm {FOLDER}/.venv && mkdir -m 1777 /tmp/spies && mkdir /srv/wheels")
        command = new_machine.command("tee", "/srv/wheels/spy-1.0-py3-none-any.whl")
        subprocess.run(command, input=WHEEL, stdout=subprocess.DEVNULL, check=True)
        new_machine.shell(f"chmod -R a+rX /srv/wheels && rm {FOLDER}/requirements/*.txt")
        new_machine.shell(f"echo '{REQUIREMENT}' >{FOLDER}/requirements/base.txt")
        assert new_machine.run(f"{FOLDER}/configure_etl_user.sh", "--embedded").returncode == 0
        yield new_machine


def install(host: Machine) -> str:
    python = os.path.realpath(sys.executable)
    options = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/srv/wheels", "ETL_NO_UV=1", f"PYTHON={python}")
    done = host.run("env", *options, f"{FOLDER}/install_dependencies.sh", "--python-only", timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr + host.run("cat", f"{BUILT}/var/install.log").stdout
    return done.stdout


def test_no_package_and_no_installer_runs_as_root_and_the_service_user_changes_none(host: Machine) -> None:
    assert "Python environment: complete" in install(host)
    assert host.shell(f"readlink {FOLDER}/.venv") == f"{BUILT}/.venv\n"
    # the second time, and by the other script
    assert install(host) == "Python environment: complete\n"
    host.run(f"{FOLDER}/configure_etl_user.sh", "--embedded")
    host.shell(f"runuser -u etl_user -- {FOLDER}/.venv/bin/python -c ''")
    host.shell("ls /tmp/spies | xargs -n 1 id -un >/tmp/names")
    assert set(host.shell("cat /tmp/names").split()) == {"etl_build", "etl_user"}
    for change in (f"touch {BUILT}/.venv/bin/python", f"touch {FOLDER}/.venv/new", f"rm {BUILT}/.venv"):
        assert host.run("runuser", "-u", "etl_user", "--", "bash", "-c", change).returncode != 0
    # which owns nothing else, and reads no settings
    assert host.shell("find /etc /home /opt /srv -xdev -user etl_build") == ""
    assert host.run("runuser", "-u", "etl_build", "--", "cat", f"{FOLDER}/config/.env").returncode != 0


def test_links_in_its_folder_lead_root_nowhere(host: Machine) -> None:
    host.shell("echo victim >/root/victim && chmod 600 /root/victim")
    links = "ln -s /root/victim var/install.log && ln -s /root .venv.new"
    trap = f"cd {BUILT} && rm -rf var .venv.new && mkdir var && {links}"
    host.shell(f"runuser -u etl_build -- bash -c '{trap}'")
    host.shell(f"echo '{REQUIREMENT} # changed' >{FOLDER}/requirements/base.txt")
    install(host)
    assert host.shell("cat /root/victim; stat -c '%a %U' /root/victim") == "victim\n600 root\n"
    assert host.shell(f"cat {FOLDER}/.venv/.requirements-base.txt") == f"{REQUIREMENT} # changed\n"


def test_no_program_of_the_environment_runs_as_root(host: Machine) -> None:
    """Root runs neither its Python, for a report that a job cannot start, nor the uv that an installation put there."""
    spy = 'touch "/tmp/spies/$(id -u)"'
    for name in ("uv", "python"):
        path = f"{BUILT}/.venv/bin/{name}"
        script = f"rm -f {path} && printf '#!/bin/sh\\n%s\\n' '{spy}' >{path} && chmod 755 {path}"
        host.run("runuser", "-u", "etl_build", "--", "bash", "-ec", script)
    host.shell(f"test -x {BUILT}/.venv/bin/uv && rm -f /tmp/spies/*")
    host.run(
        "bash", "-c", f"PATH=/usr/bin:/bin:/usr/sbin:/sbin {FOLDER}/install_dependencies.sh --python-only --dry-run"
    )
    # no job starts below a folder that the service user cannot pass through
    host.shell("chmod 700 /opt")
    assert host.run(f"{FOLDER}/run_python_etl_script.sh", "status").returncode == 78
    host.shell("chmod 755 /opt")
    assert host.run("test", "-e", "/tmp/spies/0").returncode != 0
