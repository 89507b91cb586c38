"""The settings that an alert needs: read leniently, with their secrets, and the last good copy of them."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from systemscripts.last_resort.state_files import build_file_name, list_settings_folders, read_newest, try_write_first

# The settings that an alert needs.
NAMES = (
    "SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY", "SMTP_USER", "SMTP_PASSWORD", "SMTP_CA_FILE", "MAIL_FROM",
    "ALERT_RECIPIENTS", "ALERT_WEBHOOK_URL", "ALERT_URLS", "ENVIRONMENT_NAME",
)  # fmt: skip
SECRETS = ("SMTP_PASSWORD", "ALERT_WEBHOOK_URL", "ALERT_URLS")
# An encrypted value is kept as it is written, and so is the path of a file with a secret.
SOURCES_OF_SECRETS = (*(f"{name}_FILE" for name in SECRETS), "SECRET_KEY_FILE")
ENCRYPTED = "enc:"
# Only the suite's own Python can decrypt it; the value is passed by pipes, so that no process list shows it.
DECRYPT = "import sys; from systemscripts import secret; print(secret.decrypt(sys.stdin.read()), end='')"
DECRYPT_SECONDS = 20
MIN_SECRET_LETTERS = 4
# Of an address: a shorter part may be in any text.
MIN_PART_LETTERS = 8
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|WEBHOOK|^ALERT_URLS|^DATABASE_.*URL$")
SETTING = re.compile(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$")

Values = dict[str, str]


def name_environment(settings_file: Path) -> str:
    """Return the name of an environment that has no ENVIRONMENT_NAME, from its settings file.

    `qa` of qa.env and .env.qa; of an .env the folder of the project, or the folder where it lies.
    """
    name = re.sub(r"^\.?env\b|\.env\b", "", settings_file.name).strip(".")
    folder = settings_file.parent
    return name or (folder.parent if folder.name == "config" else folder).name or "etl"


def keep_settings(project: Path, settings_file: Path, data: Path) -> None:
    """Keep the alert settings of a healthy run as the last good copy, as they are written; never raises."""
    search_folders, name = (
        list_settings_folders(project, settings_file, data),
        build_file_name("alert_settings", settings_file),
    )
    with contextlib.suppress(Exception):
        kept = read_as_written(settings_file)
        for secret in SECRETS:
            # a secret that is only in the environment must not be written to disk
            if secret in os.environ:
                kept.pop(secret, None)
        if read_newest(search_folders, name) != kept:
            try_write_first(search_folders, name, kept)


def read_as_written(settings_file: Path) -> Values:
    """Return the alert settings of a settings file, even if the rest of it is wrong; the environment has priority."""
    known: Values = {}
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = settings_file.read_bytes().decode("utf-8", "replace").splitlines()
    for line in lines:
        match = SETTING.match(line)
        if match:
            known[match[1]] = _unquote(match[2])
    known.update(os.environ)
    return {name: known[name] for name in (*NAMES, *SOURCES_OF_SECRETS) if known.get(name)}


def resolve_secrets(values: Values, project: Path) -> Values:
    """Return settings with their secrets resolved; one that cannot be read is left out."""
    known = {name: value for name, value in values.items() if name in NAMES}
    for name in SECRETS:
        if values.get(f"{name}_FILE"):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                path = Path(values[f"{name}_FILE"]).expanduser()
                known[name] = path.read_text(encoding="utf-8").rstrip("\r\n")
        if known.get(name, "").startswith(ENCRYPTED):
            known[name] = _decrypt(known[name], values.get("SECRET_KEY_FILE", ""), project)
    return {name: value for name, value in known.items() if value}


def _decrypt(text: str, key_file: str, project: Path) -> str:
    import subprocess

    command = [str(project / ".venv" / "bin" / "python"), "-c", DECRYPT]
    known = {"PYTHONPATH": str(project), **({"SECRET_KEY_FILE": key_file} if key_file else {})}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command, input=text, env={**os.environ, **known}, check=False, capture_output=True, text=True,
            timeout=DECRYPT_SECONDS,
        )  # fmt: skip
        return done.stdout if done.returncode == 0 else ""
    return ""


def read_secrets(settings_file: Path) -> set[str]:
    """Return every secret value of the settings file, also if two lines were swapped."""
    secrets = set()
    with contextlib.suppress(OSError):
        lines = settings_file.read_bytes().decode("utf-8", "replace").splitlines()
        settings = {match[1]: _unquote(match[2]) for match in map(SETTING.match, lines) if match}
        secrets = {value for name, value in settings.items() if SECRET_NAME.search(name) and not name.endswith("_FILE")}
        # a password where a number belongs
        secrets |= {value for name, value in settings.items() if name == "SMTP_PORT" and not value.isdigit()}
        secrets |= list_parts(settings.get("ALERT_URLS", ""))
    return {value for value in secrets if len(value) >= MIN_SECRET_LETTERS}


def list_parts(addresses: str) -> set[str]:
    """Return the parts of ALERT_URLS that may be secret."""
    return {part for part in re.split(r"[\s,/?&=:@]+", addresses) if len(part) >= MIN_PART_LETTERS}


def _unquote(text: str) -> str:
    quote = text[:1]
    if quote in ("'", '"'):
        end = text.find(quote, 1)
        return text[1:end] if end > 0 else text[1:]
    return re.sub(r"\s+#.*$", "", text)
