"""An ordinary operator works with an installation that root set up: nothing of it is theirs but their own folder."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import PROJECT
from tests.host.machine import Machine, machine

FOLDER = "/opt/client_etl_workflow"
DATA = "/var/lib/client_etl_workflow"
OWN = "/etc/client_etl_workflow/local"
# The commands of every day, which must work as they are typed.
READING = (
    "status", "check_config", "generic_import --list", "doctor", "schedule", "schedule next --count 2",
    "database status", "run_pipeline --list", "export_config sales", "watchdog --help",
)  # fmt: skip


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine") / "overlay") as new_machine:
        if new_machine.run("which", "sudo").returncode:
            pytest.skip("needs sudo")
        new_machine.clone(FOLDER, "root")
        new_machine.shell(f"cp -r {shlex.quote(str(PROJECT / 'webconsole'))} {FOLDER}/")
        new_machine.shell("useradd --create-home --shell /bin/bash anna && chmod 700 /home/anna")
        new_machine.shell(
            "echo 'anna ALL=(etl_user) NOPASSWD: ALL' >/etc/sudoers.d/anna && chmod 440 /etc/sudoers.d/anna"
        )
        yield new_machine


def set_up(host: Machine, script: str, *arguments: str) -> str:
    done = host.run("env", "SUDO_USER=anna", f"{FOLDER}/{script}", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def type_as_anna(host: Machine, text: str, folder: str = FOLDER) -> subprocess.CompletedProcess[str]:
    """Type a line into a new login of the operator, whose files are closed to everyone else."""
    return host.run("runuser", "-u", "anna", "--", "bash", "-c", f"umask 077; cd {folder} && {text}")


@pytest.mark.parametrize("first", ["install_dependencies.sh", "configure_etl_user.sh"])
def test_set_up_in_both_orders_and_twice_every_command_works_for_the_operator(host: Machine, first: str) -> None:
    arguments = {"install_dependencies.sh": "--python-only", "configure_etl_user.sh": "--embedded"}
    for script in sorted(arguments, reverse=first == "install_dependencies.sh"):
        set_up(host, script, arguments[script])
    # with the schedules, which can be asked for from now on
    set_up(host, "configure_etl_user.sh")
    assert set_up(host, "configure_etl_user.sh") == "nothing to change\n"
    assert set_up(host, "install_dependencies.sh", "--python-only") == "Python environment: complete\n"
    for command in READING:
        done = type_as_anna(host, f"./etl {command}")
        # doctor finds no cron daemon and no mail server here
        expected = (0, 1, 78) if command in ("doctor", "status") else (0,)
        output = f"{command}\n{done.stdout}\n{done.stderr}"
        assert done.returncode in expected and "Traceback" not in output and "Permission denied" not in output, output
    # what it leaves is gone with the next set-up, in the other order
    assert type_as_anna(host, "./etl database stop").returncode == 0
    set_up(host, "configure_etl_user.sh", "--remove")
    host.shell(f"rm -rf {DATA} {OWN} {FOLDER}/config/.env /home/etl_user")


def test_a_new_kind_of_file_goes_from_the_operator_s_hands_into_a_table(host: Machine) -> None:
    said = set_up(host, "configure_etl_user.sh", "--embedded")
    assert "to use etl in this one, type: newgrp etl_group\n" in said
    # in the login of before, with what that line says (sg is newgrp for one command)
    same_login = ["setpriv", "--reuid", "anna", "--regid", "anna", "--clear-groups", "env", "USER=anna"]
    assert host.run(*same_login, "sg", "etl_group", "-c", f"cd {FOLDER} && ./etl check_config").returncode == 0
    assert type_as_anna(host, "printf 'id;name\\n1;a\\n2;b\\n' >/home/anna/parcels_20260105.csv", "/").returncode == 0
    # etl_user reads nothing of the operator's home, so the file is put where it belongs
    assert type_as_anna(host, f"cp /home/anna/parcels_20260105.csv {DATA}/file_watcher/").returncode == 0
    host.shell(f"chmod 660 {DATA}/file_watcher/parcels_20260105.csv")
    suggested = type_as_anna(host, f"./etl suggest_import {DATA}/file_watcher/parcels_20260105.csv --name parcels")
    assert suggested.returncode == 0, suggested.stderr
    copy = next(
        line[line.index("sudo -u etl_user cat") :] for line in suggested.stdout.splitlines() if "etl_user cat" in line
    )
    assert copy == f"sudo -u etl_user cat {DATA}/var/suggested/parcels.yaml > {OWN}/imports/parcels.yaml"
    assert type_as_anna(host, f"{copy} && chmod 640 {OWN}/imports/parcels.yaml").returncode == 0
    loaded = type_as_anna(host, "./etl generic_import parcels")
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    rows = type_as_anna(host, "./etl database sql 'select name from public.parcels order by id'")
    assert rows.stdout.split() == ["name", "a", "b"]
    # a file that only the operator may read is read with that right, and stays where and whose it is
    assert type_as_anna(host, "printf 'id;name\\n3;c\\n' >'/home/anna/parcels_20260106.csv'", "/").returncode == 0
    before = host.shell(
        "stat -c '%U %a %Y' /home/anna /home/anna/parcels_20260106.csv; find /tmp -maxdepth 1 -user etl_user"
    )
    for file in ("/home/anna/parcels_20260106.csv", "../../home/anna/parcels_20260106.csv"):
        loaded = type_as_anna(host, f"./etl generic_import parcels --file {file}")
        assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert (
        host.shell(
            "stat -c '%U %a %Y' /home/anna /home/anna/parcels_20260106.csv; find /tmp -maxdepth 1 -user etl_user"
        )
        == before
    )
    rows = type_as_anna(host, "./etl database sql 'select name from public.parcels_current order by id'")
    assert "c" in rows.stdout.split()
    assert type_as_anna(host, "./etl suggest_import /home/anna/parcels_20260106.csv --name parcels").returncode == 0
    assert host.shell(f"cd {FOLDER} && find . -newer config/.env -type f ! -path '*/__pycache__/*' | head -3") == ""


def test_what_a_job_may_not_write_the_operator_writes_with_the_printed_command(host: Machine) -> None:
    change = "update dba.timportconfig set is_active = false where config_name = 'parcels'"
    assert type_as_anna(host, f'./etl database sql "{change}"').returncode == 0
    refused = type_as_anna(host, "./etl apply_config parcels --take row")
    assert (refused.returncode, refused.stderr.count("\n")) == (78, 1), refused.stderr
    command = re.search(r"[Rr]un: (.*?)\.?\n", refused.stderr)
    assert command is not None and "sudo" not in command[1], refused.stderr
    done = type_as_anna(host, command[1].replace("umask", ""))
    assert done.returncode == 0, f"{command[1]}\n{done.stdout}\n{done.stderr}"
    assert "is_active: false" in host.shell(f"cat {OWN}/imports/parcels.yaml")


def test_a_schedule_of_the_operator_s_own_reaches_cron_and_a_pull_has_no_conflict(host: Machine) -> None:
    edit = f"sed 's/^schedule:.*/schedule: 17 3 * * 1/' config/pipelines/weekly.yaml >{OWN}/pipelines/weekly.yaml"
    done = type_as_anna(host, f"umask 027; {edit}")
    assert done.returncode == 0, done.stderr
    # a fresh installation scans nothing until it is told so
    assert not re.search(r"^[\d*].*weekly", host.shell("cat /etc/cron.d/etl_jobs"), re.MULTILINE)
    host.shell(f"echo MEETMAX_FIRST_EVENTS=119000-119999 >>{FOLDER}/config/.env")
    assert "install /etc/cron.d/etl_jobs: done" in set_up(host, "configure_etl_user.sh")
    assert re.search(r"^17 3 \* \* 1 etl_user .*weekly", host.shell("cat /etc/cron.d/etl_jobs"), re.MULTILINE)
    assert type_as_anna(host, "./etl schedule pause weekly").returncode == 0
    assert "weekly" in type_as_anna(host, "./etl schedule").stdout
    assert type_as_anna(host, "./etl schedule resume").returncode == 0
    # which etl_user cannot change
    written = host.run("runuser", "-u", "etl_user", "--", "bash", "-c", f"echo x >>{OWN}/pipelines/weekly.yaml")
    assert written.returncode != 0


def test_the_console_service_starts_as_etl_user(host: Machine) -> None:
    unit = host.shell(f"sed 's#PROJECT#{FOLDER}#' {FOLDER}/config/client-etl-console.service")
    command = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert command is not None and "\nUser=etl_user\n" in unit
    as_service = "setpriv --reuid etl_user --regid etl_group --init-groups --no-new-privs env ETL_NO_CRON_LOG=1"
    server = subprocess.Popen(
        host.command("bash", "-c", f"cd {FOLDER} && exec {as_service} {command[1]} --port 18765"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        look = "curl -sS -o /dev/null -w '%{http_code}' --retry 40 --retry-delay 1 --retry-connrefused"
        answer = host.run("bash", "-c", f"{look} http://127.0.0.1:18765/console/")
        assert answer.stdout in ("200", "302", "303"), answer.stdout + answer.stderr
    finally:
        # of nsenter; what it started ends with the machine
        server.kill()
        server.wait()
