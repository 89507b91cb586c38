"""List the files of an installation that belong in a backup, each under a name that any host can map to a path.

The first part of a name says where the file belongs:
    settings.env        the settings file
    project/...         config/ and sql/ of the project's folder
    local/...           the folder ETL_LOCAL_DIR
    data/...            the data folder: keys and pauses from var/; archive/, file_watcher/ and the lake
    home/...            the home folder of the user of the jobs: SSH keys that a configuration names
    host/...            any other path, absolute: certificates, key files
    cron/...            the installed cron file, for reading: it is made from the pipelines
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from systemscripts import secret, settings
from systemscripts.configuration import yaml_folders
from systemscripts.directory_management import IN_PROGRESS_SUFFIXES, Directories
from systemscripts.schedules import own_cron_file

SETTINGS_NAME = "settings.env"
# What the project's folder has besides code. Migrations are code.
PROJECT_PARTS = ("config", "sql")
PROJECT_SKIPPED = ("sql/migrations/", "sql/views/", "config/.env", "config/alert_settings")
# Of var/: what a person or the suite cannot make again. Alerts would be sent twice.
STATE_PARTS = ("pgp", "ssh", "pauses.json", "schedules.json", "backup_passphrase", "console_key")
# Where YAML and rows of imports name private keys.
KEY_FILE = re.compile(r"key_file['\"]?\s*:\s*['\"]?([^'\",}\s]+)")


def list_configuration(directories: Directories, texts: Iterable[str] = ()) -> dict[str, Path]:
    """Return the small files of a backup, by name. `texts`: configurations that are not in files, which name keys."""
    files = _list_own()
    named = list_named(texts)
    for part in STATE_PARTS:
        files |= _list_tree(directories.var / part, f"data/var/{part}")
    files |= {build_name(path, directories): path for path in named}
    cron_file = own_cron_file.find_path()
    files[f"cron/{cron_file.name}"] = cron_file
    return {name: path for name, path in sorted(files.items()) if path.is_file()}


def list_named(texts: Iterable[str] = ()) -> set[Path]:
    """Return the paths that the settings and the configuration of this host name, also if there is nothing there."""
    return {*_list_named_by_settings(settings.settings_file()), *_list_keys(_list_own().values(), texts)}


def list_large(directories: Directories, lake_folders: Iterable[Path]) -> dict[str, Path]:
    """Return the files of the archive, the lake and file_watcher/, by name.

    file_watcher/ is first: a file that is archived meanwhile is then found at one of the two places.
    """
    files = _list_tree(directories.file_watcher, "data/file_watcher")
    temporary = f"data/file_watcher/{directories.temporary.name}/"
    files = {name: path for name, path in files.items() if not name.startswith(temporary)}
    for folder in (directories.archive, *lake_folders):
        files |= _list_tree(folder, build_name(folder, directories))
    return files


def build_name(path: Path, directories: Directories) -> str:
    """Return the name of a path in a backup."""
    for part, folder in (("data", directories.data), ("home", Path.home())):
        if path.is_relative_to(folder):
            return f"{part}/{path.relative_to(folder)}"
    return f"host{path}"


def find_place(name: str, directories: Directories) -> Path:
    """Return the path of a name on this host. A local folder of another host is config/ where there is none here."""
    part, _, rest = name.partition("/")
    places = {
        SETTINGS_NAME: settings.settings_file(),
        "project": settings.PROJECT,
        "local": settings.current().etl_local_dir or yaml_folders.PROJECT_FOLDER,
        "data": directories.data,
        "home": Path.home(),
        "host": Path("/"),
    }
    return places[part] / rest if rest else places[part]


def is_safe_name(name: str) -> bool:
    """Return whether a name from a backup stays below the folder of its first part; of the project, below its parts."""
    first, *rest = name.split("/")
    if {"", ".", ".."} & {first, *rest} or "\0" in name:
        return False
    if first == "project":
        return len(rest) > 1 and rest[0] in PROJECT_PARTS
    return name == SETTINGS_NAME or (first in ("local", "data", "home", "host", "cron") and bool(rest))


def _list_own() -> dict[str, Path]:
    """Return the settings file and the files of the configuration, by name."""
    files = {SETTINGS_NAME: settings.settings_file()}
    for part in PROJECT_PARTS:
        files |= _list_tree(settings.PROJECT / part, f"project/{part}")
    files = {name: path for name, path in files.items() if not name.startswith(_build_skipped())}
    local = settings.current().etl_local_dir
    return files | (_list_tree(local, "local") if local else {})


def _build_skipped() -> tuple[str, ...]:
    return tuple(f"project/{name}" for name in PROJECT_SKIPPED)


def _list_tree(folder: Path, name: str) -> dict[str, Path]:
    """Return the files of a folder, or a file; links are followed at the top only."""
    if folder.is_file():
        return {name: folder}
    return {f"{name}/{path.relative_to(folder)}": path for path in sorted(folder.rglob("*")) if _is_kept(path)}


def _is_kept(path: Path) -> bool:
    """Return whether a path is a file that is not part of a running write, a socket, a lock or a cache."""
    if path.name.endswith((*IN_PROGRESS_SUFFIXES, ".lock", ".pyc")) or path.name.startswith(".#"):
        return False
    return path.is_file() and not path.is_symlink()


def _list_named_by_settings(path: Path) -> Iterator[Path]:
    """Yield the files that settings name: certificates, keys, secrets in files."""
    from dotenv import dotenv_values

    for name, value in (dotenv_values(path, interpolate=False) if path.is_file() else {}).items():
        if name.endswith(("_FILE", "_PATH")) and value:
            yield Path(value).expanduser().absolute()
    yield (settings.current().secret_key_file or secret.DEFAULT_KEY_FILE).expanduser()


def _list_keys(paths: Iterable[Path], texts: Iterable[str]) -> Iterator[Path]:
    """Yield the private keys that configurations name, each with its public half."""
    contents = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.suffix == ".yaml"]
    for text in (*contents, *texts):
        for named in KEY_FILE.findall(text):
            key = Path(named).expanduser().absolute()
            yield from (key, key.with_name(f"{key.name}.pub"))
