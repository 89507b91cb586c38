"""Find the YAML of imports, pipelines and reports: the project's in config/, and the operator's in ETL_LOCAL_DIR.

A file of the operator's takes the place of the project's file of that name, so an update never conflicts with it.
"""

from __future__ import annotations

import os
import pwd
import shlex
from pathlib import Path

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.directory_management import belongs_to_installation
from systemscripts.errors import ConfigurationError

PROJECT_FOLDER = settings.PROJECT / "config"


def list_folders(part: str) -> list[Path]:
    """Return the folders of a part, such as imports; the first one wins, and is where new files belong."""
    own = settings.current().etl_local_dir
    return [*([own / part] if own else []), PROJECT_FOLDER / part]


def list_files(part: str, folder: Path | None = None) -> list[Path]:
    """Return the YAML files of a part, or of a folder, sorted by name: one for each name."""
    files: dict[str, Path] = {}
    for each in [folder] if folder else reversed(list_folders(part)):
        files |= {path.stem: path for path in each.glob("*.yaml")}
    return [files[name] for name in sorted(files)]


def find_file(part: str, name: str, folder: Path | None = None) -> Path:
    """Return the path of a YAML file: the one that is used, or where a new one belongs."""
    paths = [each / f"{name}.yaml" for each in ([folder] if folder else list_folders(part))]
    return next((path for path in paths if path.exists()), paths[0])


def can_write(folder: Path) -> bool:
    """Return whether this user may add files to a folder, or create it."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return os.access(existing, os.W_OK | os.X_OK)


def format_copy(source: Path, target: Path) -> str:
    """Return the command that copies a file of ours to where the operator's, or root's, configuration is."""
    if settings.PROJECT.stat().st_uid == os.geteuid():
        return shlex.join(["cp", str(source), str(target)])
    # who copies reads the file as its owner, who could lay a link in its place to what only root or the operator reads
    read = shlex.join(["sudo", "-u", pwd.getpwuid(os.geteuid()).pw_name, "cat", str(source)])
    return f"{read} {'| sudo tee' if belongs_to_installation(target.parent) else '>'} {shlex.quote(str(target))}"


def refuse_unwritable(path: Path) -> None:
    """Raise ConfigurationError with what to type, if the row of an import cannot be written to its YAML file here."""
    if can_write(path.parent) and (not path.exists() or os.access(path, os.W_OK)):
        return
    export = format_command("export_config", path.stem)
    where = shlex.quote(str(path))
    write = f"{export} | sudo tee {where}" if belongs_to_installation(path.parent) else f"{export} >{where}"
    raise ConfigurationError(
        f"{path} cannot be written by the user of the jobs",
        f"Run: {write} && {format_command('apply_config', path.stem, '--take', 'file')}",
    )
