"""Settings are checked before anything runs."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from systemscripts import settings
from systemscripts.db_utils import connection
from systemscripts.errors import ConfigurationError
from tests.conftest import Installation

pytestmark = pytest.mark.fast

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = (PROJECT / "config" / ".env.example").read_text()


def read_settings(folder: Path, text: str, **environment: str) -> settings.Settings:
    path = folder / "settings.env"
    path.write_text(text)
    path.chmod(0o600)
    return settings.load(path, environment)


def fault(folder: Path, text: str, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(folder, text, **environment)
    return str(caught.value)


def test_all_wrong_values_and_unknown_names_at_once(tmp_path: Path) -> None:
    text = """
DATABASE_URL=mysql://x
SMTP_PORT=abc
smtp_hots=x
MAILFROM=x
ALERT_RECIPIENTS=ok@example.test, nobody
TIME_ZONE=Europe/Lundon
SMTP_SECURITY=tls
JUST_A_WORD
"""
    loaded = fault(tmp_path, text, ETL_DATADIR="/x", SMTP_TIMEOUT_SECONDS="0", SOMETHING_ELSE="1")
    for expected in (
        "DATABASE_URL: expected postgresql://",
        "SMTP_PORT: Input should be a valid integer",
        "not 'abc'",
        "smtp_hots (",
        "did you mean SMTP_HOST?",
        "did you mean MAIL_FROM?",
        "'nobody' is not a mail address",
        "TIME_ZONE: expected a time zone such as Europe/London",
        "SMTP_SECURITY: Input should be 'starttls', 'ssl' or 'none'",
        "line 9: expected NAME=value",
        "ETL_DATADIR (environment) is not a setting, did you mean ETL_DATA_DIR?",
        "SMTP_TIMEOUT_SECONDS: Input should be greater than 0",
    ):
        assert expected in loaded, loaded
    assert "mysql" not in loaded  # it may hold a password
    assert "SOMETHING_ELSE" not in loaded
    assert "\n" not in loaded


def test_a_webhook_without_tls_is_only_for_this_machine(tmp_path: Path) -> None:
    for name in ("ALERT_WEBHOOK_URL", "WATCHDOG_PING_URL"):
        assert "expected https://" in fault(tmp_path, f"DATABASE_URL=embedded\n{name}=http://chat.example/hook\n")
        assert read_settings(tmp_path, f"DATABASE_URL=embedded\n{name}=http://127.0.0.1:8065/hook\n")


def test_a_settings_file_must_name_the_database(tmp_path: Path) -> None:
    assert "names no DATABASE_URL" in fault(tmp_path, "SMTP_HOST=x\n")
    assert "names no DATABASE_URL" in fault(tmp_path, "DATABASE_URL=\n")
    assert read_settings(tmp_path, "DATABASE_URL=embedded\n").uses_embedded_database
    assert read_settings(tmp_path, "SMTP_HOST=x\n", DATABASE_URL="embedded").uses_embedded_database
    assert settings.load(tmp_path / "none.env", {}).uses_embedded_database


def test_the_environment_wins_and_empty_is_the_default(tmp_path: Path) -> None:
    loaded = read_settings(tmp_path, "DATABASE_URL=embedded\nSMTP_PORT=25\nSMTP_HOST=a\n", SMTP_HOST="b", SMTP_PORT="")
    assert (loaded.smtp_host, loaded.smtp_port) == ("b", 587)


def test_quotes_and_escapes_as_python_dotenv_has_them(tmp_path: Path) -> None:
    text = """
export DATABASE_URL = embedded
SMTP_HOST = plain # a comment
SMTP_USER='single ${HOME} \\n # kept'
MAIL_FROM="double \\"quoted\\" \\\\ # kept"
SOURCE_KEY="two
lines"
"""
    loaded = read_settings(tmp_path, text)
    assert loaded.smtp_host == "plain"
    assert loaded.smtp_user == "single ${HOME} \\n # kept"
    assert loaded.mail_from == 'double "quoted" \\ # kept'
    assert loaded.source_variables["SOURCE_KEY"].get_secret_value() == "two\nlines"
    from dotenv import dotenv_values

    mine = {"SMTP_HOST": loaded.smtp_host, "SMTP_USER": loaded.smtp_user, "MAIL_FROM": loaded.mail_from}
    assert mine.items() <= dotenv_values(tmp_path / "settings.env", interpolate=False).items()


def test_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" pass word \n")
    path = str(tmp_path / "secret")
    loaded = read_settings(tmp_path, f"DATABASE_URL=embedded\nSMTP_PASSWORD_FILE={path}\n", SOURCE_SFTP_FILE=path)
    assert loaded.smtp_password is not None
    assert loaded.smtp_password.get_secret_value() == " pass word "
    assert loaded.source_variables["SOURCE_SFTP"].get_secret_value() == " pass word "
    assert " pass word " in loaded.list_secrets()
    assert "pass word" not in repr(loaded)
    assert "No such file" in fault(tmp_path, "DATABASE_URL=embedded\nSMTP_PASSWORD_FILE=/no/such\n")
    assert "SMTP_HOST_FILE" in fault(tmp_path, "DATABASE_URL=embedded\nSMTP_HOST_FILE=/no/such\n")
    (tmp_path / "url").write_text("postgresql://etl:x@127.0.0.1/etl\n")
    assert not read_settings(tmp_path, f"DATABASE_URL_FILE={tmp_path / 'url'}\n").uses_embedded_database


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o602])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "settings.env"
    path.write_text("DATABASE_URL=embedded\n")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=r"can be read by others. Run: chmod 600 "):
        settings.load(path, {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_text("DATABASE_URL=embedded\n")
    path.chmod(0o640)
    os.chown(path, 4711, 4711)
    with pytest.raises(ConfigurationError, match=r"belongs to the user 4711, .* Look at it, then run: sudo chown "):
        settings.load(path, {})


def test_a_named_settings_file_must_exist(installation: Installation) -> None:
    done = installation.run("close_interrupted_runs", ETL_ENV_FILE="/no/such.env")
    assert (done.returncode, done.stderr) == (
        78, "close_interrupted_runs: settings file /no/such.env does not exist. Correct ETL_ENV_FILE.\n",
    )  # fmt: skip
    folder = installation.run("close_interrupted_runs", ETL_ENV_FILE="/tmp")
    assert (folder.returncode, folder.stderr.count("\n")) == (78, 1)


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("postgresql://u:secret@db.example/etl", True),
        ("postgresql://u:secret@db.example/etl?sslmode=prefer", True),
        ("postgresql:///etl?host=db.example&password=secret", True),
        ("postgresql://u:secret@localhost,db.example/etl", True),
        ("postgresql://u:secret@db.example/etl?sslmode=require", False),
        ("postgresql://u:secret@db.example/etl?sslmode=verify-full", False),
        ("postgresql://u:secret@127.0.0.1/etl", False),
        ("postgresql:///etl?host=/var/run/postgresql", False),
    ],
)
def test_a_remote_database_without_tls_is_refused(here: Installation, url: str, refused: bool) -> None:
    here.write_settings(DATABASE_URL=url)
    settings.reset()
    if not refused:
        assert connection.resolve_address("etl") == url
        return
    with pytest.raises(ConfigurationError, match="without TLS") as caught:
        connection.resolve_address("etl")
    assert "secret" not in str(caught.value)
    here.write_settings(DATABASE_ALLOW_INSECURE="true")
    settings.reset()
    assert connection.resolve_address("etl") == url


def test_the_clock_is_an_offset(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_NOW", "2026-01-05T06:00:00")
    here.write_settings(TIME_ZONE="America/New_York")
    settings.reset()
    first = settings.now()
    assert first.isoformat().startswith("2026-01-05T06:00:0")
    assert first.utcoffset() == timedelta(hours=-5)
    assert timedelta(0) < settings.now() - first < timedelta(seconds=5)
    assert re.fullmatch(r"20260105T06000\d", settings.format_file_stamp())
    monkeypatch.setenv("ETL_NOW", "2026-01-05T06:00:00+00:00")
    settings.reset()
    assert settings.now().astimezone(UTC).isoformat().startswith("2026-01-05T06:00:0")
    monkeypatch.setenv("ETL_NOW", "tomorrow")
    settings.reset()
    with pytest.raises(ConfigurationError, match="ETL_NOW: expected a time"):
        settings.now()


def test_without_a_set_clock_it_is_the_hosts(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETL_NOW", raising=False)
    settings.reset()
    assert abs(settings.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_the_time_zone_is_also_the_databases(here: Installation) -> None:
    here.write_settings(TIME_ZONE="Asia/Kolkata")
    done = here.run("database", "sql", "show timezone", "--json")
    assert "Asia/Kolkata" in done.stdout


def test_the_example_names_every_setting_at_its_default_and_no_other(tmp_path: Path) -> None:
    lines = re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE)
    assert [name for name, _ in lines if name != "SOURCE_EXAMPLE_PASSWORD"] == [
        name for name, _ in lines if name in settings.list_names()
    ]
    assert sorted(name for name, _ in lines if not name.startswith("SOURCE_")) == sorted(settings.list_names())
    assert not [line for line in EXAMPLE.splitlines() if line and not line.startswith("#")]
    uncommented = "\n".join(f"{name}={value}" for name, value in lines)
    defaults = settings.Settings().model_dump(exclude={"source_variables"})
    assert read_settings(tmp_path, uncommented).model_dump(exclude={"source_variables"}) == defaults


def test_each_setting_has_a_line_that_explains_it() -> None:
    for block in EXAMPLE.split("\n\n"):
        if re.search(r"^#[A-Z_]+=", block, re.MULTILINE):
            assert block.startswith(("# ", "#SMTP_PORT")), block


def test_a_relative_data_folder_is_the_one_seen_from_here(tmp_path: Path) -> None:
    loaded = read_settings(tmp_path, "DATABASE_URL=embedded\n", ETL_DATA_DIR="some/folder")
    assert loaded.etl_data_dir == Path(os.getcwd()) / "some/folder"  # noqa: PTH109


def test_of_a_source_address_only_what_signs_in_is_hidden(tmp_path: Path) -> None:
    loaded = read_settings(
        tmp_path, "DATABASE_URL=embedded\n", SOURCE_WHO_URL="https://who:pa%2Fss@example.test/api?key=k123"
    )
    assert sorted(loaded.list_secrets()) == ["key=k123", "pa%2Fss", "pa/ss"]
    assert (
        read_settings(tmp_path, "DATABASE_URL=embedded\n", SOURCE_WHO_URL="https://example.test/api").list_secrets()
        == []
    )
    assert read_settings(tmp_path, "DATABASE_URL=embedded\n", SOURCE_WHO_KEY="k123").list_secrets() == ["k123"]
