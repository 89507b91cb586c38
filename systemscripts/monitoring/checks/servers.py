"""Check the servers that files come from and go to, if their module has `probe(options)`."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from systemscripts import configuration, sources, targets
from systemscripts.configuration import variables, yaml_folders
from systemscripts.configuration.import_config import ImportConfig
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line

ORDER = 80


def check(context: Context) -> Iterator[Line]:
    """Try each source and each target once."""
    if context.settings is None:
        return
    for name, type_name, options in [*_list_sources(), *_list_targets()]:
        try:
            module: ModuleType = (
                targets.load_module(type_name) if name.startswith("target") else sources.load_module(type_name)
            )
            if hasattr(module, "probe"):
                yield Line(OK, "server", f"{name}: {module.probe(options)}")
        except variables.UnsetVariableError as error:
            yield Line(WARNING, "server", f"{name}: not set up: {error.message}", "Set it if it is used on this host.")
        except EtlError as error:
            yield Line(FAILURE, "server", f"{name}: {error.message}", error.hint)


def _list_sources() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, type and options of each source, from the YAML files, so that no database is needed."""
    for path in yaml_folders.list_files("imports"):
        try:
            config = configuration.validate_document(
                configuration.read_document(path), ImportConfig, config_name=path.stem
            )
        except EtlError:
            # reported by another check
            continue
        for source in config.sources if config.is_active else ():
            yield f"source of {config.config_name}", source.type, source.options


def _list_targets() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in targets.list_names():
        try:
            target = targets.load_target(name)
        except EtlError:
            continue
        yield f"target {name}", target.type, target.options
