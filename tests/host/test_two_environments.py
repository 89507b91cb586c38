"""Two clones on one host: neither touches the cron file of the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.machine import Machine, machine

ONE, TWO = "/opt/client a/etl", "/opt/client b/etl"
FIRST = "/etc/cron.d/etl_jobs"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine") / "overlay") as new_machine:
        for folder in (ONE, TWO):
            new_machine.clone(folder, "root")
        yield new_machine


def apply(host: Machine, folder: str, *arguments: str) -> tuple[int, str]:
    done = host.run("env", "ETL_NO_CRON_LOG=1", f"{folder}/run_python_etl_script.sh", "schedule.py", *arguments)
    return done.returncode, done.stdout + done.stderr


def content(host: Machine, path: str) -> str:
    return host.shell(f"cat {path}")


def test_each_clone_installs_a_cron_file_of_its_own(host: Machine) -> None:
    code, said = apply(host, ONE, "apply")
    assert code == 0 and f"{FIRST} is installed" in said, said
    first = content(host, FIRST)
    assert f"# Installation: {ONE}\n" in first and f"'{ONE}/run_python_etl_script.sh'" in first
    code, said = apply(host, TWO, "apply")
    assert code == 0 and f"{FIRST}_etl is installed" in said, said
    assert content(host, FIRST) == first and f"# Installation: {TWO}\n" in content(host, f"{FIRST}_etl")
    assert f"{FIRST} starts what it should" in apply(host, ONE, "show")[1]
    assert f"{FIRST}_etl starts what it should" in apply(host, TWO, "show")[1]
    # set-up finds the same files
    for folder, path in ((ONE, FIRST), (TWO, f"{FIRST}_etl")):
        find = f"project='{folder}'; source '{folder}/systemscripts/shell/cron_file.bash'; find_cron_file"
        assert host.shell(f"{find}; check_cron_file; echo $cron_file") == f"{path}\n"


def test_the_file_of_another_installation_is_not_overwritten_even_when_it_is_named(host: Machine) -> None:
    first = content(host, FIRST)
    code, said = apply(host, TWO, "apply", "--cron-file", FIRST)
    assert code == 78 and f"{FIRST} belongs to another installation, {ONE}" in said and f"{FIRST}_etl" in said
    done = host.run("env", f"ETL_CRON_FILE={FIRST}", f"{TWO}/configure_etl_user.sh", "--remove")
    assert done.returncode == 78 and ONE in done.stderr
    assert content(host, FIRST) == first


def test_the_file_of_an_older_version_is_known_by_the_wrapper_it_starts(host: Machine) -> None:
    host.shell(f"sed -i '/^# Installation/d' {FIRST} {FIRST}_etl")
    first = content(host, FIRST)
    assert f"{FIRST}_etl is installed" in apply(host, TWO, "apply")[1]
    assert content(host, FIRST) == first
    find = f"project='{ONE}'; source '{ONE}/systemscripts/shell/cron_file.bash'; find_cron_file; echo $cron_file"
    assert host.shell(find) == f"{FIRST}\n"
    assert f"{FIRST} is installed" in apply(host, ONE, "apply")[1]


def test_another_settings_file_of_one_clone_is_another_environment(host: Machine) -> None:
    host.shell(
        "mkdir -p /srv/qa && printf 'DATABASE_URL=embedded\nETL_DATA_DIR=/srv/qa/data\n' >/srv/qa/qa.env && "
        "chmod 600 /srv/qa/qa.env"
    )
    first = content(host, FIRST)
    wrapper = f"{ONE}/run_python_etl_script.sh"
    done = host.run("env", "ETL_ENV_FILE=/srv/qa/qa.env", wrapper, "schedule.py", "apply")
    assert f"{FIRST}_qa is installed" in done.stdout, done.stdout + done.stderr
    assert content(host, FIRST) == first
    assert "\nETL_ENV_FILE=/srv/qa/qa.env\n" in content(host, f"{FIRST}_qa")


def test_each_environment_has_its_own_locks_database_and_line_of_doctor(host: Machine) -> None:
    """What the first one holds does not stop the second, and doctor speaks of the own files only."""
    hold = f"mkdir -p '{ONE}/var/locks' && exec 9>>'{ONE}/var/locks/watchdog.lock' && flock 9 && "
    for folder, own in ((ONE, FIRST), (TWO, f"{FIRST}_etl")):
        host.shell(f"'{folder}/run_python_etl_script.sh' schedule.py apply >/dev/null")
        done = host.run("bash", "-c", f"{hold}env ETL_NO_CRON_LOG=1 '{folder}/run_python_etl_script.sh' doctor.py")
        lines = [line for line in done.stdout.splitlines() if " cron file " in line]
        assert [line.split()[3] for line in lines] == [own], done.stdout + done.stderr
        folders = [line for line in done.stdout.splitlines() if line.startswith(("ok       folder", "failure  folder"))]
        assert folders and all(folder in line for line in folders), done.stdout


def test_doctor_names_a_cron_file_whose_installation_is_gone(host: Machine) -> None:
    host.shell(f"mv '{TWO}' /opt/moved")
    done = host.run("env", "ETL_NO_CRON_LOG=1", f"{ONE}/run_python_etl_script.sh", "doctor.py")
    assert f"{FIRST}_etl starts {TWO}, which does not exist" in done.stdout, done.stdout + done.stderr
    assert f"sudo rm {FIRST}_etl" in done.stdout
