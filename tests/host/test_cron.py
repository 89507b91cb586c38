"""A real cron daemon starts the wrapper from /etc/cron.d, as etl_user, in its bare environment."""

from __future__ import annotations

import csv
import io
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.mail_sink import MailSink
from tests.host.machine import Machine, machine
from tests.mail_origin import strip_origin

FOLDER = "/opt/client_etl_workflow"
DATA = "/var/lib/client_etl_workflow"
PIPELINE = """
description: 100 % of what cron shall start
schedule: "* * * * *"
steps:
  - {job: look, on_failure: continue}
  - {job: broken}
"""
NEEDY = """
schedule: "0 5 * * *"
needs: [SOURCE_NEEDY_HOST]
steps: [{job: broken}]
"""
LOOK = '''"""Writes down what it finds."""
import os
from systemscripts import settings
from systemscripts.job import Summary, job

@job()
def look():
    """Test.

    Examples:
        look.py
    """
    names = sorted(name for name in os.environ if not name.startswith("ETL_"))
    (settings.current().etl_data_dir / "seen").write_text(f"{os.getcwd()} {os.getuid()} {' '.join(names)}")
    return Summary(headline="looked", files=1)

if __name__ == "__main__":
    look.main()
'''
BROKEN = LOOK.replace("look", "broken").replace(
    "return Summary", 'raise ValueError("broke under cron")\n    return Summary'
)
OURS = {
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYDANTIC_DISABLE_PLUGINS",
    "LANG",
    "LC_ALL",
}  # set by the wrapper and the frame
CRONS = {"HOME", "LOGNAME", "MAILTO", "PATH", "SHELL"}
SHELLS = {"PWD", "SHLVL", "_", "OLDPWD", "USER"}


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailSink]:
    folder = tmp_path_factory.mktemp("mail")
    with MailSink(folder / "mails", folder / "certificate", "etl", "secret1", 0) as sink:
        yield sink


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, mails: MailSink) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine") / "overlay") as new_machine:
        new_machine.clone(FOLDER, "root")
        for name, text in (("jobscripts/look.py", LOOK), ("jobscripts/broken.py", BROKEN)):
            write(new_machine, f"{FOLDER}/{name}", text)
        new_machine.shell(f"rm {FOLDER}/config/pipelines/*")
        write(new_machine, f"{FOLDER}/config/pipelines/minutely.yaml", PIPELINE)
        write(new_machine, f"{FOLDER}/config/sink.pem", Path(mails.certificate).read_text())
        settings = {
            "DATABASE_URL": "embedded",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": mails.port,
            "SMTP_USER": "etl",
            "SMTP_PASSWORD": "secret1",
            "SMTP_CA_FILE": f"{FOLDER}/config/sink.pem",
            "ALERT_RECIPIENTS": "operator@example.test",
        }
        write(new_machine, f"{FOLDER}/config/.env", "".join(f"{name}={value}\n" for name, value in settings.items()))
        new_machine.shell(f"{FOLDER}/configure_etl_user.sh")
        new_machine.shell(f"{FOLDER}/run_python_etl_script.sh database.py start")
        new_machine.shell(f"{FOLDER}/configure_etl_user.sh")
        yield new_machine


def write(host: Machine, path: str, text: str) -> None:
    done = subprocess.run(host.command("tee", path), input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def rows(host: Machine, statement: str) -> list[list[str]]:
    done = host.run(f"{FOLDER}/run_python_etl_script.sh", "database.py", "sql", statement)
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))[1:]


def test_cron_starts_it_and_rows_logs_and_mail_appear(host: Machine, mails: MailSink) -> None:
    question = """select job, status, os_user, parent_uuid is not null from dba.trun
                  where job not in ('database', 'watchdog') order by started_at"""
    assert " run_pipeline.py minutely" in host.shell("cat /etc/cron.d/etl_jobs")
    assert rows(host, question) == []
    daemon = subprocess.Popen(host.command("cron", "-f", "-L", "15"), stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 180
        while not mails.list_mails():
            assert daemon.poll() is None and time.monotonic() < until, host.run("tail", f"{DATA}/logs/etl_cron.log")
            time.sleep(0.5)
    finally:
        host.run("bash", "-c", "kill $(cat /run/crond.pid)")
        daemon.wait(timeout=30)
    wait_for_end(host)
    assert rows(host, question)[:3] == [  # a second minute may have begun
        ["run_pipeline", "failed", "etl_user", "f"],
        ["look", "succeeded", "etl_user", "t"],
        ["broken", "failed", "etl_user", "t"],
    ]
    number = host.shell("id -u etl_user").strip()
    folder, user, *names = host.shell(f"cat {DATA}/seen").split()
    assert user == number
    assert set(names) <= OURS | CRONS | SHELLS
    assert folder == "/home/etl_user"
    logs = host.shell(f"stat -c '%a %U %n' {DATA}/logs/*").splitlines()
    assert all(line.startswith("660 etl_user ") for line in logs), logs
    assert any("run_pipeline_" in line for line in logs) and any("look_" in line for line in logs)
    assert "1 of 2 steps done" in host.shell(f"cat {DATA}/logs/etl_cron.log")
    [mail] = mails.read_messages()
    assert (
        strip_origin(mail["Subject"]) == "[ETL] run_pipeline minutely failed"
        and "broke under cron" in mail.get_content()
    )


def wait_for_end(host: Machine) -> None:
    """Until what cron has started is over."""
    until = time.monotonic() + 60
    while host.run("pgrep", "-f", "run_pipeline.py minutely").returncode == 0:
        assert time.monotonic() < until
        time.sleep(0.3)


def test_a_pause_is_respected_by_what_cron_starts(host: Machine) -> None:
    host.shell(f"{FOLDER}/run_python_etl_script.sh schedule.py pause minutely")
    lines = host.shell("cat /etc/cron.d/etl_jobs").splitlines()
    line = next(line for line in lines if "minutely" in line and line[0] == "*")
    command = line.split(" etl_user ")[1].replace("\\%", "%")
    done = host.run("runuser", "-u", "etl_user", "--", "env", "-i", "bash", "-c", command)
    assert done.returncode == 75
    assert "minutely is paused since" in done.stderr
    question = "select status from dba.trun where job = 'run_pipeline' order by started_at desc limit 1"
    assert rows(host, question) == [["skipped"]]


def test_cron_does_not_go_on_failing_for_a_pipeline_whose_settings_are_un_set_again(
    host: Machine, mails: MailSink
) -> None:
    def nightly() -> int:
        """What cron does at its time, by the line that it has."""
        [line] = [line for line in host.shell("cat /etc/cron.d/etl_jobs").splitlines() if line.endswith(" needy")]
        command = line.split(" etl_user ")[1].replace("\\%", "%")
        return host.run("runuser", "-u", "etl_user", "--", "env", "-i", "bash", "-c", command).returncode

    def news() -> list[str]:
        """The subjects of the mails about it, after a look of the watchdog."""
        host.shell(f"{FOLDER}/run_python_etl_script.sh watchdog.py")
        subjects = [strip_origin(str(mail["Subject"])) for mail in mails.read_messages()]
        return [subject.partition("needy ")[2] for subject in subjects if "needy" in subject]

    write(host, f"{FOLDER}/config/pipelines/needy.yaml", NEEDY)
    settings = host.shell(f"cat {FOLDER}/config/.env")
    write(host, f"{FOLDER}/config/.env", f"{settings}SOURCE_NEEDY_HOST=somewhere\n")
    host.shell(f"{FOLDER}/configure_etl_user.sh")
    assert (nightly(), news()) == (1, ["failed"])
    write(host, f"{FOLDER}/config/.env", settings)
    assert (nightly(), news()) == (78, ["failed", "failed"])  # a setting that got lost, for all that cron knows
    # the watchdog also tells that the cron file starts what is not set up
    texts = [mail.get_content() for mail in mails.read_messages()]
    assert any("needy is not set up here: SOURCE_NEEDY_HOST not set" in text for text in texts)
    host.shell(f"{FOLDER}/configure_etl_user.sh")
    assert " needy\n" not in host.shell("cat /etc/cron.d/etl_jobs")
    assert news() == ["failed", "failed", "is no longer expected"]
    assert news() == ["failed", "failed", "is no longer expected"]
