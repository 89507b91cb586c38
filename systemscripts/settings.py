"""Every setting as one typed object, read once, and the one clock.

Sources, strongest first: the process environment, the settings file (`ETL_ENV_FILE`, else `config/.env`), the default.
A secret may also come from a file named by `<NAME>_FILE`. The settings file is parsed, never run as shell.
"""

from __future__ import annotations

import difflib
import functools
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from systemscripts.errors import ConfigurationError

PROJECT = Path(__file__).resolve().parents[1]
EMBEDDED = "embedded"
# Set for one process by whoever starts it, not by the operator in a file.
PROCESS_VARIABLES = {
    "ETL_ENV_FILE",
    "ETL_NOW",
    "ETL_RUN_UUID",
    "ETL_PARENT_UUID",
    "ETL_ROOT_UUID",
    "ETL_STEP_NUMBER",
    "ETL_NO_CRON_LOG",
    "ETL_NO_UV",
    "ETL_TEST_LONG",
}
USER_PREFIX = "SOURCE_"  # variables that configurations may name as ${SOURCE_...}


def _comma_list(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Addresses = Annotated[list[str], BeforeValidator(_comma_list)]


class Settings(BaseModel):
    """The settings of one installation; config/.env.example documents each."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: SecretStr = SecretStr(EMBEDDED)
    database_reader_url: SecretStr | None = None
    database_allow_insecure: bool = False
    database_connect_seconds: int = Field(10, ge=1)
    database_lock_seconds: int = Field(15, ge=1)
    database_statement_minutes: int = Field(120, ge=0)
    etl_data_dir: Path = PROJECT
    time_zone: str = ""
    job_time_limit_hours: float = Field(24, gt=0)
    file_still_seconds: float = Field(2, ge=0)
    smtp_host: str = ""
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "ssl", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    smtp_ca_file: Path | None = None
    smtp_timeout_seconds: float = Field(30, gt=0)
    mail_from: str = ""
    alert_recipients: Addresses = []
    report_recipients: Addresses = []
    meetmax_base_url: str = "https://www.meetmax.com/sched/event_{id}/"
    meetmax_first_events: str = "119000-119999"
    meetmax_delay_seconds: float = Field(5, ge=0)
    meetmax_user_agent: str = "ClientETLWorkflow (set MEETMAX_USER_AGENT to name yourself)"
    meetmax_max_hours: float = Field(12, gt=0)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError("expected a time zone such as Europe/London") from error
        return value

    @field_validator("database_url", "database_reader_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or value.get_secret_value() == EMBEDDED:
            return value
        if urlsplit(value.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("expected postgresql://user:password@host:port/name, or embedded")
        return value

    @property
    def embedded(self) -> bool:
        """Whether the suite runs its own PostgreSQL."""
        return self.database_url.get_secret_value() == EMBEDDED

    def secrets(self) -> list[str]:
        """Every value that must never be shown: secret settings, and the passwords inside their URLs."""
        found = [value.get_secret_value() for value in self.__dict__.values() if isinstance(value, SecretStr)]
        found += [value for name, value in os.environ.items() if name.startswith(USER_PREFIX)]
        passwords = [urlsplit(value).password or "" for value in found if "://" in value]
        return [value for value in [*found, *passwords, *map(unquote, passwords)] if value and value != EMBEDDED]


def settings_file() -> Path:
    """Where the settings file is, or would be."""
    named = os.environ.get("ETL_ENV_FILE")
    return Path(named).expanduser().absolute() if named else PROJECT / "config" / ".env"


@functools.cache
def current() -> Settings:
    """Return the settings of this process, read and checked once.

    Raises ConfigurationError that names every wrong value and unknown key at once.
    """
    return load(settings_file(), os.environ)


def load(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read settings from the file at `path` (it may be missing, unless named by ETL_ENV_FILE) and an environment.

    Raises ConfigurationError.
    """
    in_file = _read_file(path, required="ETL_ENV_FILE" in environment)
    known = {name.upper(): name for name in Settings.model_fields}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in (in_file or {}).items():
        _take(name, value, known, values, problems, str(path))
    for name, value in environment.items():
        if name.startswith("ETL_") or _base_name(name) in known:
            _take(name, value, known, values, problems, "environment")
    if in_file is not None and "database_url" not in values:
        problems.append(f"{path} names no DATABASE_URL: give a postgresql:// address, or DATABASE_URL=embedded")
    return _validate(values, problems, path)


def _base_name(name: str) -> str:
    return name.removesuffix("_FILE") if name.endswith("_FILE") and _is_secret(name.removesuffix("_FILE")) else name


def _is_secret(name: str) -> bool:
    field = Settings.model_fields.get(name.lower())
    return field is not None and "SecretStr" in str(field.annotation)


def _read_file(path: Path, required: bool) -> dict[str, str] | None:
    from dotenv import dotenv_values

    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"settings file {path} does not exist", "Mend ETL_ENV_FILE.") from None
        return None
    except OSError as error:
        raise ConfigurationError(f"settings file {path}: {error.strerror}", "Run as the user it belongs to.") from error
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"settings file {path} is not a file", "Mend ETL_ENV_FILE.")
    if stat.S_IMODE(mode) & 0o007:
        raise ConfigurationError(f"settings file {path} can be read by others", f"Run: chmod 600 {path}")
    try:
        return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"settings file {path} cannot be read: {error}", "Run: chmod 600 it as its owner.") from error


def _take(name: str, value: str, known: dict[str, str], values: dict[str, Any], problems: list[str], where: str) -> None:
    if name in PROCESS_VARIABLES or name.startswith(USER_PREFIX):
        return
    base = _base_name(name)
    if base not in known:
        near = difflib.get_close_matches(name, known, n=1)
        problems.append(f"{name} ({where}) is not a setting" + (f", did you mean {near[0]}?" if near else ""))
        return
    if base != name:
        try:
            value = Path(value).read_text().strip()
        except OSError as error:
            problems.append(f"{name} ({where}): {value}: {error.strerror}")
            return
    if value != "" or known[base] in values:
        values[known[base]] = value


def _validate(values: dict[str, Any], problems: list[str], path: Path) -> Settings:
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            name = str(fault["loc"][0])
            shown = "" if _is_secret(name.upper()) else f", not {values.get(name)!r}"
            problems.append(f"{name.upper()}: {fault['msg'].removeprefix('Value error, ')}{shown}")
    if problems or settings is None:
        raise ConfigurationError("settings: " + "; ".join(problems), f"Mend {path} or the environment.")
    return settings


@functools.cache
def _offset() -> timedelta:
    """How far the set clock is from the real one; fixed at the first look, so that time goes on from there."""
    named = os.environ.get("ETL_NOW")
    if not named:
        return timedelta(0)
    try:
        moment = datetime.fromisoformat(named)
    except ValueError as error:
        raise ConfigurationError(f"ETL_NOW: expected a time such as 2026-01-05T06:00:00, not {named!r}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone()) if zone() else moment.astimezone()
    return moment - datetime.now(UTC)


def zone() -> ZoneInfo | None:
    """The configured time zone, or None for the host's."""
    return ZoneInfo(current().time_zone) if current().time_zone else None


def now() -> datetime:
    """The time, with zone, by the clock of this installation (`ETL_NOW` sets it)."""
    return (datetime.now(UTC) + _offset()).astimezone(zone())


def file_stamp() -> str:
    """Now as it stands in file names: yyyyMMddTHHmmss."""
    return now().strftime("%Y%m%dT%H%M%S")


def reset() -> None:
    """Forget what was read, after the environment was changed on purpose (the demo, tests)."""
    current.cache_clear()
    _offset.cache_clear()
