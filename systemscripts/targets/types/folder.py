"""Deliver files to a folder of this machine, such as a mounted one: type: folder, with the key path."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pydantic import Field

from systemscripts.configuration import variables
from systemscripts.configuration.strict_model import Strict
from systemscripts.directory_management import atomic_write, copy_stream, explain_write_error
from systemscripts.errors import ConfigurationError, UsageError


class Options(Strict):
    """The keys of a target of this type."""

    # it must exist: a folder within what is mounted, which is not there while nothing is mounted
    path: str = Field(min_length=1)


def probe(written: dict[str, Any]) -> str:
    """Look into the folder once, for doctor.py, and return the result in words; raises EtlError."""
    folder = _find_folder(variables.resolve_variables(written, "delivery target"))
    return f"{folder} exists, {shutil.disk_usage(folder).free / 2**30:.1f} GB free"


def deliver(options: dict[str, Any], paths: list[Path], mark: str = "") -> None:
    """Copy each file into the folder, whole or not at all, replacing one of its name; raises EtlError."""
    folder = _find_folder(options)
    for path in paths:
        try:
            with path.open("rb") as source, atomic_write(folder / path.name) as target:
                copy_stream(source, target)
        except OSError as error:
            raise explain_write_error(folder, error) from error


def list_sizes(options: dict[str, Any]) -> dict[str, int]:
    """Return the size in bytes of each file of the folder, by name; raises EtlError."""
    return {path.name: path.stat().st_size for path in _find_folder(options).iterdir() if path.is_file()}


def fetch(options: dict[str, Any], name: str, path: Path) -> None:
    """Copy a file of the folder to `path`, whole or not at all; raises EtlError."""
    source = _find_folder(options) / name
    if not source.is_file():
        raise UsageError(f"there is no {source}")
    try:
        with source.open("rb") as stream, atomic_write(path) as target:
            copy_stream(stream, target)
    except OSError as error:
        raise explain_write_error(path, error) from error


def remove(options: dict[str, Any], names: list[str]) -> None:
    """Remove files of the folder; raises EtlError."""
    folder = _find_folder(options)
    for name in names:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise explain_write_error(folder, error) from error


def _find_folder(options: dict[str, Any]) -> Path:
    folder = Path(Options.model_validate(options).path).expanduser()
    if not folder.is_dir():
        raise ConfigurationError(f"the folder {folder} does not exist", "Mount it, or create it: see findmnt.")
    return folder
