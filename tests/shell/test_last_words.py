"""Whatever keeps a job from starting under cron is one mail, none the second time, and one when it is over."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.mail_sink import MailSink
from systemscripts import secret
from tests.clones import Clone
from tests.mail_origin import strip_origin

NOBODY_ID = 65534
CRON_PATH = "/usr/bin:/bin"
OFFLINE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "ETL_NO_UV": "1",
}  # fmt: skip
HELLO = """
import typer
from systemscripts.job import Summary, job

@job(database=False)
def hello():
    '''Test.'''
    return Summary(headline="hello")

if __name__ == "__main__":
    hello.main()
"""


class Host:
    """A clone with its own settings, as cron starts its jobs."""

    def __init__(self, folder: Path, sink: MailSink) -> None:
        self.folder, self.sink = folder, sink
        self.clone = Clone(folder / "a project")
        shutil.copy(sink.certificate, folder / "sink.pem")
        (self.clone.folder / "jobscripts" / "hello.py").write_text(HELLO)
        self.settings = self.clone.folder / "config" / ".env"
        self.home = folder / "home"
        self.home.mkdir()
        self.user = os.geteuid()
        self.more: dict[str, str] = {}
        self.write()

    def write(self, *lines: str, mode: int = 0o600) -> None:
        """Write the settings, and further lines."""
        text = (
            f"DATABASE_URL=embedded\nSMTP_HOST=127.0.0.1\nSMTP_PORT={self.sink.port}\nSMTP_USER='etl'\n"
            f"SMTP_PASSWORD=secret1 # of the test\nSMTP_CA_FILE={self.folder}/sink.pem\n"
            "ALERT_RECIPIENTS=operator@example.test, second@example.test\n"
        )
        self.settings.write_text(text + "".join(f"{line}\n" for line in lines))
        self.settings.chmod(mode)
        os.chown(self.settings, self.user, -1)

    def belongs_to_nobody(self) -> None:
        """From now on an ordinary user runs it, whom modes and owners mean something to."""
        self.user = NOBODY_ID
        python = Path(os.path.realpath(sys.executable))
        other = ["setpriv", f"--reuid={NOBODY_ID}", f"--regid={NOBODY_ID}", "--clear-groups"]
        if subprocess.run([*other, "sh", "-c", f"{python} -c 1"], check=False, capture_output=True).returncode:
            self._make_environment_of_the_system()
        subprocess.run(["chown", "-hR", f"{NOBODY_ID}:{NOBODY_ID}", self.folder], check=True)

    def _make_environment_of_the_system(self) -> None:
        """Where only root may run the Python of the tests: the system's, with the same packages."""
        python, environment = "/usr/bin/python3", self.clone.folder / ".venv"
        (self.clone.folder / ".venv").unlink()
        done = subprocess.run([python, "-m", "venv", "--without-pip", environment], check=False, capture_output=True)
        [packages] = environment.glob("lib/python*/site-packages")
        if done.returncode or packages.parent.name != f"python{sys.version_info[0]}.{sys.version_info[1]}":
            pytest.skip("no Python of the tests' version that ordinary users may run")
        (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
        shutil.copy(self.clone.folder / "requirements" / "base.txt", environment / ".requirements-base.txt")

    def run(self, *arguments: str, script: str = "hello", **more: str) -> subprocess.CompletedProcess[str]:
        """Start a job as cron does."""
        environment = {
            "HOME": str(self.home),
            "LOGNAME": "etl",
            "SHELL": "/bin/bash",
            "PATH": CRON_PATH,
            "ETL_CRON": "1",
        }
        other = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return subprocess.run(
            [*(other if self.user != os.geteuid() else []), self.clone.wrapper, f"{script}.py", *arguments],
            env=environment | self.more | more, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            cwd="/",
        )  # fmt: skip

    def list_mails(self) -> list[tuple[str, str]]:
        """Subject and text of every mail so far."""
        return [(str(mail["Subject"]), mail.get_content()) for mail in self.sink.read_messages()]

    def tells_once(self, cause: str, code: int | None = 78) -> None:
        """Start it twice: the first is one mail with the cause in it, the second none."""
        before = len(self.list_mails())
        first, second = self.run(), self.run()
        if code is not None:
            assert (first.returncode, second.returncode) == (code, code), (first.stderr, second.stderr)
        assert len(self.list_mails()) == before + 1, self.list_mails()
        subject, text = self.list_mails()[-1]
        assert subject.startswith("[ETL] ") and re.search(cause, text), (subject, text)
        assert strip_origin(subject) and f"a project on {platform.node()}" in text
        assert "secret1" not in text and str(self.folder) in text
        assert first.stdout + first.stderr + second.stdout + second.stderr == ""  # cron has nothing to mail

    def is_over_once(self) -> None:
        """Start it twice again: one mail says that it is over."""
        before = len(self.list_mails())
        for _ in range(2):
            done = self.run()
            assert done.returncode == 0, (self.clone.folder / "logs" / "etl_cron.log").read_text()
        assert len(self.list_mails()) == before + 1, self.list_mails()
        assert re.match(r"\[ETL\] (over: |.* recovered)", self.list_mails()[-1][0])


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    folder = Path(tempfile.mkdtemp(prefix="etl_last_words_", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        with MailSink(tmp_path / "mails", tmp_path / "certificate", "etl", "secret1") as sink:
            yield Host(folder, sink)
    finally:
        shutil.rmtree(folder)


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


def test_a_wrong_line_in_the_settings_is_one_mail_and_one_when_it_is_over(host: Host) -> None:
    host.write("SMPT_PORT=25", "half a line")
    host.tells_once(r"SMPT_PORT .* did you mean SMTP_PORT.*expected NAME=value|expected NAME=value.*SMPT_PORT")
    host.write()
    host.is_over_once()


def test_settings_that_others_can_read_are_one_mail_and_one_when_it_is_over(host: Host) -> None:
    host.write(mode=0o644)
    host.tells_once(r"can be read by others.* chmod 600")
    mails_found = re.search("Run: (chmod .*)", host.list_mails()[-1][1])
    assert mails_found is not None
    subprocess.run(["sh", "-c", mails_found[1]], check=True)
    host.is_over_once()


def test_settings_that_cannot_be_read_are_told_by_the_copy_of_the_last_good_ones(host: Host) -> None:
    needs_root()
    host.belongs_to_nobody()
    assert host.run().returncode == 0
    [kept] = (host.clone.folder / "config").glob("alert_settings-*")
    assert kept.stat().st_mode & 0o777 == 0o600
    os.chown(host.settings, 0, 0)
    host.tells_once(r"\.env.*Permission denied")
    os.chown(host.settings, NOBODY_ID, NOBODY_ID)
    host.is_over_once()


def test_a_broken_mail_setting_is_told_by_the_last_good_one(host: Host) -> None:
    assert host.run().returncode == 0
    host.settings.write_text(host.settings.read_text().replace("SMTP_PORT=", "SMTP_PORT=9"))
    host.tells_once("SMTP_PORT")
    host.write()
    host.is_over_once()


@pytest.mark.parametrize("kept_as", ["enc:", "SMTP_PASSWORD_FILE"])
def test_a_secret_that_is_not_in_the_settings_stays_out_of_the_copy_of_them(host: Host, kept_as: str) -> None:
    key = host.folder / "secret.key"
    if kept_as == "enc:":
        written = f"SMTP_PASSWORD={secret.encrypt('secret1', key)}\nSECRET_KEY_FILE={key}"
    else:
        (host.folder / "password").write_text("secret1\n")
        written = f"SMTP_PASSWORD_FILE={host.folder}/password"
    plain = host.settings.read_text()
    host.settings.write_text(plain.replace("SMTP_PASSWORD=secret1 # of the test", written))
    assert host.run().returncode == 0
    [kept] = (host.clone.folder / "config").glob("alert_settings-*")
    assert kept_as in kept.read_text()
    assert "secret1" not in kept.read_text()
    host.settings.write_text("a wrong line\n")
    host.tells_once("a wrong line|expected NAME=value")


def test_a_password_on_the_wrong_line_is_not_told(host: Host) -> None:
    assert host.run().returncode == 0
    text = host.settings.read_text()
    host.settings.write_text(text.replace(f"SMTP_PORT={host.sink.port}", "SMTP_PORT=Sm7pPortSecret"))
    host.run()
    [(_, told)] = host.list_mails()
    assert "SMTP_PORT" in told
    assert "Sm7pPortSecret" not in told + (host.clone.folder / "logs" / "etl_cron.log").read_text()


def test_a_cron_log_of_another_owner_is_one_mail_and_the_job_runs(host: Host) -> None:
    needs_root()
    (host.clone.folder / "logs").mkdir()
    host.belongs_to_nobody()
    log = host.clone.folder / "logs" / "etl_cron.log"
    log.touch()
    log.chmod(0o644)
    host.tells_once(r"etl_cron\.log cannot be written.*sudo chown", code=0)
    assert len(list((host.clone.folder / "logs").glob("hello_*.jsonl"))) == 2
    os.chown(log, NOBODY_ID, NOBODY_ID)
    host.is_over_once()


def test_logs_of_another_owner_are_one_mail_and_one_when_it_is_over(host: Host) -> None:
    needs_root()
    host.belongs_to_nobody()
    logs = host.clone.folder / "logs"
    logs.mkdir(mode=0o755)
    host.tells_once(r"logs cannot be written.*sudo chown")
    os.chown(logs, NOBODY_ID, NOBODY_ID)
    host.is_over_once()


def test_no_environment_and_no_network_are_one_mail_and_one_when_it_is_over(host: Host) -> None:
    host.more = OFFLINE
    environment = host.clone.folder / ".venv"
    environment.unlink()
    host.tells_once(r"requirements/ \(base .*\) could not be installed .*install_dependencies\.sh", code=75)
    assert not environment.exists()
    environment.symlink_to(sys.prefix)
    host.is_over_once()


def test_old_packages_and_no_network_are_one_mail_and_jobs_go_on_with_them(host: Host) -> None:
    host.more = OFFLINE
    requirements = host.clone.folder / "requirements" / "base.txt"
    before = requirements.read_text()
    requirements.write_text(before + "no-such-package-of-ours==1.0\n")
    host.tells_once(r"jobs continue with the installed ones.*install_dependencies\.sh", code=0)
    requirements.write_text(before)
    host.is_over_once()


def test_a_missing_package_is_one_mail_for_all_jobs_and_one_when_it_is_over(host: Host) -> None:
    environment = host.clone.folder / ".venv"
    environment.unlink()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    shutil.copy(host.clone.folder / "requirements" / "base.txt", environment / ".requirements-base.txt")
    host.tells_once(r"ModuleNotFoundError: No module named 'typer'.*install_dependencies\.sh --python-only", code=1)
    before = len(host.list_mails())
    assert host.run("next", script="schedule").returncode == 1
    assert len(host.list_mails()) == before
    asked = host.run(script="doctor", ETL_CRON="0", ETL_NO_CRON_LOG="1")
    assert asked.stdout.startswith("failure  packages        the Python package typer is missing"), asked.stdout
    assert "Traceback" not in asked.stderr
    shutil.rmtree(environment)
    environment.symlink_to(sys.prefix)
    host.is_over_once()


@pytest.mark.parametrize("what", ["logs", "."])
def test_a_full_disk_is_one_mail_and_one_when_it_is_over(host: Host, what: str) -> None:
    needs_root()
    data = host.folder / "data"
    full = data / what
    full.mkdir(parents=True)
    host.write(f"ETL_DATA_DIR={data}")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", full], check=True)
    try:
        assert host.run().returncode == 0
        fill(full / "ballast")
        host.tells_once(r"[Nn]o space left", code=None)
        (full / "ballast").unlink()
        host.is_over_once()
    finally:
        subprocess.run(["umount", full], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            pass


def test_a_mistake_at_the_keyboard_mails_nobody_and_one_in_the_cron_file_does(host: Host) -> None:
    assert host.run("--no-such-option", ETL_CRON="0").returncode == 2
    assert host.run(script="helo", ETL_CRON="0").returncode == 2
    assert host.list_mails() == []
    assert host.run("--no-such-option").returncode == 2
    assert [text for _, text in host.list_mails() if "--no-such-option" in text]
    assert host.run(script="helo").returncode == 2
    assert "did you mean hello?" in host.list_mails()[-1][1]


def test_three_jobs_of_one_minute_find_one_cause_and_send_one_mail(host: Host) -> None:
    host.write("SMPT_PORT=25")
    running = [
        subprocess.Popen(
            [host.clone.wrapper, "hello.py"],
            env={"HOME": str(host.home), "PATH": CRON_PATH, "ETL_CRON": "1"},
        )
        for _ in range(3)
    ]
    assert [process.wait(timeout=60) for process in running] == [78, 78, 78]
    assert len(host.list_mails()) == 1


def test_where_no_mail_can_go_out_cron_gets_the_words_once_and_the_mail_follows(host: Host) -> None:
    port, host.sink.port = host.sink.port, 9
    host.write("SMPT_PORT=25")
    first, second = host.run(), host.run()
    assert "jobs cannot start" in first.stderr and "SMPT_PORT" in first.stderr and second.stderr == ""
    host.sink.port = port
    host.write("SMPT_PORT=25")
    host.tells_once("SMPT_PORT")


def test_the_reminder_comes_after_a_week(host: Host) -> None:
    host.write("SMPT_PORT=25")
    host.tells_once("SMPT_PORT")
    [state] = (host.clone.folder / "var").glob("start_problems-*")
    told = re.search(r'"told_at": ([0-9.]+)', state.read_text())
    assert told is not None
    state.write_text(state.read_text().replace(told[1], str(time.time() - 7 * 86400)))
    host.tells_once("SMPT_PORT")
    assert "still: " in host.list_mails()[-1][0]


def test_without_any_python_cron_and_a_local_mail_server_get_the_words_once(host: Host) -> None:
    programs = host.folder / "bin"
    programs.mkdir()
    for name in (
        "bash",
        "cat",
        "cmp",
        "dirname",
        "flock",
        "id",
        "mkdir",
        "readlink",
        "rm",
        "stat",
        "tail",
        "env",
        "cp",
    ):
        (programs / name).symlink_to(str(shutil.which(name)))
    sent = host.folder / "sent"
    (programs / "sendmail").write_text(f"#!{shutil.which('bash')}\ncat >>{sent}\n")
    (programs / "logger").write_text(f"#!{shutil.which('bash')}\nprintf '%s\\n' \"$*\" >>{host.folder}/syslog\n")
    for name in ("sendmail", "logger"):
        (programs / name).chmod(0o755)
    (host.clone.folder / ".venv").unlink()
    first, second = host.run(PATH=str(programs)), host.run(PATH=str(programs))
    if "no Python" not in first.stderr:
        pytest.skip("this machine has a Python under /usr/bin that the wrapper finds without PATH")
    assert (first.returncode, second.returncode) == (78, 78) and second.stderr == ""
    assert sent.read_text().count("Subject: ") == 1 and "operator@example.test" in sent.read_text()
    assert "(a project on " in sent.read_text()
    assert (host.folder / "syslog").read_text().count("cannot start") == 1
    (host.clone.folder / ".venv").symlink_to(sys.prefix)
    host.is_over_once()
