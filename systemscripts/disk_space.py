"""The disks that the installation uses: which folder stands for each, how much of it is free, whether it is full."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from systemscripts import settings
from systemscripts.directory_management import NO_SPACE, Directories

# One block: a full disk may still have room for a few bytes of a file that exists.
PROBE_BYTES = 4096
# Where Debian keeps the configuration of its servers.
CONFIGURATIONS = Path("/etc/postgresql")
DEFAULT_PORT = "5432"
LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


def list_folders(directories: Directories) -> list[Path]:
    """Return a folder on each disk that the installation uses."""
    folders_by_disk: dict[int, Path] = {}
    for path in (
        directories.data,
        directories.archive,
        directories.logs,
        directories.file_watcher,
        find_database_folder(directories),
    ):
        if path is not None and path.exists():
            folders_by_disk.setdefault(path.stat().st_dev, path)
    return list(folders_by_disk.values())


def find_folder(path: Path, directories: Directories) -> Path:
    """Return the folder that stands for the disk of a path: one of `list_folders`, else where it is mounted."""
    existing = next(parent for parent in (path, *path.parents) if os.path.exists(parent))  # noqa: PTH110 - never raises
    disk = existing.stat().st_dev
    for folder in list_folders(directories):
        if folder.stat().st_dev == disk:
            return folder
    while existing.parent != existing and existing.parent.stat().st_dev == disk:
        existing = existing.parent
    return existing


def measure_free_percent(folder: Path) -> float:
    """Return how much of a disk is free, in percent."""
    usage = shutil.disk_usage(folder)
    return 100 * usage.free / usage.total if usage.total else 100.0


def is_full(folder: Path) -> bool:
    """Return whether nothing more can be written there: the disk or a quota is used up."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:
            return stream.write(bytes(PROBE_BYTES)) != PROBE_BYTES
    except OSError as error:
        return error.errno in NO_SPACE


def find_database_folder(directories: Directories) -> Path | None:
    """Return the folder in which PostgreSQL keeps its data, if it runs on this host; None otherwise."""
    if (folder := find_server_folder()) is not None:
        return folder
    try:
        return Path(json.loads((directories.var / "embedded_database.json").read_text())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_server_folder(configurations: Path = CONFIGURATIONS) -> Path | None:
    """Return the data directory of the server of DATABASE_URL; None if it is not on this host, or not to be found.

    No right on it is needed. The embedded server has a folder of its own (var/embedded_database.json).
    """
    # late: not every run asks for it
    import psycopg2.extensions

    current_settings = settings.current()
    if current_settings.uses_embedded_database:
        return None
    try:
        parts = psycopg2.extensions.parse_dsn(current_settings.database_url.get_secret_value())
    except psycopg2.ProgrammingError:
        return None
    host = str(parts.get("host", ""))
    if host not in LOCAL_HOSTS and not host.startswith("/"):
        return None
    for path in sorted(configurations.glob("*/*/postgresql.conf")):
        values = _read_values(path)
        folder = Path(values.get("data_directory", f"/var/lib/postgresql/{path.parts[-3]}/{path.parts[-2]}"))
        if values.get("port", DEFAULT_PORT) == str(parts.get("port", DEFAULT_PORT)) and _exists(folder):
            return folder
    return None


def _read_values(path: Path) -> dict[str, str]:
    """Return the settings that a postgresql.conf has as NAME = VALUE or NAME = 'VALUE'; the last one counts."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(re.findall(r"^\s*(\w+)\s*=?\s*'?([^'#\s]+)", text, re.MULTILINE))


def _exists(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError:
        return False
