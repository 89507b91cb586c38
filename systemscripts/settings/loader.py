"""Load the settings of this process, once.

Sources, strongest first: the process environment, the settings file (`ETL_ENV_FILE`, else `config/.env`), the default.
A secret may also come from the file that `<NAME>_FILE` names. The settings file is parsed, never run as shell.
"""

from __future__ import annotations

import functools
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from systemscripts import secret
from systemscripts.errors import ConfigurationError, did_you_mean
from systemscripts.settings.model import SOURCE_FIELD, Settings, is_secret, list_names
from systemscripts.settings.project import PROJECT

# Set for one process by the process that starts it, not by the operator in a file.
PROCESS_VARIABLES = {
    "ETL_ENV_FILE",
    "ETL_NOW",
    "ETL_RUN_UUID",
    "ETL_PARENT_UUID",
    "ETL_ROOT_UUID",
    "ETL_STEP_NUMBER",
    "ETL_TIME_LIMIT_HOURS",
    "ETL_CRON",
    "ETL_STARTED_BY",
    "ETL_CRON_FILE",
    "ETL_NO_CRON_LOG",
    "ETL_NO_UV",
    "ETL_START_FD",
    "ETL_TEST_LONG",
}
# Of a faulty number: a longer value may be a password on the wrong line.
LONGEST_NUMBER_SHOWN_CHARACTERS = 6
# Variables that configurations may name as ${SOURCE_...}.
USER_PREFIX = "SOURCE_"


def settings_file() -> Path:
    """Return the path of the settings file, whether or not it exists."""
    named = os.environ.get("ETL_ENV_FILE")
    return Path(named).expanduser().absolute() if named else PROJECT / "config" / ".env"


@functools.cache
def current() -> Settings:
    """Return the settings of this process, read and checked once.

    Raises ConfigurationError that names every wrong value and unknown key.
    """
    return load(settings_file(), os.environ)


def is_set(name: str) -> bool:
    """Return whether a setting, or a variable SOURCE_..., has a value on this host; raises ConfigurationError."""
    known = current()
    value = known.source_variables.get(name) if name.startswith(USER_PREFIX) else getattr(known, name.lower())
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value not in (None, "", []))


def load(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read settings from the file at `path` (which may be missing, unless ETL_ENV_FILE names it) and an environment.

    Raises ConfigurationError.
    """
    problems: list[str] = []
    in_file = _read_file(path, "ETL_ENV_FILE" in environment, problems)
    values: dict[str, Any] = {SOURCE_FIELD: {}}
    for name, value in (in_file or {}).items():
        _take_variable(name, value, values, problems, str(path))
    for name, value in environment.items():
        if name.startswith(("ETL_", USER_PREFIX)) or _strip_file_suffix(name) in list_names():
            _take_variable(name, value, values, problems, "environment")
    if in_file is not None and "database_url" not in values:
        problems.append(f"{path} names no DATABASE_URL: give a postgresql:// address, or DATABASE_URL=embedded")
    return _validate(values, problems, path)


def _strip_file_suffix(name: str) -> str:
    base = name.removesuffix("_FILE")
    return base if base.startswith(USER_PREFIX) or is_secret(base) else name


def _read_file(path: Path, required: bool, problems: list[str]) -> dict[str, str] | None:
    from dotenv.parser import parse_stream

    if not _may_be_read(path, required):
        return None
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"settings file {path} cannot be read: {error}", f"Run as its owner: chmod 600 {shlex.quote(str(path))}"
        ) from error
    problems += [
        f"{path}, line {binding.original.line}: expected NAME=value"
        for binding in bindings
        if binding.error or (binding.key is not None and binding.value is None)
    ]
    return {item.key: item.value for item in bindings if item.key is not None and item.value is not None}


def _may_be_read(path: Path, required: bool) -> bool:
    """Return whether there is a settings file; raises ConfigurationError if it must not be used as it is."""
    try:
        status = path.stat()
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"settings file {path} does not exist", "Correct ETL_ENV_FILE.") from None
        return False
    except OSError as error:
        raise ConfigurationError(f"settings file {path}: {error.strerror}", "Run as its owner.") from error
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"settings file {path} is not a file", "Correct ETL_ENV_FILE.")
    if stat.S_IMODE(status.st_mode) & 0o007:
        raise ConfigurationError(
            f"settings file {path} can be read by others", f"Run: chmod 600 {shlex.quote(str(path))}"
        )
    _check_owner(path, status.st_uid)
    return True


def _check_owner(path: Path, owner: int) -> None:
    """Raise ConfigurationError if a settings file belongs to a user who could not otherwise decide what jobs do."""
    # who owns the code decides that anyway
    trusted = PROJECT.stat().st_uid
    if owner not in (0, os.geteuid(), trusted):
        raise ConfigurationError(
            f"settings file {path} belongs to the user {owner}, who owns neither the project nor this process",
            f"Look at it, then run: sudo chown {trusted} {shlex.quote(str(path))}",
        )


def _take_variable(name: str, value: str, values: dict[str, Any], problems: list[str], where: str) -> None:
    """Put one variable into `values`, or the reason why not into `problems`. An empty one means the default."""
    if name in PROCESS_VARIABLES:
        return
    base = _strip_file_suffix(name)
    if base not in list_names() and not base.startswith(USER_PREFIX):
        problems.append(f"{name} ({where}) is not a setting{did_you_mean(name.upper(), list_names())}")
        return
    if base != name and value:
        try:
            value = Path(value).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{name} ({where}): {value}: {getattr(error, 'strerror', None) or 'not UTF-8'}")
            return
    if base.startswith(USER_PREFIX):
        values[SOURCE_FIELD][base] = value
    elif value:
        values[base.lower()] = value
    elif base == name:
        values.pop(base.lower(), None)


def _decrypt(values: dict[str, Any], problems: list[str]) -> None:
    """Replace encrypted values, enc:..., by their plain text; only secrets may be encrypted."""
    key_file = values.get("secret_key_file")
    for name, value, owner in [
        *((name, value, values) for name, value in list(values.items()) if is_secret(name)),
        *((name, value, values[SOURCE_FIELD]) for name, value in list(values[SOURCE_FIELD].items())),
    ]:
        if isinstance(value, str) and value.startswith(secret.MARK):
            try:
                owner[name] = secret.decrypt(value, Path(key_file) if key_file else None)
            except ConfigurationError as error:
                problems.append(f"{name.upper()}: {error}")
                del owner[name]


def _may_be_secret(name: str, value: str, fault: str) -> bool:
    """Return whether an error must not quote a value: a secret, or a text where a number belongs (swapped lines)."""
    expects_number = fault.startswith(("int_", "float_"))
    return is_secret(name.upper()) or (expects_number and len(value) > LONGEST_NUMBER_SHOWN_CHARACTERS)


def _validate(values: dict[str, Any], problems: list[str], path: Path) -> Settings:
    settings: Settings | None = None
    _decrypt(values, problems)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            message = fault["msg"].removeprefix("Value error, ")
            # about several settings
            if not fault["loc"]:
                problems.append(message)
                continue
            name = str(fault["loc"][0])
            shown = "" if _may_be_secret(name, str(values.get(name)), fault["type"]) else f", not {values.get(name)!r}"
            problems.append(f"{name.upper()}: {message}{shown}")
    if problems or settings is None:
        raise ConfigurationError("settings: " + "; ".join(problems), f"Correct {path} or the environment.")
    return settings
