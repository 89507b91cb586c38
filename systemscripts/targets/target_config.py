"""Read config/targets/NAME.yaml and deliver files.

A type of target is a module of targets/types with the model `Options` of its keys and one function:
    deliver(options: dict, paths: list[Path], mark: str)   store the files there, each whole or not at all
Where a file can be put aside first and renamed then, it has these two instead:
    put_aside(options, paths, mark)                        store them under temporary names that contain `mark`
    publish(options, names, mark)                          give them their names; those that have them already are fine
Where a delivery cannot be repeated, because it would be there twice, it has this one instead:
    deliver_once(options, paths, mark, note_delivered)     as `deliver`; calls `note_delivered` once they are there
Where it can be tried, also
    probe(options: dict) -> str                            try it once, for doctor.py, and return the result in words
and for backups, which are read and removed there too, with
    list_sizes(options: dict) -> dict[str, int]            the size in bytes of each file there, by name
    fetch(options: dict, name: str, path: Path) -> None    copy one file back, whole or not at all
    remove(options: dict, names: list[str]) -> None        remove files there

`mark` is the same whenever the same delivery is tried again. `options` are the other keys of the YAML, with their
variables resolved except for `probe`. All raise EtlError; files may be delivered again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ConfigDict

from systemscripts import configuration, pgp, plugins, settings
from systemscripts.configuration import plain_secrets, variables
from systemscripts.configuration.yaml_documents import ConsistentModel, FaultsError, KeyPath
from systemscripts.directory_management import compute_sha256, explain_unsafe_name
from systemscripts.errors import ConfigurationError, UsageError, did_you_mean
from systemscripts.summary import Notice
from systemscripts.tables import temporary_files
from systemscripts.targets import types

# of the hash that names a delivery by its content
MARK_LETTERS = 8
FOLDER = settings.PROJECT / "config" / "targets"


class Target(ConsistentModel):
    """One delivery target; the other keys belong to the module targets/types/<type>.py."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    type: str
    # fingerprints or addresses of PGP keys: only their owners can read what is delivered (docs/pgp.md)
    encrypt_for: list[str] = []

    @property
    def options(self) -> dict[str, Any]:
        """Return the keys of its type, as they are written."""
        return self.model_extra or {}

    @classmethod
    def list_parts(cls, values: dict[str, Any]) -> list[tuple[KeyPath, Any, dict[str, Any]]]:
        """Return the keys of its type with their model."""
        target_type = values.get("type")
        if not isinstance(target_type, str) or target_type not in plugins.list_names(types.__name__):
            return []
        options = {key: value for key, value in values.items() if key not in cls.model_fields}
        return [((), load_module(target_type).Options, options)]


def load_module(target_type: str) -> ModuleType:
    """Return the module of a type; raises ConfigurationError with the nearest type."""
    return plugins.load_module(types.__name__, target_type, "delivery target of type")


def list_names(folder: Path = FOLDER) -> list[str]:
    """Return the names of the configured targets, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_target(name: str, folder: Path = FOLDER) -> Target:
    """Load one target; raises UsageError with the nearest name, ConfigurationError with every fault."""
    if name not in list_names(folder):
        raise UsageError(
            f"there is no delivery target {name!r}{did_you_mean(name, list_names(folder))}",
            f"Add {folder / f'{name}.yaml'}.",
        )
    return configuration.validate_document(configuration.read_document(folder / f"{name}.yaml"), Target, name=name)


def find_faults(folder: Path = FOLDER) -> list[str]:
    """Return the faults of the YAML files of the targets, each with file, line, key and the nearest valid key."""
    faults = []
    for name in list_names(folder):
        try:
            load_module(load_target(name, folder).type)
        except ConfigurationError as error:
            text = error.message if isinstance(error, FaultsError) else f"{folder / f'{name}.yaml'}: {error}"
            faults += error.faults if isinstance(error, FaultsError) else [text]
    return faults


def deliver(
    target: Target,
    paths: list[Path],
    mark: str = "",
    aside_at: str = "",
    note_aside: Callable[[str], None] | None = None,
) -> None:
    """Deliver files to a target; raises EtlError with the target and what to do next.

    `mark`: names this delivery, by default by the content of the files. `note_aside`: is called with the place when
    all files are there under temporary names, or are delivered for good where that must not be repeated. `aside_at`:
    where that was so before: if the target is still that place, they only get their names; a file without a temporary
    one has its name, or was taken away.
    """
    mark, place_mark = mark or _build_mark(paths), _build_place_mark(target)
    module = load_module(target.type)
    if hasattr(module, "deliver_once"):
        if aside_at != place_mark:
            with _encrypt(target, paths) as files:
                note_delivered = partial(note_aside, place_mark) if note_aside is not None else None
                module.deliver_once(_resolve_options(target), files, mark, note_delivered)
        return
    if aside_at != place_mark:
        with _encrypt(target, paths) as files:
            if not _try_put_aside(target, files, mark):
                return
        if note_aside is not None:
            note_aside(place_mark)
    names = [f"{path.name}.pgp" if target.encrypt_for else path.name for path in paths]
    module.publish(_resolve_options(target), names, mark)


def deliver_as_is(target: Target, paths: list[Path]) -> None:
    """Deliver files that are encrypted already; raises as `deliver` does."""
    mark = _build_mark(paths)
    if _try_put_aside(target, paths, mark):
        load_module(target.type).publish(_resolve_options(target), [path.name for path in paths], mark)


def _build_mark(paths: list[Path]) -> str:
    """Return what names a delivery by its content."""
    return hashlib.sha256("".join(map(compute_sha256, paths)).encode()).hexdigest()[:MARK_LETTERS]


def _build_place_mark(target: Target) -> str:
    """Return what tells the place and the form of a delivery from those before the target was corrected."""
    options = {key: value for key, value in _resolve_options(target).items() if not plain_secrets.is_secret(key)}
    text = json.dumps([target.type, options, target.encrypt_for], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:MARK_LETTERS]


def _try_put_aside(target: Target, paths: list[Path], mark: str) -> bool:
    """Store files under temporary names; return False where a target has none, so that they are delivered."""
    module, options = load_module(target.type), _resolve_options(target)
    if not hasattr(module, "put_aside"):
        (getattr(module, "deliver", None) or module.deliver_once)(options, paths, mark)
        return False
    module.put_aside(options, paths, mark)
    return True


@contextlib.contextmanager
def _encrypt(target: Target, paths: list[Path]) -> Iterator[list[Path]]:
    """Yield the files, encrypted if the target has recipients."""
    if not target.encrypt_for:
        yield paths
        return
    with temporary_files.create_folder(temporary_files.UNPACKED_PREFIX) as folder:
        encrypted = [folder / f"{path.name}.pgp" for path in paths]
        for path, result in zip(paths, encrypted, strict=True):
            pgp.encrypt_file(path, result, target.encrypt_for)
        yield encrypted


def list_sizes(target: Target) -> dict[str, int]:
    """Return the size in bytes of each file at a target, by name; raises EtlError."""
    sizes: dict[str, int] = load_module(target.type).list_sizes(_resolve_options(target))
    return {name: size for name, size in sizes.items() if not explain_unsafe_name(name)}


def fetch(target: Target, name: str, path: Path) -> None:
    """Copy a file of a target to `path`, whole or not at all; raises EtlError."""
    load_module(target.type).fetch(_resolve_options(target), name, path)


def remove(target: Target, names: list[str]) -> None:
    """Remove files at a target; raises EtlError."""
    load_module(target.type).remove(_resolve_options(target), names)


def _resolve_options(target: Target) -> dict[str, Any]:
    options: dict[str, Any] = variables.resolve_variables(target.options, f"config/targets/{target.name}.yaml")
    return options


def find_plain_secrets(target: Target) -> list[Notice]:
    """Return a warning for each plain-text secret in the YAML of the target."""
    return plain_secrets.find_warnings(target.options, f"config/targets/{target.name}.yaml")
