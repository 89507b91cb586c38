"""Every command of the pages for operators, typed as written on a host that has nothing yet."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host import doc_commands
from tests.host.machine import Machine, machine
from tests.upgrade.real_installation import copy_present_code

HOME = "/home/anna"
FOLDER = f"{HOME}/client_etl_workflow"
DATA = "/var/lib/client_etl_workflow"
FAULTS = ("Traceback", "Permission denied", "command not found", "unknown argument", "No such option", "No such file")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    """A host with an operator who may use sudo, and a repository to clone."""
    with machine(tmp_path / "overlay") as new_machine:
        if new_machine.run("which", "sudo", "git").returncode:
            pytest.skip("needs sudo and git")
        source = tmp_path / "origin"
        copy_present_code(source)
        new_machine.shell(
            "useradd --create-home --shell /bin/bash anna && chmod 755 /home/anna && "
            "echo 'anna ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/anna && chmod 440 /etc/sudoers.d/anna && "
            # the server of the host would have the port that others use
            "rm -rf /usr/lib/postgresql /etc/cron.d/etl_jobs*"
        )
        new_machine.shell(
            f"cp -r {shlex.quote(str(source))} /srv/origin && cd /srv/origin && git init -q -b main && git add -A && "
            "git -c user.name=a -c user.email=a@example.test commit -qm one && "
            # it stands for a server, which serves everyone
            "git config --system --add safe.directory '*'"
        )
        shutil.rmtree(source)
        yield new_machine


def type_as(host: Machine, user: str, command: str, folder: str = FOLDER) -> subprocess.CompletedProcess[str]:
    """Type a line into a new login."""
    return host.run("runuser", "-l", user, "-c", f"cd {folder} && {command}", timeout=600)


def set_up(host: Machine, *, is_configured_first: bool) -> None:
    """Type what install.md begins with; the packages are those of the tests."""

    def run(command: str, folder: str = FOLDER) -> None:
        done = type_as(host, "anna", command, folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    run("git clone -q /srv/origin ~/client_etl_workflow", "~")
    run(f"ln -s {shlex.quote(str(Path(sys.prefix).resolve()))} .venv")
    commands = ["./install_dependencies.sh", "sudo ./configure_etl_user.sh --embedded"]
    for command in reversed(commands) if is_configured_first else commands:
        run(command)
    run("sudo ./configure_etl_user.sh")
    run("./etl backup")
    parcels = f"{DATA}/file_watcher/parcels_20260105.csv"
    host.shell(
        "printf 'MEETMAX_BASE_URL=http://127.0.0.1:9\\nMEETMAX_DELAY_SECONDS=0\\nMEETMAX_FIRST_EVENTS=1-2\\n'"
        f" >>{FOLDER}/config/.env && "
        f"printf 'id;name\\n1;a\\n' >{parcels} && chmod 666 {parcels} && "
        f"ssh-keygen -q -t ed25519 -N '' -f /root/acme && install -m 640 -g etl_group /root/acme.pub {FOLDER}"
    )


def try_commands(host: Machine, user: str, *, with_slow: bool) -> list[str]:
    """Type every command as a user; return a sentence for each whose answer is not the expected one."""
    wrong = []
    for command in doc_commands.collect_commands(with_sentences=with_slow):
        if command in doc_commands.NOT_RUN or (command in doc_commands.SLOW and not with_slow):
            continue
        if command.startswith("sudo -u etl_user ssh-keygen"):
            host.shell(f"rm -f {DATA}/var/ssh/client_key*")
        code, words = doc_commands.ANSWERS.get(command, (0, ""))
        if command in doc_commands.NEEDS_ROOT and user != "root":
            code, words = 78, "this needs root; run: sudo"
        done = type_as(host, user, doc_commands.TYPED.get(command, command))
        output = done.stdout + done.stderr
        if done.returncode != code or words not in output or any(fault in output for fault in FAULTS):
            wrong.append(f"{user} $ {command}: {done.returncode}, expected {code} {words!r}\n{output[-1500:]}")
    return wrong


def test_every_command_that_is_treated_apart_is_still_on_a_page() -> None:
    shown = set(doc_commands.collect_commands())
    apart = {*doc_commands.NOT_RUN, *doc_commands.ANSWERS, *doc_commands.TYPED, *doc_commands.SLOW}
    assert len(shown) > 60
    assert not apart - shown, "no page shows these: remove them from tests/host/doc_commands.py"


@pytest.mark.timeout(600)
def test_an_operator_types_every_command_of_a_block(host: Machine) -> None:
    set_up(host, is_configured_first=False)
    wrong = try_commands(host, "anna", with_slow=False)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("users", [("root", "anna"), ("anna", "root")], ids=["root first", "operator first"])
def test_every_command_works_for_both_in_both_orders(host: Machine, users: tuple[str, ...]) -> None:
    set_up(host, is_configured_first=users[0] == "root")
    wrong = [sentence for user in users for sentence in try_commands(host, user, with_slow=True)]
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_an_installation_of_root_s_is_upgraded_and_goes_back(host: Machine) -> None:
    set_up(host, is_configured_first=True)
    ledger = "./etl sql 'select max(number) from dba.tmigration' | tail -n 1"
    number = int(type_as(host, "anna", ledger).stdout)
    other = " ".join(f"-not -path '*/{name}*'" for name in ("__pycache__", ".upgrade", ".git/"))
    owners = f"find {FOLDER} {other} -printf '%P %u:%g %m\\n' | sort"
    files = host.shell(owners)
    host.shell(
        f"cd /srv/origin && echo 'create table dba.tnew (a integer);' >sql/migrations/{number + 1:04}_new.sql && "
        "git add -A && git -c user.name=a -c user.email=a@example.test commit -qm two"
    )
    refused = type_as(host, "anna", "etl upgrade")
    assert (refused.returncode, "run: sudo" in refused.stderr) == (78, True)
    done = type_as(host, "anna", "sudo etl upgrade")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(type_as(host, "anna", ledger).stdout) == number + 1
    # what is new is root's, and etl_user reads it
    assert " root:etl_group 640" in host.shell(f"find {FOLDER}/sql -name '*_new.sql' -printf ' %u:%g %m\\n'")
    assert host.shell(f"find {FOLDER} ! -user root -print -quit") == ""
    back = type_as(host, "anna", "sudo etl upgrade --back")
    assert back.returncode == 0, back.stdout + back.stderr
    assert int(type_as(host, "anna", ledger).stdout) == number
    assert host.shell(owners) == files
