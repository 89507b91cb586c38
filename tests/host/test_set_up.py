"""Both set-up scripts for real, as root, on a machine whose changes are thrown away."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.host.machine import Machine, machine

# in a home folder that no other user may enter, and with a blank
FOLDER = "/home/anna/client etl"
TYPED = "/home/anna/client\\ etl"
DATA = "/var/lib/client_etl_workflow"
QA = ("ETL_ENV_FILE=/srv/qa/qa.env", "ETL_DATA_DIR=/srv/qa/data", "ETL_CRON_FILE=/etc/cron.d/etl_jobs_qa")
WITHOUT = "{{ dpkg-query -W -f '${{Package}}\\n' '{}' 2>/dev/null || true; }} | xargs -r dpkg --purge --force-depends"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine") / "overlay") as new_machine:
        new_machine.shell(WITHOUT.format("postgresql*"))
        new_machine.shell("rm -rf /usr/lib/postgresql /var/lib/postgresql /etc/postgresql")
        new_machine.shell("useradd --create-home anna && chmod 700 /home/anna")
        new_machine.clone(FOLDER, "anna")
        yield new_machine


def configure(host: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return host.run("env", "SUDO_USER=anna", f"{FOLDER}/configure_etl_user.sh", *arguments)


def install(host: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return host.run(f"{FOLDER}/install_dependencies.sh", *arguments, timeout=600)


def job(host: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return host.run(f"{FOLDER}/run_python_etl_script.sh", *arguments)


def changes(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.endswith(": done")]


def test_dry_run_changes_nothing(host: Machine) -> None:
    before = host.changed_files()
    done = configure(host, "--dry-run")
    assert done.returncode == 0, done.stderr
    for text in ("would create the user etl_user", "would install /etc/cron.d/etl_jobs"):
        assert text in done.stdout
    shown = install(host, "--dry-run").stdout
    assert "would install the system packages: " in shown
    assert f"waits: the user etl_user, the database and cron: run sudo {TYPED}/configure_etl_user.sh" in shown
    assert host.changed_files() == before


def test_debians_python_without_venv_is_named_with_what_to_install(host: Machine) -> None:
    host.shell(WITHOUT.format("python3*-venv"))
    host.clone("/home/anna/bare", "anna")
    host.shell("rm /home/anna/bare/.venv")
    command = ("/home/anna/bare/run_python_etl_script.sh", "database.py", "status")
    done = host.run("runuser", "-u", "anna", "--", "env", "-i", "ETL_NO_UV=1", "PATH=/usr/bin:/bin", *command)
    assert done.returncode == 78
    assert re.fullmatch(
        r"install_dependencies.sh: Python 3\.\d+ cannot create an environment; "
        r"run: sudo apt install python3\.\d+-venv\n",
        done.stderr,
    )


def test_configured_before_anything_is_installed_it_does_what_it_can(host: Machine) -> None:
    done = configure(host)
    assert done.returncode == 0, done.stderr
    assert "waits: the database waits" in done.stdout and "install_dependencies.sh" in done.stdout
    assert "waits: etl_user cannot pass through /home/anna" in done.stdout and "--grant-home-access" in done.stdout
    assert done.stderr == ""
    installed = install(host, "--python-only")
    assert (installed.returncode, installed.stderr) == (0, "")
    started = job(host, "status.py")
    assert started.returncode == 78
    assert started.stderr.startswith("run_python_etl_script.sh: etl_user cannot pass through the folders above")
    assert started.stderr.endswith("configure_etl_user.sh --grant-home-access\n") and started.stderr.count("\n") == 1
    assert host.shell("id -gn etl_user; id -Gn anna").split() == ["etl_group", "anna", "etl_group"]
    modes = host.shell(f"stat -c '%a %U %G' {DATA}/{{file_watcher/refused,archive,logs,var,.}}")
    assert set(modes.splitlines()) == {"2770 etl_user etl_group"}
    modes = host.shell(f"stat -c '%a %U %G' '{FOLDER}'/{{jobscripts,.}}; stat -c '%a %U %G' '{FOLDER}'/etl_jobs.cron")
    assert modes.splitlines() == ["750 root etl_group"] * 2 + ["640 root etl_group"]
    assert host.shell("stat -c '%a %U' /etc/cron.d/etl_jobs") == "644 root\n"
    lines = [line for line in host.shell("cat /etc/cron.d/etl_jobs").splitlines() if line[:1].isdigit()]
    assert lines and all(f" etl_user '{FOLDER}/run_python_etl_script.sh' " in line for line in lines)
    assert changes(configure(host)) == []
    assert host.shell("readlink /usr/local/bin/etl") == f"{FOLDER}/etl\n"
    assert host.shell("cd / && runuser -u anna -- etl --version").startswith("etl ")


def test_asked_it_grants_the_one_right_to_pass_the_home_folder(host: Machine) -> None:
    assert changes(configure(host, "--grant-home-access")) == ["let etl_user pass through /home/anna: done"]
    assert host.run("runuser", "-u", "etl_user", "--", "ls", "/home/anna").returncode != 0  # x, not r
    assert host.run("runuser", "-u", "etl_user", "--", "ls", FOLDER).returncode == 0
    assert "cannot pass" not in configure(host).stdout


@pytest.mark.timeout(900)  # packages come over the network
def test_installed_then_configured_the_jobs_run_on_the_hosts_postgresql(host: Machine) -> None:
    done = install(host)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "system packages: installing" in done.stdout and "postgresql" in done.stdout
    rows = changes(configure(host))
    assert "create the database etl with the logins etl and reader: done" in rows
    assert host.shell(f"stat -c '%a %U' '{FOLDER}/config/.env'") == "640 root\n"
    asked = job(host, "database.py", "sql", "select current_user, current_database() as name")
    assert asked.stdout.split() == ["current_user,name", "etl,etl"], asked.stderr
    read_only = job(
        host, "database.py", "sql", "--read-only", "select current_user as me, count(*) >= 0 as sees from dba.v_run"
    )
    assert read_only.stdout.split() == ["me,sees", "reader,t"], read_only.stderr
    # what the job wrote is etl_user's, for its group
    assert set(host.shell(f"stat -c '%a %U %G' {DATA}/logs/database_*").splitlines()) == {"660 etl_user etl_group"}
    secret = host.shell(f"sed -n 's|^DATABASE_URL=postgresql://etl:\\(.*\\)@.*|\\1|p' '{FOLDER}/config/.env'").strip()
    assert len(secret) == 32
    assert secret not in host.shell("cat /var/log/postgresql/* 2>/dev/null || true")


def test_the_hosts_database_is_backed_up_and_restored_by_its_own_tools_and_login(host: Machine) -> None:
    assert "read back from end to end" in job(host, "backup_database.py").stdout
    rehearsed = job(host, "restore_database.py", "--rehearse")
    assert rehearsed.returncode == 0, rehearsed.stderr
    job(host, "database.py", "sql", "create table public.later (a integer)")
    restored = job(host, "restore_database.py")
    assert restored.returncode == 0, restored.stderr
    assert job(host, "database.py", "sql", "select to_regclass('public.later') is null").stdout.split()[1] == "t"
    question = "select count(*) >= 0 as sees from dba.v_run"
    assert job(host, "database.py", "sql", "--read-only", question).stdout.split() == ["sees", "t"]
    # who could not connect to the database before cannot connect now
    rights = "runuser -u postgres -- psql -Atc \"select has_database_privilege('{}', 'etl', 'connect')\" postgres"
    host.shell("runuser -u postgres -- psql -qc 'create role stranger login' postgres")
    assert [host.shell(rights.format(role)).strip() for role in ("stranger", "reader", "etl")] == ["f", "t", "t"]
    before = next(line.split()[-1] for line in restored.stdout.splitlines() if "--drop" in line)
    assert job(host, "restore_database.py", "--drop", before).returncode == 0


def test_the_second_run_of_both_changes_nothing(host: Machine) -> None:
    before = host.changed_files()
    again, configured = install(host), configure(host)
    assert again.stdout.splitlines()[0] == "system packages: complete", again.stdout + again.stderr
    assert configured.stdout == "nothing to change\n", configured.stdout + configured.stderr
    after = host.changed_files().splitlines()
    assert set(after) - set(before.splitlines()) == set()


def test_the_cron_file_is_the_one_that_schedule_wants(host: Machine) -> None:
    shown = job(host, "schedule.py", "show")
    assert "/etc/cron.d/etl_jobs starts what it should" in shown.stdout, shown.stdout + shown.stderr


def test_who_is_not_root_gets_the_command_that_installs_the_cron_file(host: Machine) -> None:
    path = "/etc/cron.d/etl_jobs_other"
    shown = job(host, "schedule.py", "apply", "--cron-file", path)  # which goes on as etl_user
    assert f"{path} is not installed yet" in shown.stdout
    command = shown.stdout.splitlines()[-1].strip()
    assert command == f"sudo ETL_CRON_FILE={path} '{FOLDER}/configure_etl_user.sh'"
    host.shell(command.removeprefix("sudo "))
    assert f"{path} starts what it should" in job(host, "schedule.py", "show", "--cron-file", path).stdout
    host.shell(f"rm {path}")


@pytest.mark.timeout(900)
def test_a_fresh_clone_works_for_an_ordinary_user_with_nothing_in_his_environment(host: Machine) -> None:
    command = ("/home/anna/bare/run_python_etl_script.sh", "database.py", "sql", "select 6 * 7 as answer")
    done = host.run("runuser", "-u", "anna", "--", "env", "-i", *command, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "creating /home/anna/bare/.venv with Python 3" in done.stderr
    assert done.stdout.split() == ["answer", "42"]
    host.shell("runuser -u anna -- /home/anna/bare/run_python_etl_script.sh database.py stop")


def test_another_environment_has_its_own_settings_data_and_cron_file(host: Machine) -> None:
    host.shell("mkdir -p /srv/qa")
    command = (f"{FOLDER}/configure_etl_user.sh", "--embedded")
    done = host.run("env", "SUDO_USER=anna", *QA, *command)
    assert done.returncode == 0, done.stderr
    assert host.shell("stat -c '%a %U' /srv/qa/qa.env /srv/qa/data/logs").split("\n")[:2] == [
        "640 root",
        "2770 etl_user",
    ]
    cron = host.shell("cat /etc/cron.d/etl_jobs_qa")
    assert "\nETL_ENV_FILE=/srv/qa/qa.env\nETL_DATA_DIR=/srv/qa/data\n" in cron
    assert host.run("env", "SUDO_USER=anna", *QA, *command).stdout == "nothing to change\n"
    assert configure(host).stdout == "nothing to change\n"
    wrapper = f"{FOLDER}/run_python_etl_script.sh"
    shown = host.run("env", *QA[:2], wrapper, "schedule.py", "show", "--cron-file", "/etc/cron.d/etl_jobs_qa")
    assert "/etc/cron.d/etl_jobs_qa starts what it should" in shown.stdout, shown.stdout + shown.stderr
    status = host.run("env", *QA[:2], wrapper, "database.py", "status").stdout
    assert "/srv/qa/data/var/database" in status or "True" in status, status


def test_where_sudo_allows_it_the_wrapper_goes_on_as_etl_user(host: Machine) -> None:
    if host.run("which", "sudo").returncode:
        host.shell("apt-get install -qy --no-install-recommends sudo >/dev/null 2>&1")
    host.shell("echo 'anna ALL=(etl_user) NOPASSWD: ALL' >/etc/sudoers.d/anna && chmod 440 /etc/sudoers.d/anna")
    wrapper = f"{FOLDER}/run_python_etl_script.sh"
    question = "select os_user from dba.trun where job = 'schedule' order by started_at desc limit 1"
    done = host.run("runuser", "-u", "anna", "--", wrapper, "schedule.py", "next", "--count", "1")
    assert done.returncode == 0, done.stderr
    assert job(host, "close_interrupted_runs.py").returncode == 0  # carries the log into the database
    assert job(host, "database.py", "sql", question).stdout.split()[1] == "etl_user"
    paused = host.run("runuser", "-u", "anna", "--", wrapper, "schedule.py", "pause", "weekly")
    assert "weekly is paused since" in paused.stdout and "by anna" in paused.stdout
    assert host.run("runuser", "-u", "anna", "--", wrapper, "schedule.py", "resume").returncode == 0
    host.shell("rm /etc/sudoers.d/anna")


def test_accounts_for_clients_are_made_and_taken_away(host: Machine) -> None:
    host.shell("ssh-keygen -q -t ed25519 -N '' -f /root/client_key")
    done = configure(host, "--add-client", "acme", "--key", "/root/client_key.pub")
    assert done.returncode == 0, done.stderr
    assert host.shell("stat -c '%a %U %G' /srv/client_etl_workflow/acme/inbox") == "2770 root etl_group\n"
    assert configure(host, "--add-client", "acme").returncode == 2  # without a key
    assert configure(host, "--remove-client", "acme").returncode == 0
    assert host.run("getent", "passwd", "acme").returncode != 0


def test_an_ordinary_user_is_told_the_command(host: Machine) -> None:
    done = host.run("runuser", "-u", "anna", "--", f"{FOLDER}/run_python_etl_script.sh", "database.py", "status")
    assert done.returncode == 78
    assert "this installation belongs to etl_user; run: sudo -u etl_user " in done.stderr
    asked = host.run("runuser", "-u", "anna", "--", f"{FOLDER}/configure_etl_user.sh")
    assert (asked.returncode, "this needs root; run: sudo " in asked.stderr) == (78, True)


def test_remove_leaves_the_data_and_everything_can_come_back(host: Machine) -> None:
    host.shell(f"echo 'a;b' > {DATA}/file_watcher/orders.csv")
    before = host.shell(f"cat '{FOLDER}/config/.env'")
    # the other environment goes on, as the same user, until it is removed as well
    stays = configure(host, "--remove")
    assert changes(stays)[0] == "remove /etc/cron.d/etl_jobs: done"
    assert host.run("getent", "passwd", "etl_user").returncode == 0
    assert stays.stdout.endswith("other environments use it: /etc/cron.d/etl_jobs_qa\n")
    removed = host.run("env", "SUDO_USER=anna", *QA, f"{FOLDER}/configure_etl_user.sh", "--remove")
    assert "remove the user etl_user: done" in changes(removed)
    assert host.run("test", "-e", "/etc/cron.d/etl_jobs_qa").returncode != 0
    assert host.shell("find /srv/qa -nouser -o -nogroup | head -3") == ""
    assert host.run("getent", "passwd", "etl_user").returncode != 0
    assert host.run("getent", "group", "etl_group").returncode != 0
    assert host.shell("ls /etc/cron.d /usr/local/bin | grep etl || true") == ""
    assert "etl_user" not in host.shell("getfacl -p /home/anna")
    assert host.shell(f"cat {DATA}/file_watcher/orders.csv; cat '{FOLDER}/config/.env'") == "a;b\n" + before
    assert host.shell(f"find '{FOLDER}' {DATA} -nouser -o -nogroup | head -3") == ""
    assert host.shell("runuser -u postgres -- psql -Atc 'select datname from pg_database' postgres").count("etl\n") == 1
    assert configure(host, "--remove").stdout == "nothing to change\n"

    assert "create the user etl_user: done" in changes(configure(host, "--grant-home-access"))
    assert job(host, "database.py", "sql", "select 1 as one").stdout.split() == ["one", "1"]
    assert configure(host).stdout == "nothing to change\n"
