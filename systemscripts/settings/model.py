"""The model of the settings: their names, types, defaults and allowed values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from systemscripts.settings.alert_addresses import LOOPBACK, list_secret_parts, split_addresses
from systemscripts.settings.mailboxes import Mailboxes
from systemscripts.settings.project import PROJECT

EMBEDDED = "embedded"
# What is sent to these does not leave the machine.
# Variables with these suffixes are not secret; their values may be shown.
PLAIN_SUFFIXES = ("_HOST", "_PORT", "_USER", "_PATH", "_FOLDER", "_BUCKET", "_REGION", "_DATABASE")
# The field that holds them; not a setting itself.
SOURCE_FIELD = "source_variables"


def _split_list(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_server(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"{value!r} is not host:port")
    return value


def _make_absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def normalize_prefix(value: str) -> str:
    """Return a prefix of objects in a bucket with a slash at its end; raises ValueError."""
    if value.startswith("/") or "//" in value:
        raise ValueError("expected a prefix such as sales_data/")
    return value if not value or value.endswith("/") else f"{value}/"


AbsolutePath = Annotated[Path, AfterValidator(_make_absolute)]
Servers = Annotated[list[Annotated[str, AfterValidator(_check_server)]], BeforeValidator(_split_list)]
Names = Annotated[list[str], BeforeValidator(_split_list)]
Prefix = Annotated[str, AfterValidator(normalize_prefix)]


class Settings(BaseModel):
    """The settings of one installation; config/.env.example documents each."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: SecretStr = SecretStr(EMBEDDED)
    database_reader_url: SecretStr | None = None
    database_allow_insecure: bool = False
    database_connect_seconds: int = Field(10, ge=1)
    database_lock_seconds: int = Field(15, ge=1)
    database_statement_minutes: int = Field(120, ge=0)
    etl_data_dir: AbsolutePath = PROJECT
    etl_local_dir: AbsolutePath | None = None
    environment_name: str = ""
    time_zone: str = ""
    job_time_limit_hours: float = Field(24, gt=0)
    file_still_seconds: float = Field(2, ge=0)
    max_file_gb: float = Field(20, gt=0)
    keep_free_gb: float = Field(0.25, ge=0)
    max_unpacked_gb: float = Field(4, gt=0)
    max_unpack_ratio: float = Field(250, ge=1)
    own_xlsx_reader: bool = True
    smtp_host: str = ""
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "ssl", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    smtp_ca_file: AbsolutePath | None = None
    smtp_timeout_seconds: float = Field(30, gt=0)
    mail_from: str = ""
    alert_recipients: Mailboxes = []
    report_recipients: Mailboxes = []
    report_attachment_mb: float = Field(10, gt=0)
    alert_webhook_url: SecretStr | None = None
    alert_urls: Annotated[list[SecretStr], BeforeValidator(split_addresses)] = []
    watchdog_ping_url: SecretStr | None = None
    watchdog_late_minutes: float = Field(60, gt=0)
    watchdog_run_hours: float = Field(20, gt=0)
    disk_free_percent: float = Field(10, ge=0, lt=100)
    disk_full_days: float = Field(30, ge=0)
    certificate_days: int = Field(21, ge=0)
    keep_logs_days: float = Field(365, ge=0)
    keep_rejects_days: float = Field(365, ge=0)
    keep_files_days: float = Field(0, ge=0)
    keep_history_days: float = Field(0, ge=0)
    keep_rows_days: float = Field(0, ge=0)
    backup_max_age_days: float = Field(2, ge=0)
    certificate_servers: Servers = []
    backup_passphrase: SecretStr | None = None
    # fingerprints or addresses of PGP keys in var/pgp that open backups, too
    backup_encrypt_for: Names = []
    backup_keep_daily: int = Field(7, ge=1)
    backup_keep_weekly: int = Field(4, ge=0)
    backup_keep_monthly: int = Field(12, ge=0)
    sftp_connect_seconds: float = Field(15, gt=0)
    sftp_answer_seconds: float = Field(30, gt=0)
    sftp_attempts: int = Field(6, ge=1, le=100)
    sftp_still_seconds: float = Field(5, ge=0)
    meetmax_base_url: str = "https://www.meetmax.com/sched/event_{id}/"
    meetmax_first_events: str = ""
    meetmax_delay_seconds: float = Field(5, ge=0)
    meetmax_user_agent: str = "ClientETLWorkflow (set MEETMAX_USER_AGENT to name yourself)"
    meetmax_timeout_seconds: float = Field(60, gt=0)
    meetmax_retries: int = Field(4, ge=0, le=20)
    meetmax_max_hours: float = Field(12, gt=0)
    s3_endpoint_url: str = ""
    s3_region: str = ""
    s3_addressing: Literal["auto", "path", "virtual"] = "auto"
    s3_ca_file: AbsolutePath | None = None
    s3_timeout_seconds: float = Field(60, gt=0)
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_session_token: SecretStr | None = None
    s3_profile: str = ""
    s3_bucket: str = ""
    s3_input_prefix: Prefix = "sales_data/"
    s3_error_prefix: Prefix = "sales_data_error/"
    s3_processed_prefix: Prefix = "sales_data_processed/"
    s3_customer_mart_prefix: Prefix = "customer_data_mart/"
    s3_sales_mart_prefix: Prefix = "sales_data_mart/"
    s3_spark_prefix: Prefix = ""
    secret_key_file: AbsolutePath | None = None
    marts_database_url: SecretStr | None = None
    # where tables of schema sales are instead
    sales_customer_url: SecretStr | None = None
    sales_store_url: SecretStr | None = None
    sales_product_url: SecretStr | None = None
    sales_team_url: SecretStr | None = None
    sales_staging_url: SecretStr | None = None
    marts_directory: str = "var/marts"
    spark_master: str = "local[*]"
    # for the Hadoop version that comes with Spark
    spark_packages: str = "org.apache.hadoop:hadoop-aws:3.5.0"
    duckdb_memory_gb: float = Field(2, gt=0)
    console_host: str = "127.0.0.1"
    console_port: int = Field(8475, ge=0, le=65535)
    console_hosts: Names = []
    console_read_seconds: int = Field(15, ge=1, le=600)
    console_max_file_mb: int = Field(1000, ge=1)
    # of a monitoring system that reads /metrics; short ones could be guessed
    metrics_token: SecretStr | None = Field(None, min_length=16)
    upload_allowed_hosts: Names = []
    upload_variable_hosts: Names = []
    # SOURCE_..., from the settings file and the environment
    source_variables: dict[str, SecretStr] = {}

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            return value and ZoneInfo(value).key
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("expected a time zone such as Europe/London") from error

    @field_validator("alert_webhook_url", "watchdog_ping_url")
    @classmethod
    def _check_web_address(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value() if value is not None else "https://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as https://host/path")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("expected https://; http:// is only for a server on this machine")
        return value

    @field_validator("database_url", "database_reader_url")
    @classmethod
    def _check_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value() != EMBEDDED:
            _check_address(urlsplit(value.get_secret_value()))
        return value

    @field_validator(
        "marts_database_url", "sales_customer_url", "sales_store_url", "sales_product_url", "sales_team_url",
        "sales_staging_url",
    )  # fmt: skip
    @classmethod
    def _check_mysql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("mysql", "mariadb") or not parts.path.strip("/"):
                raise ValueError("expected mysql://user:password@host:3306/name")
            _check_split(parts)
        return value

    @model_validator(mode="after")
    def _check_prefixes(self) -> Self:
        names = [name for name in type(self).model_fields if name.endswith("_prefix")]
        # without its prefix Spark uses no bucket
        prefixes = [getattr(self, name) for name in names if name != "s3_spark_prefix" or self.s3_spark_prefix]
        if repeated := sorted(value for value in set(prefixes) if prefixes.count(value) > 1):
            raise ValueError(f"two of the settings S3_..._PREFIX are {repeated[0]!r}: each needs a prefix of its own")
        if self.s3_spark_prefix and self.s3_spark_prefix.startswith(self.s3_input_prefix):
            raise ValueError("S3_SPARK_PREFIX is below S3_INPUT_PREFIX: files of Spark would be loaded as deliveries")
        return self

    @field_validator("s3_endpoint_url")
    @classmethod
    def _check_service(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
            raise ValueError("expected an address such as https://s3.example.com")
        return value

    @property
    def uses_embedded_database(self) -> bool:
        """Whether the suite runs its own PostgreSQL server."""
        return self.database_url.get_secret_value() == EMBEDDED

    def list_secrets(self) -> list[str]:
        """Return every value that must never be shown: secret settings, and the passwords inside their URLs."""
        secrets = [value.get_secret_value() for value in self.__dict__.values() if isinstance(value, SecretStr)]
        secrets += [part for url in self.alert_urls for part in list_secret_parts(url.get_secret_value())]
        for name, value in self.source_variables.items():
            secrets += _list_hidden_values(name, value.get_secret_value())
        passwords = [urlsplit(value).password or "" for value in secrets if "://" in value]
        return [value for value in [*secrets, *passwords, *map(unquote, passwords)] if value and value != EMBEDDED]


def _list_hidden_values(name: str, value: str) -> list[str]:
    """Return the secret parts of a SOURCE_ variable; an address may be shown, except for its login."""
    if name.endswith(PLAIN_SUFFIXES):
        return []
    if name.endswith("_URL"):
        try:
            parts = urlsplit(value)
        except ValueError:
            return [value]
        return [parts.password or "", unquote(parts.password or ""), parts.query]
    return [value]


def _check_address(parts: SplitResult) -> None:
    """Refuse an address that libpq would split in the wrong place: its error would show the password."""
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("expected postgresql://user:password@host:port/name, or embedded")
    _check_split(parts)


def _check_split(parts: SplitResult) -> None:
    """Refuse an address whose password contains characters at which the address would be split."""
    try:
        unclear = parts.netloc.count("@") > 1 or parts.port == 0
    # the port is not a number
    except ValueError:
        unclear = True
    if unclear or "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("write special characters of the password in percent form: @ as %40, / as %2F, # as %23")


def list_names() -> list[str]:
    """Return the names of all settings, as written in config/.env."""
    return [name.upper() for name in Settings.model_fields if name != SOURCE_FIELD]


def is_secret(name: str) -> bool:
    """Return whether the value of a setting is secret."""
    field = Settings.model_fields.get(name.lower())
    return field is not None and "SecretStr" in str(field.annotation)
