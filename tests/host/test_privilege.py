"""A service account that was taken over tries to become root, by what the documented commands of root read and write.

The attacker may do everything that etl_user may; each trap is set on an installation of this version, and on one of the
version before that was moved over with the traps already in it.
"""

from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.host.machine import Machine, machine

FOLDER = "/opt/client_etl_workflow"
DATA = "/var/lib/client_etl_workflow"
# A file of root's for each road: what an attacker wants to change, and to read.
ROADS = ("env", "env_part", "env_example", "install_log", "cron_log", "archive")
SCRIPTS = (
    "configure_etl_user.sh",
    "install_dependencies.sh",
    "run_python_etl_script.sh",
    "etl",
    "systemscripts/shell/data_folder.bash",
    "systemscripts/shell/service_account.bash",
    "jobscripts/database.py",
    "config/client-etl-console.service",
    ".venv",
)
# What root's shell does with what was typed meanwhile.
OBEY = 'read -t 2 line; eval "$line"'
LINKS = {
    "env_part": ("config/.env.part",),
    "install_log": ("var/install.log", ".venv.log"),
    "cron_log": ("logs/etl_cron.log",),
    "archive": ("archive/one.csv", "file_watcher/one.csv"),
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine") / "overlay") as new_machine:
        new_machine.clone(FOLDER, "root")
        new_machine.shell(f"mkdir -p {FOLDER}/{{archive,logs,file_watcher}} {FOLDER}/var/database")
        new_machine.shell(f"cp -a {FOLDER} /root/clone")
        for road in ROADS:
            new_machine.shell(f"echo victim-{road} >/root/{road} && chmod 600 /root/{road}")
        yield new_machine


def configure(host: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return host.run(f"{FOLDER}/configure_etl_user.sh", *arguments)


def attack(host: Machine, text: str, user: str = "etl_user") -> bool:
    """Run shell code as etl_user, who was taken over; return whether it worked."""
    return (
        host.run("setpriv", f"--reuid={user}", "--regid=etl_group", "--init-groups", "bash", "-ec", text).returncode
        == 0
    )


def lay_links(host: Machine) -> None:
    """Lay links to files of root's wherever the scripts write, in the project and in the data folder."""
    for road, places in LINKS.items():
        for place in places:
            for folder in (FOLDER, DATA):
                attack(host, f"ln -sfT /root/{road} {folder}/{place}")


def run_as_root(host: Machine) -> None:
    """Run what the documents tell root to run."""
    assert configure(host).returncode == 0
    host.run(f"{FOLDER}/install_dependencies.sh", "--python-only")
    host.run(f"{FOLDER}/run_python_etl_script.sh", "status.py")
    assert configure(host).stdout == "nothing to change\n"


def assert_untouched(host: Machine, *roads: str) -> None:
    """Assert that no file of root's was changed, and that etl_user reads none of them or a copy."""
    for road in roads or ROADS:
        assert host.shell(f"cat /root/{road}; stat -c '%a %U %G' /root/{road}") == f"victim-{road}\n600 root root\n"
    copies = f"! grep -rqs victim- {FOLDER}/config {DATA}/logs {DATA}/var /etc/cron.d"
    assert attack(host, copies)


def restore_old_layout(host: Machine, settings: str) -> None:
    """Make of the project what the version before made of it: all of it etl_user's, its data inside."""
    host.run(f"{FOLDER}/run_python_etl_script.sh", "database.py", "stop")
    host.shell(
        f"rm -rf {FOLDER} {DATA} /etc/cron.d/etl_jobs && cp -a /root/clone {FOLDER} && cd {FOLDER} && "
        f"printf '{settings}' >config/.env && echo 'a;b' >archive/kept.csv && echo x >var/database/kept && "
        "chown -hR etl_user:etl_group . && chmod -R g+w . && find . -type d -exec chmod 2770 {} + && "
        "chmod 600 config/.env && chmod 700 var/database"
    )


def test_on_a_new_host_root_follows_no_link_of_the_service_user(host: Machine) -> None:
    assert configure(host, "--embedded").returncode == 0
    lay_links(host)
    assert attack(host, f"mkdir -p {DATA}/archive/deep && chmod 700 {DATA}/archive/deep")
    run_as_root(host)
    assert_untouched(host)
    assert host.shell(f"stat -c '%a %U' {DATA}/archive/deep") == "2770 etl_user\n"


def test_the_service_user_changes_no_file_that_root_runs(host: Machine) -> None:
    for script in SCRIPTS:
        name = f"{FOLDER}/{script}"
        for change in (f"echo touch /root/run >>{name}", f"rm -f {name}", f"mv {FOLDER}/{script.split('/')[0]} /tmp/x"):
            assert not attack(host, change), change
        # which it reads
        assert attack(host, f"head -c 1 {name}" if script != ".venv" else f"ls {name}/")
    owners = host.shell(f"find {FOLDER} ! -user root -o ! -group etl_group ! -path '*/__pycache__*' | head -3")
    assert owners == ""
    assert host.shell(f"stat -c '%a %U %G' {FOLDER} {FOLDER}/config/.env").splitlines() == [
        "750 root etl_group",
        "640 root etl_group",
    ]


def test_an_installation_of_before_is_moved_over_with_the_traps_in_it(host: Machine) -> None:
    restore_old_layout(host, "DATABASE_URL=embedded\\nETL_DATA_DIR=/root\\n")
    lay_links(host)
    before = host.shell("stat -c '%a %U' /root")
    # road by road: each is named, with what to type, until nothing is left to refuse
    for name, road in ((".env", "env"), (".env.example", "env_example")):
        assert attack(host, f"cd {FOLDER}/config && mv {name} kept && ln -sT /root/{road} {name}")
        refused = configure(host)
        assert (refused.returncode, f"{FOLDER}/config/{name} is a link" in refused.stderr) == (78, True), refused.stderr
        assert attack(host, f"cd {FOLDER}/config && rm {name} && mv kept {name}")
    # a record of a move that never was: --undo-move gave away what it names, and root wrote through the link
    for record in ("ln -sT /etc/new .moved", r"printf 'owner=etl_user\ndata=/.\n' >.moved"):
        assert attack(host, f"cd {FOLDER} && rm -f .moved && {record}")
        for action in ((), ("--undo-move",)):
            refused = configure(host, *action)
            assert (refused.returncode, f"{FOLDER}/.moved" in refused.stderr) == (78, True), refused.stderr
    assert attack(host, f"rm {FOLDER}/.moved") and host.run("test", "-e", "/etc/new").returncode != 0
    refused = configure(host)
    assert refused.returncode == 78
    assert "names the data folder /root, but etl_user can change that file" in refused.stderr
    assert host.shell("stat -c '%a %U' /root") == before
    wrong = host.run("env", "ETL_DATA_DIR=/root", f"{FOLDER}/configure_etl_user.sh")
    assert (wrong.returncode, host.shell("stat -c '%a %U' /root")) == (78, before)
    assert "/root is not a data folder" in wrong.stderr
    # which the service group would read
    assert attack(host, f"echo ETL_LOCAL_DIR=/root >{FOLDER}/config/.env")
    refused = configure(host)
    assert (refused.returncode, "names the folder /root as ETL_LOCAL_DIR" in refused.stderr) == (78, True)
    assert host.shell("stat -c %G /root") == "root\n"

    assert attack(host, f"echo DATABASE_URL=embedded >{FOLDER}/config/.env")
    # who is still inside could go on in there
    sleeper = subprocess.Popen(host.command("setpriv", "--reuid=etl_user", "--clear-groups", "sleep", "60"))
    time.sleep(0.5)
    assert "processes of etl_user are still running" in configure(host).stderr
    sleeper.kill()
    sleeper.wait()
    host.shell("pkill -u etl_user sleep || true; while pgrep -u etl_user sleep; do sleep 0.1; done")
    moved = configure(host)
    assert moved.returncode == 0, moved.stderr
    assert f"move {FOLDER}/archive to {DATA}/archive, and leave a link: done" in moved.stdout
    assert f"to undo the move: sudo {FOLDER}/configure_etl_user.sh --undo-move" in moved.stdout
    assert host.shell(f"cat {FOLDER}/archive/kept.csv; stat -c '%a %U' {DATA}/var/database") == "a;b\n2700 etl_user\n"
    lay_links(host)
    run_as_root(host)
    assert_untouched(host)
    test_the_service_user_changes_no_file_that_root_runs(host)


def test_the_move_is_undone_by_one_command_and_can_be_repeated(host: Machine) -> None:
    attack(host, f"rm -f {DATA}/.venv.log")
    undone = configure(host, "--undo-move")
    assert undone.returncode == 0, undone.stderr
    shown = host.shell(
        f"stat -c '%a %U %F' {FOLDER}/archive {FOLDER}/jobscripts {FOLDER}/config/.env; ls {DATA} || true"
    )
    assert shown.splitlines() == ["2770 etl_user directory"] * 2 + ["600 etl_user regular file"]
    assert (
        host.shell(f"cat {FOLDER}/archive/kept.csv; grep -c ETL_DATA_DIR= {FOLDER}/config/.env || true") == "a;b\n0\n"
    )
    assert configure(host).returncode == 0
    assert host.shell(f"cat {DATA}/archive/kept.csv") == "a;b\n"
    assert_untouched(host)


def test_root_writes_no_settings_into_a_folder_of_the_service_user(host: Machine) -> None:
    done = host.run("env", "ETL_ENV_FILE=/home/etl_user/qa.env", f"{FOLDER}/configure_etl_user.sh")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1), done.stderr
    assert "/home/etl_user can be changed by etl_user" in done.stderr


def test_what_root_starts_as_the_service_user_has_no_terminal_of_roots(host: Machine) -> None:
    """The job tries to type a command into the terminal of the root that started it, and looks at what it was given."""
    job = """
import fcntl, os, sys, termios
from pathlib import Path
said = []
for name in ("/dev/tty", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"):
    try:
        with open(name, "r+b", buffering=0) as terminal:
            said.append(os.ttyname(terminal.fileno()))
            for letter in b"touch /root/typed\\n":
                fcntl.ioctl(terminal, termios.TIOCSTI, bytes([letter]))
    except OSError as error:
        pass
names = []
for number in os.listdir("/proc/self/fd"):
    if int(number) > 2:
        try:
            names.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            pass
Path("DATA/var/said").write_text(" ".join([*said, *names, str(os.environ.get("MY_TOKEN"))]))
"""
    path = f"{FOLDER}/jobscripts/look_around.py"
    subprocess.run(
        host.command("tee", path), input=job.replace("DATA", DATA), text=True, check=True, capture_output=True
    )
    host.shell(f"chgrp etl_group {path} && chmod 640 {path}")
    command = f"exec 9</root/env; MY_TOKEN=hidden {FOLDER}/run_python_etl_script.sh look_around.py"
    for redirect in ("", " >/root/output"):
        master, terminal = pty.openpty()
        shell = subprocess.Popen(
            host.command("setsid", "--ctty", "--wait", "bash", "-c", f"{command}{redirect}; {OBEY}"),
            stdin=terminal, stdout=terminal, stderr=terminal,
        )  # fmt: skip
        own = os.ttyname(terminal)
        os.close(terminal)
        drain(master, shell)
        said = host.shell(f"cat {DATA}/var/said && rm {DATA}/var/said")
        assert own not in said
        assert "/root" not in said and "hidden" not in said
        assert host.run("test", "-e", "/root/typed").returncode != 0
    host.shell(f"rm {path}")


def test_who_may_not_write_yaml_is_not_told_to_take_it(host: Machine) -> None:
    host.shell("printf 'id;name\\n1;a\\n2;b\\n' >/srv/orders.csv && chmod 644 /srv/orders.csv")
    suggested, own = f"{DATA}/var/suggested/orders.yaml", "/etc/client_etl_workflow/local/imports/orders.yaml"
    done = host.run(f"{FOLDER}/run_python_etl_script.sh", "suggest_import.py", "/srv/orders.csv")
    assert done.returncode == 0, done.stderr
    assert f"run: rm {DATA}/logs/etl_cron.log\n" in done.stderr
    assert host.shell(f"stat -c %U {suggested}") == "etl_user\n"
    # the folder of the operator is root's here, because root set the host up
    copy = f"sudo -u etl_user cat {suggested} | sudo tee {own}"
    assert f"{copy}\n" in done.stdout
    # the file of etl_user's may be a link by then
    host.shell("echo victim >/root/shadow && chmod 640 /root/shadow")
    assert attack(host, f"mv {suggested} {suggested}.kept && ln -s /root/shadow {suggested}")
    as_root = 'sudo() { [[ $1 != -u ]] || set -- runuser -u "$2" -- "${@:3}"; "$@"; }; '
    host.run("bash", "-c", as_root + copy)
    assert not attack(host, f"grep victim {own}")
    assert attack(host, f"mv -f {suggested}.kept {suggested}")
    for path in (own, f"{FOLDER}/config/imports/orders.yaml", "/etc/client_etl_workflow/local/pipelines/weekly.yaml"):
        assert not attack(host, f"cp {suggested} {path}")
    host.shell(as_root + copy)
    assert host.run(f"{FOLDER}/run_python_etl_script.sh", "apply_config.py").returncode == 0
    refused = host.run(f"{FOLDER}/run_python_etl_script.sh", "apply_config.py", "visits", "--take", "row")
    assert (refused.returncode, "sudo chown" in refused.stderr) == (78, False), refused.stderr
    assert "export_config visits | sudo tee /etc/client_etl_workflow/local/imports/visits.yaml" in refused.stderr


def test_who_removes_the_service_user_gets_no_link_of_that_user_s(host: Machine) -> None:
    """Jobs run as the operator from then on, and write their log where a link may lead to a file of the operator's."""
    assert attack(host, f"ln -sfT /root/cron_log {DATA}/logs/etl_cron.log")
    removed = configure(host, "--remove")
    assert removed.returncode == 0, removed.stderr
    assert f"remove the links in {DATA}" in removed.stdout
    assert host.shell(f"find {DATA} -type l; stat -c %U {DATA}/logs") == "root\n"


def test_the_service_user_puts_no_other_project_in_the_place_of_one_in_its_home(host: Machine) -> None:
    folder, data = "/home/etl_user/client_etl_workflow", "/srv/home_data"
    host.shell("mkdir -p /home/etl_user && cp -a /root/clone /home/etl_user/client_etl_workflow")
    command = ("env", f"ETL_DATA_DIR={data}", f"{folder}/configure_etl_user.sh", "--embedded")
    host.run(*command)
    host.shell("chown etl_user:etl_group /home/etl_user && chmod 750 /home/etl_user")
    done = host.run(*command)
    assert done.returncode == 0, done.stderr
    assert "let etl_user not replace what others have in /home/etl_user: done" in done.stdout
    assert host.run(*command).stdout == "nothing to change\n"
    for change in (f"mv {folder} {folder}.old", f"rm -rf {folder}", "chmod 777 /home/etl_user"):
        assert not attack(host, change), change
    assert attack(host, "mkdir -p ~etl_user/.cache && touch ~etl_user/.cache/own")
    assert host.run(*command[:-1], "--remove").returncode == 0
    assert host.shell("find /home/etl_user -nouser -o -nogroup") == ""


def drain(master: int, shell: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while shell.poll() is None and time.monotonic() < until:
        try:
            os.read(master, 4096)
        except OSError:
            break
    os.close(master)
    shell.wait(timeout=30)
