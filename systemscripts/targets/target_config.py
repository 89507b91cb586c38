"""Where finished files go: config/targets/NAME.yaml, one module for each kind, found by listing this package.

A kind is a module with one function:
    deliver(options: dict, paths: list[Path]) -> None      put the files there, each whole or not at all
and the model `Options` of its keys.

`options` are the further keys of the YAML, their variables resolved. Raises EtlError; what is there already
whole may be delivered again.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ConfigDict

from systemscripts import configuration, plugins, settings
from systemscripts.configuration import plain_secrets, variables
from systemscripts.configuration.yaml_documents import ConsistentModel, FaultsError, KeyPath
from systemscripts.errors import ConfigurationError, UsageError, did_you_mean
from systemscripts.summary import Notice
from systemscripts.targets import types

FOLDER = settings.PROJECT / "config" / "targets"


class Target(ConsistentModel):
    """One place to deliver to; the further keys belong to the module targets/types/<type>.py."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    type: str

    @property
    def options(self) -> dict[str, Any]:
        """The keys of its kind, as written."""
        return self.model_extra or {}

    @classmethod
    def list_parts(cls, values: dict[str, Any]) -> list[tuple[KeyPath, Any, dict[str, Any]]]:
        """The keys of its kind."""
        kind = values.get("type")
        if not isinstance(kind, str) or kind not in plugins.list_names(types.__name__):
            return []
        options = {key: value for key, value in values.items() if key not in cls.model_fields}
        return [((), load_module(kind).Options, options)]


def load_module(kind: str) -> ModuleType:
    """The module of a kind; raises ConfigurationError with the nearest kind."""
    return plugins.load_module(types.__name__, kind, "delivery target of type")


def list_names(folder: Path = FOLDER) -> list[str]:
    """The targets that are configured."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_target(name: str, folder: Path = FOLDER) -> Target:
    """Read one target; raises UsageError with the nearest name, ConfigurationError that names every fault."""
    if name not in list_names(folder):
        raise UsageError(
            f"there is no delivery target {name!r}{did_you_mean(name, list_names(folder))}",
            f"Add {folder / f'{name}.yaml'}.",
        )
    return configuration.validate_document(configuration.read_document(folder / f"{name}.yaml"), Target, name=name)


def find_faults(folder: Path = FOLDER) -> list[str]:
    """What is wrong in the YAML files of the targets, each fault with file, line, key and the nearest valid key."""
    found = []
    for name in list_names(folder):
        try:
            load_module(load_target(name, folder).type)
        except ConfigurationError as error:
            text = error.message if isinstance(error, FaultsError) else f"{folder / f'{name}.yaml'}: {error}"
            found += error.faults if isinstance(error, FaultsError) else [text]
    return found


def deliver(target: Target, paths: list[Path]) -> None:
    """Bring files to a target; raises EtlError that names the target and what to do next."""
    load_module(target.type).deliver(
        variables.resolve_variables(target.options, f"config/targets/{target.name}.yaml"), paths
    )


def find_plain_secrets(target: Target) -> list[Notice]:
    """A warning for each secret that stands in the target's YAML itself."""
    return plain_secrets.find_warnings(target.options, f"config/targets/{target.name}.yaml")
